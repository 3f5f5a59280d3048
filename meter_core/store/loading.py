"""One delivery, one transaction: staged, compared, accounted for. Afterwards all of it is there, or nothing."""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd
import psycopg
from psycopg.types.json import Jsonb

from meter_core.store.connection import Connection
from meter_core.store.delivered import DeliveredFile, DeliveryKey, LoadCounts, SourceProfile, StoppedDelivery
from meter_core.store.delivered_rows import QUALITIES_BY_RANK
from meter_core.store.errors import ZoneConflictError
from meter_core.store.landing import CONFLICTING, Landing
from meter_core.store.quarantine import (
    INTERVAL_CONFLICT,
    RawLine,
    Refused,
    quarantine_range,
    quarantine_rows,
    refused_rows,
)
from meter_core.store.queries import query

DELIVERY_LOCK: Final = 0x6D657464
METER_LOCK: Final = 0x6D65746D
METER_BUCKETS: Final = 64
"""Advisory locks on meters: other buckets load side by side, and a million meters need no million locks."""

METER_FACTS: Final = (
    "country",
    "subdivision",
    "nominal_voltage_v",
    "nominal_frequency_hz",
    "fuse_a",
    "segment",
    "tariff",
    "feeder",
)
"""What a profile may say of all its meters; NULL where it does not."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery's row in `source_file`.

    Attributes:
        source_file_id: Its key.
        recorded_at: When the system stored it. What competes with other deliveries is recorded at an instant after
            the meters' locks were taken, so a later delivery of a meter has a later time.
    """

    source_file_id: int
    recorded_at: datetime

    def parameters(self) -> dict[str, Any]:
        """Return both as SQL parameters."""
        return {"source_file_id": self.source_file_id, "recorded_at": self.recorded_at}


def known_delivery(connection: Connection, key: DeliveryKey) -> LoadCounts | None:
    """Return the accounting of a delivery that was loaded before, all of it duplicates now; None for a new one."""
    row = connection.execute(query("known_delivery"), key.parameters()).fetchone()
    if row is None:
        return None
    source_file_id, lines, rows = row
    return LoadCounts(lines, rows, duplicates=rows, known=True, source_file_id=source_file_id)


