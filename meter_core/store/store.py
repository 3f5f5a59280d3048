"""The store: everything that is kept in PostgreSQL, behind one class. A method is one transaction."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd
from psycopg.rows import class_row, dict_row
from pydantic import SecretStr

from meter_core.contracts.weather import Place, WeatherValues
from meter_core.store import (
    completeness,
    deliveries,
    erasure,
    installations,
    loading,
    predictions,
    reading,
    released,
    retention,
    rewriting,
    weather,
)
from meter_core.store.connection import Database
from meter_core.store.delivered import DeliveredFile, DeliveryKey, Freshness, LoadCounts, StoppedDelivery
from meter_core.store.deliveries import RecordedDelivery
from meter_core.store.queries import query


@dataclass(frozen=True, slots=True)
class PromotionRecord:
    """A decision about a version.

    Attributes:
        model_name: Registered model.
        model_version: The version it is about.
        action: `promoted`, `refused` or `rolled_back`.
        who: Person or job.
        why: In words, with figures.
        predictor_digest: Of the version's exported predictor.
        previous_version: Champion until then.
    """

    model_name: str
    model_version: str
    action: Literal["promoted", "refused", "rolled_back"]
    who: str
    why: str
    predictor_digest: str | None = None
    previous_version: str | None = None


class Store:
    """Readings, deliveries, predictions and promotions in one PostgreSQL database.

    Args:
        database_url: libpq URL; may hold a password, which no error repeats.

    Raises:
        WrongDatabaseUrlError: where it is not one.

    Every method raises DatabaseUnavailableError where PostgreSQL cannot be reached, goes away, is full or lacks the
    schema, and DatabaseRefusedError where it refuses; nothing of the method's transaction stays then.
    """

    def __init__(self, database_url: str | SecretStr) -> None:
        self._database = Database(database_url)

    def upgrade(self) -> str:
        """Bring the database to this version's schema, harmless where it already is; return the revision."""
        from meter_core.store import schema  # Alembic and SQLAlchemy take a fifth of a second to import

        return schema.upgrade(self._database)

    def has_schema(self) -> bool:
        """Say whether the database has a schema of ours, of whatever version; false for a new database."""
        with self._database.transaction() as connection:
            row = connection.execute(query("schema_table")).fetchone()
        return row is not None and row[0] is not None

    def known_delivery(self, key: DeliveryKey) -> LoadCounts | None:
        """Return the accounting of a delivery that was loaded before, all of it duplicates now; None for a new one."""
        with self._database.transaction() as connection:
            return loading.known_delivery(connection, key)

    @contextmanager
    def loading(
        self,
        key: DeliveryKey,
        delivery: DeliveredFile,
        kept_as: str | None,
        raw_lines: Callable[[Collection[int]], Mapping[int, str]],
    ) -> Iterator[loading.Loading]:
        """Yield what takes a delivery part by part; all of it is committed at the end, or nothing.

        Args:
            key: By what the delivery is known.
            delivery: Which it is.
            kept_as: Where the file itself is kept.
            raw_lines: Numbers of lines -> these lines as delivered.
        """
        with self._database.transaction() as connection:
            yield loading.Loading(connection, key, delivery, kept_as, raw_lines)

    def record_stopped(self, stopped: StoppedDelivery) -> LoadCounts:
        """Record a delivery of which nothing is loaded, as one quarantined range. One loaded before stays so."""
        with self._database.transaction() as connection:
            return loading.record_stopped(connection, stopped)

    def delivery(self, name: str) -> RecordedDelivery:
        """Return the delivery of this number, file name, or beginning of a digest.

        Raises:
            UsageError: there is none, or several.
        """
        with self._database.transaction() as connection:
            return deliveries.find_delivery(connection, name)

    def quarantine_groups(self, delivery: int | None = None, rule: str | None = None) -> list[dict[str, Any]]:
        """Return what waits in quarantine, by delivery and rule: how many values, and the first of them."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query("quarantine_groups"), {"delivery": delivery, "rule": rule}).fetchall()

    def quarantined_rows(
        self,
        ids: Sequence[int] | None = None,
        delivery: int | None = None,
        rule: str | None = None,
        line: int | None = None,
        all_: bool = False,
    ) -> list[dict[str, Any]]:
        """Return rows of the quarantine in the file's order, each as a dict; with `all_` those that left it too."""
        wanted = {"ids": ids, "delivery": delivery, "rule": rule, "line": line, "all": all_}
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query("quarantined_rows"), wanted).fetchall()

    def release(
        self, source_file_id: int, delivery: DeliveredFile, frame: pd.DataFrame, ids: Sequence[int], who: str, why: str
    ) -> dict[str, int]:
        """Load rows that wait in quarantine and that a person judged good; see `released.release`."""
        with self._database.transaction() as connection:
            return released.release(connection, source_file_id, delivery, frame, ids, who, why)

    def newest_end(self) -> datetime | None:
        """Return the end of the newest interval; None where there is no reading."""
        with self._database.transaction() as connection:
            return completeness.newest_end(connection)

    def known_minutes(
        self, since: datetime, until: datetime, meters: Sequence[str]
    ) -> tuple[dict[str, tuple[str, datetime]], list[completeness.KnownMinutes]]:
        """Return meter -> (zone, its first reading), and what is known on each local day; see `completeness`."""
        with self._database.transaction() as connection:
            return completeness.known_minutes(connection, since, until, meters)

    def evidence_of_meters(self, since: datetime, until: datetime) -> list[completeness.MeterEvidence]:
        """Return what a window holds of each meter's values."""
        with self._database.transaction() as connection:
            return completeness.evidence_of_meters(connection, since, until)

    def gaps(self, since: datetime, until: datetime, meters: Sequence[str] | None = None) -> list[completeness.Gap]:
        """Return the stretches of time without a value, by meter and time; estimates count as values."""
        with self._database.transaction() as connection:
            return completeness.gaps(connection, since, until, meters)

    def deliveries(self) -> list[RecordedDelivery]:
        """Return all deliveries in the order in which they were recorded."""
        with self._database.transaction() as connection:
            return deliveries.deliveries(connection)

    def make_months(self, first: int, count: int) -> list[str]:
        """Make the partitions of so many months from this one on; return the names of those that were not there."""
        with self._database.transaction() as connection:
            return retention.make_ahead(connection, first, count)

    def old_months(self, cutoff: int) -> list[retention.Old]:
        """Return what lies before a month (`retention.month_of`)."""
        with self._database.transaction() as connection:
            return retention.due(connection, cutoff)

    def archived_files(self) -> set[str]:
        """Return the archive's files that are on record."""
        with self._database.transaction() as connection:
            return retention.archived_files(connection)

    @contextmanager
    def archiving(
        self, old: retention.Old, cutoff: int, who: str, why: str, file: str
    ) -> Iterator[Callable[[retention.Sink], int]]:
        """Yield what writes old rows as CSV and takes them out of their table; committed at the block's end."""
        with self._database.transaction() as connection:
            yield lambda sink: retention.archive(connection, old, cutoff, sink, who, why, file)

    def deliveries_before(self, until: datetime) -> list[RecordedDelivery]:
        """Return the deliveries all of whose values lie before an instant and whose files are not archived yet."""
        with self._database.transaction() as connection:
            found = connection.execute(query("deliveries_before"), {"until": until}).fetchall()
            return deliveries.deliveries(connection, [number for (number,) in found]) if found else []

    def moved_delivery(self, before: str, kept_as: str) -> None:
        """Note that a kept file lies in another place."""
        with self._database.transaction() as connection:
            connection.execute(query("moved_delivery"), {"before": before, "kept_as": kept_as})

    def erase_meter(
        self, meter_id: str, kept: Mapping[str, str | None], renamed: Mapping[int, str], who: str, why: str
    ) -> dict[str, int]:
        """Delete a meter's rows from every table and record it without the id; return how many of each table.

        Args:
            meter_id: Whose.
            kept: Place of each kept file it stood in -> SHA-256 of what is kept now; None where it is kept no more.
            renamed: Delivery -> its file's name without the id.
            who: Erases it.
            why: In their words.
        """
        with self._database.transaction() as connection:
            rows = erasure.erase_meter(connection, meter_id)
            erasure.note_kept(connection, kept)
            erasure.rename_deliveries(connection, meter_id, renamed)
            if any(rows.values()) or kept or renamed:
                rewriting.record(connection, "erased", who, why, None, {**rows, "files": len(kept)})
        return rows

    @contextmanager
    def rewriting(self) -> Iterator[rewriting.Rewriting]:
        """Yield what delivers a span of meters and time again; all of it is committed at the end, or nothing."""
        with self._database.transaction() as connection:
            yield rewriting.Rewriting(connection)

    def record_installations(self, devices: Sequence[installations.Installation]) -> None:
        """Keep devices of meters, in place of those recorded for the same meter and beginning."""
        with self._database.transaction() as connection:
            installations.record(connection, devices)

    def installations(self, meters: Collection[str]) -> pd.DataFrame:
        """Return the devices of these meters; see `sources.MeterFacts.installations`."""
        with self._database.transaction() as connection:
            return installations.installations(connection, meters)

    def registers(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """Return register values of earlier deliveries; see `sources.MeterFacts.registers`."""
        with self._database.transaction() as connection:
            return installations.registers(connection, wanted)

    def readings(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        meters: Sequence[str] | None = None,
        as_known_at: datetime | None = None,
        as_stored_at: datetime | None = None,
        most: int | None = None,
    ) -> pd.DataFrame:
        """Return readings, sorted by meter, channel and time.

        Args:
            since: Earliest `reading_ts`.
            until: `reading_ts` is before it.
            meters: Only these.
            as_known_at: The values by what could be known then (`available_ts`), since displaced ones included.
            as_stored_at: Likewise by what this system had stored then (`recorded_at`).
            most: Only so many, the first by meter and channel.

        Returns:
            (n, 17) see `reading.readings`.
        """
        wanted = reading.Wanted(since, until, meters, as_known_at, as_stored_at, most=most)
        with self._database.transaction() as connection:
            return reading.readings(connection, wanted)

    def unpredicted(
        self,
        model_name: str,
        model_version: str,
        until: datetime | None = None,
        meters: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return the readings this version has not predicted, missing energy included; columns as `readings`.

        Args:
            model_name: Registered model.
            model_version: Its version.
            until: `reading_ts` is before it.
            meters: Only these.
        """
        wanted = reading.Wanted(until=until, meters=meters, not_predicted_by=(model_name, model_version))
        with self._database.transaction() as connection:
            return reading.readings(connection, wanted)

    def meter_ids(self, first: str | None = None, last: str | None = None) -> list[str]:
        """Return the meters, in the order in which `readings` has them.

        Args:
            first: From this id on; None: from the first.
            last: To this id, inclusive; None: to the last.
        """
        with self._database.transaction() as connection:
            found = connection.execute(query("meter_ids"), {"first": first, "last": last}).fetchall()
        return [meter_id for (meter_id,) in found]

    def interval_means(self) -> dict[str, frozenset[str]]:
        """Return for each source (profile) what it delivers as interval means: known at the interval's end only."""
        with self._database.transaction() as connection:
            return deliveries.interval_means(connection)

    def segments(self) -> dict[str, str]:
        """Return the segment of each meter that has one on record."""
        with self._database.transaction() as connection:
            return dict(connection.execute(query("segments")).fetchall())

    def record_weather(self, values: WeatherValues) -> int:
        """Keep temperatures, and places that are new; return how many are new or others than before."""
        with self._database.transaction() as connection:
            return weather.record_weather(connection, values)

    def record_place(self, place: Place, meters: Sequence[str] = ()) -> None:
        """Keep a place and say which meters stand there; see `weather.stand_at`."""
        with self._database.transaction() as connection:
            weather.record_place(connection, place)
            weather.stand_at(connection, place.place, meters)

    def remove_place(self, place: str, and_leave: bool) -> weather.RemovedPlace:
        """Remove a place with its temperatures; see `weather.remove_place`."""
        with self._database.transaction() as connection:
            return weather.remove_place(connection, place, and_leave)

    def places(self) -> list[Place]:
        """Return the places that weather is known of, by name."""
        with self._database.transaction() as connection:
            return weather.places(connection)

    def place_of_meters(self, meters: Collection[str] | None = None) -> dict[str, str]:
        """Return meter -> place, of these meters or all, as far as they have one."""
        with self._database.transaction() as connection:
            return weather.place_of_meters(connection, meters)

    def weather(self, wanted: weather.WantedWeather) -> WeatherValues:
        """Return temperatures, sorted by place and instant."""
        with self._database.transaction() as connection:
            return weather.weather(connection, wanted)

    def weather_summary(self) -> list[dict[str, Any]]:
        """Return what is stored of each place."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query("weather_summary")).fetchall()

    def newest_forecasts(self) -> dict[str, dict[str, datetime]]:
        """Return for each place where meters stand when each source issued its newest forecast, oldest first."""
        with self._database.transaction() as connection:
            return weather.newest_forecasts(connection)

    def freshness(self) -> Freshness:
        """Return how much is stored, and how fresh it is."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(Freshness)) as cursor:
            found = cursor.execute(query("freshness")).fetchone()
        assert found is not None  # noqa: S101 - it is one row
        return found

    def start_prediction_run(self, task: str, model_name: str, model_version: str, predictor_digest: str) -> int:
        """Record that a batch inference starts, and return its number for `insert_predictions`."""
        values = {
            "task": task,
            "model_name": model_name,
            "model_version": model_version,
            "predictor_digest": predictor_digest,
        }
        with self._database.transaction() as connection:
            return predictions.start_run(connection, values)

    def insert_predictions(self, run_id: int, frame: pd.DataFrame) -> int:
        """Write predictions of a run, in place of those with the same key (meter, channel, origin, target, version).

        Args:
            run_id: Of `start_prediction_run`.
            frame: (n, ...) with `predictions.PREDICTION_COLUMNS`.

        Returns:
            How many were written.

        Raises:
            UsageError: there is no such run, or the frame lacks a column.
        """
        with self._database.transaction() as connection:
            return predictions.insert(connection, run_id, frame)

    def record_promotion(self, record: PromotionRecord) -> int:
        """Keep a decision about a version, and return its number."""
        with self._database.transaction() as connection:
            row = connection.execute(query("record_promotion"), asdict(record)).fetchone()
        assert row is not None  # noqa: S101 - INSERT ... RETURNING gives a row
        return int(row[0])

    def promotions(self, model_name: str | None = None) -> list[dict[str, Any]]:
        """Return the decisions, newest first: the fields of PromotionRecord with `id` and `decided_at`."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query("promotions"), {"model_name": model_name}).fetchall()