class Loading:
    """One delivery on its way into the connection's transaction, part by part.

    Args:
        connection: In a transaction; the caller commits it, or rolls it back.
        key: By what the delivery is known.
        delivery: Which it is.
        kept_as: Where the file itself is kept.
        raw_lines: Numbers of lines -> these lines as delivered; asked for lines whose part has gone.
    """

    def __init__(
        self,
        connection: Connection,
        key: DeliveryKey,
        delivery: DeliveredFile,
        kept_as: str | None,
        raw_lines: Callable[[Collection[int]], Mapping[int, str]],
    ) -> None:
        self.known = _locked_and_known(connection, key)
        """The accounting of the same delivery, where it was loaded before: then there is nothing to do."""
        self._connection = connection
        self._delivery = delivery
        self._raw_lines = raw_lines
        self._rows = self._quarantined = 0
        self._first_lines: dict[str, int] = {}
        if self.known is None:
            self._opened = _open(connection, key, delivery.profile, _about(delivery.file_name, kept_as, "loaded", 0))
            self._landing = Landing(connection, self._opened.source_file_id)

    def add(self, frame: pd.DataFrame, raw_line: RawLine) -> None:
        """Take a part of the delivery.

        Args:
            frame: (n, ...) with `code` and `blanked` completed; rows without a code are loaded.
            raw_line: line -> the line as delivered, of this part.
        """
        refused = frame["code"].notna().to_numpy()
        good, bad = frame[~refused], frame[refused]
        self._rows += len(frame)
        self._quarantined += len(bad)
        if len(bad):
            self._quarantine(refused_rows(bad), raw_line)
            conflicting = bad[bad["code"] == CONFLICTING]
            if len(conflicting):
                self._landing.add_conflicting(conflicting)
        if len(good):
            self._landing.add(good)
            first: dict[str, int] = good.groupby("meter_id", sort=False)["line"].min().to_dict()  # type: ignore[assignment]
            for meter_id, line in first.items():
                self._first_lines[meter_id] = min(line, self._first_lines.get(meter_id, line))

    def take_conflicts(self) -> list[tuple[int, datetime]]:
        """Quarantine the values of one key that differ though nothing orders them, in whatever parts they came.

        Returns:
            Line and time of each that was to be loaded until now.
        """
        found = self._landing.take_conflicts()
        self._quarantine_by_line([(*row, CONFLICTING) for row in found])
        return [(line, reading_ts) for line, _, reading_ts in found]

    def finish(self, lines: int) -> LoadCounts:
        """Let the rows compete with what stands, and close the accounting.

        Args:
            lines: Delivered lines of data.

        Raises:
            ZoneConflictError: the delivery says another zone for a meter that is known.
        """
        buckets = {zlib.crc32(meter.encode()) % METER_BUCKETS for meter in self._first_lines}
        _lock(self._connection, METER_LOCK, buckets)
        row = self._connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - it is one row
        opened = Opened(self._opened.source_file_id, row[0])
        outcomes = self._compete(opened) if self._first_lines else Counter()
        counts = LoadCounts(
            lines=lines,
            rows=self._rows,
            loaded=outcomes["loaded"],
            superseded=outcomes["superseded"],
            outranked=outcomes["outranked"],
            duplicates=outcomes["duplicates"],
            quarantined=self._quarantined,
            source_file_id=opened.source_file_id,
            interval_conflicts=outcomes["quarantined"],
        )
        self._connection.execute(query("close_source_file"), {**opened.parameters(), **counts.as_dict()})
        return counts

    def _compete(self, opened: Opened) -> Counter[str]:
        """Load the rows without a code: at once where nothing stands in their way, else turn by turn."""
        with self._connection.cursor().copy("COPY staged_meter FROM STDIN") as copy:
            for meter_id, line in self._first_lines.items():
                copy.write_row((meter_id, line))
        _add_meters(self._connection, self._delivery)
        outcomes = Counter({"loaded": self._landing.settle(opened.recorded_at)})
        if not self._landing.staged:
            return outcomes
        cursor = psycopg.ClientCursor(self._connection)
        if self._landing.watch.may_repeat:
            outcomes["duplicates"] += cursor.execute(query("forget_repeats")).rowcount
            cursor.execute(query("number_turns"))
        cursor.execute(query("span_of_staged"))
        cursor.nextset()
        first_ts, last_ts, turns = cursor.fetchone() or (None, None, 0)
        parameters = {"qualities": QUALITIES_BY_RANK, "first_ts": first_ts, "last_ts": last_ts, **opened.parameters()}
        cursor.execute(query("find_contested"))
        outcomes["loaded"] += cursor.execute(query("insert_uncontested"), parameters).rowcount
        for turn in range(turns):
            if turn > 0 or _is_any_contested(cursor):
                outcomes += self._take_turn(cursor, {**parameters, "turn": turn})
        return outcomes

    def _take_turn(self, cursor: "psycopg.ClientCursor[Any]", parameters: dict[str, Any]) -> Counter[str]:
        """Compare one row of each key with what stands, and let precedence decide."""
        cursor.execute(query("judge"), parameters)
        outcomes = Counter(dict(cursor.execute(query("count_outcomes")).fetchall()))
        if outcomes["quarantined"]:
            found = cursor.execute(query("conflicting_intervals")).fetchall()
            self._quarantine_by_line([(*row, INTERVAL_CONFLICT) for row in found])
        for statement in ("keep_displaced", "keep_outranked", "replace_changed", "insert_new", "forget_judged"):
            cursor.execute(query(statement), parameters)
        return outcomes

    def _quarantine_by_line(self, refused: list[tuple[int, str, datetime, str]]) -> None:
        """Quarantine rows of parts that have gone: their lines are read once more."""
        if refused:
            self._quarantined += len(refused)
            self._quarantine(refused, self._raw_lines({line for line, *_ in refused}).__getitem__)

    def _quarantine(self, refused: Refused, raw_line: RawLine) -> None:
        """Keep refused rows."""
        opened = self._opened
        quarantine_rows(self._connection, opened.source_file_id, opened.recorded_at, refused, raw_line)


def record_stopped(connection: Connection, stopped: StoppedDelivery) -> LoadCounts:
    """Record a delivery of which nothing is loaded, as one quarantined range. One that was loaded before stays so."""
    known = _locked_and_known(connection, stopped.key)
    if known:
        return known
    about = _about(stopped.file_name, stopped.kept_as, "stopped", stopped.lines)
    about |= {"reason": stopped.reason, "quarantined": stopped.rows}
    opened = _open(connection, stopped.key, stopped.profile, about)
    quarantine_range(connection, opened.source_file_id, opened.recorded_at, stopped)
    return LoadCounts(stopped.lines, stopped.rows, quarantined=stopped.rows, source_file_id=opened.source_file_id)


def _locked_and_known(connection: Connection, key: DeliveryKey) -> LoadCounts | None:
    """Wait until nobody else handles this delivery, then say whether it has been loaded."""
    _lock(connection, DELIVERY_LOCK, [zlib.crc32(repr(key).encode())])
    return known_delivery(connection, key)


def _lock(connection: Connection, family: int, keys: Iterable[int]) -> None:
    """Wait for advisory locks, held to the transaction's end; in order, so no two deliveries wait for each other."""
    for key in sorted(keys):
        signed = key - 2**32 if key >= 2**31 else key
        connection.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (family, signed))


def _about(file_name: str, kept_as: str | None, status: str, lines: int) -> dict[str, Any]:
    """Return SQL parameters of a source file."""
    return {
        "file_name": file_name,
        "kept_as": kept_as,
        "status": status,
        "lines": lines,
        "reason": None,
        "quarantined": 0,
    }


def _open(connection: Connection, key: DeliveryKey, profile: SourceProfile, about: dict[str, Any]) -> Opened:
    """Write the delivery's row; what an earlier stop of the same delivery quarantined is resolved by it."""
    parameters = {
        **key.parameters(),
        **about,
        "profile": profile.name,
        "units": Jsonb(dict(profile.units)),
        "quantities": Jsonb({name: str(kind) for name, kind in profile.quantities.items()}),
    }
    row = connection.execute(query("open_source_file"), parameters).fetchone()
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives a row
    opened = Opened(*row)
    connection.execute(query("resolve_quarantine"), opened.parameters())
    return opened


def _is_any_contested(cursor: "psycopg.ClientCursor[Any]") -> bool:
    """Say whether the store holds anything within the delivery's span."""
    return cursor.execute("SELECT FROM contested LIMIT 1").fetchone() is not None


def _add_meters(connection: Connection, delivery: DeliveredFile) -> None:
    """Make the meters that are new; a zone that was only assumed gives way to one that is said.

    Raises:
        ZoneConflictError: a meter stands in another zone.
    """
    zone = {"zone": delivery.zone, "zone_assumed": delivery.zone_assumed}
    row = connection.execute(query("conflicting_zone"), zone).fetchone()
    if row and row[0] is not None:
        raise ZoneConflictError(
            f"{delivery.file_name} line {row[0]}: its meter is known to stand in {row[1]}, "
            f"this delivery says {delivery.zone}; "
            f"nothing was loaded; ingest it with --zone {row[1]}, or correct the meter's zone first"
        )
    facts = {name: getattr(delivery.profile, name, None) for name in METER_FACTS}
    connection.execute(query("add_meters"), zone | facts)
