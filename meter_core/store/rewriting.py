"""Delivering again what was delivered, in its order: a replayed delivery leaves what it would have left at first.

Only keys within a span of meters and time are touched. All of it is one transaction, in which nothing else is loaded.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from meter_core.store import installations
from meter_core.store.connection import Connection
from meter_core.store.contest import METER_BUCKETS, METER_LOCK, Contest, lock
from meter_core.store.delivered import DeliveredFile, DeliveryKey, LoadCounts
from meter_core.store.deliveries import RecordedDelivery, deliveries
from meter_core.store.quarantine import (
    INTERVAL_CONFLICT,
    RawLines,
    quarantine_staged,
    stage_refused,
    stage_refused_later,
)
from meter_core.store.queries import query

RowKey = tuple[int, str | None, datetime | None]
"""Line, meter and time: which of a delivery's values it is."""


@dataclass(frozen=True, slots=True)
class Span:
    """Meters and a stretch of time: every key that a delivery can have touched.

    Attributes:
        meters: Whose.
        first_ts: First instant, included.
        last_ts: Last instant, included: the end of the last interval, where the next register difference begins.
    """

    meters: frozenset[str]
    first_ts: datetime
    last_ts: datetime

    @classmethod
    def of(cls, frames: Iterable[pd.DataFrame]) -> "Span | None":
        """Return the span of the rows that have a key; None where none has."""
        meters: set[str] = set()
        bounds: list[datetime] = []
        for frame in frames:
            keyed = frame[frame["reading_ts"].notna() & (frame["meter_id"] != "")]
            if len(keyed):
                meters.update(keyed["meter_id"].unique())
                stamps = keyed["reading_ts"]
                ends = stamps + pd.to_timedelta(keyed["interval_minutes"], unit="min")
                bounds = [
                    min([*bounds, stamps.min().to_pydatetime()]),
                    max([*bounds, ends.max().to_pydatetime()]),
                ]
        return cls(frozenset(meters), *bounds) if bounds else None

    def with_(self, other: "Span | None") -> "Span":
        """Return what holds both."""
        if other is None:
            return self
        first, last = min(self.first_ts, other.first_ts), max(self.last_ts, other.last_ts)
        return Span(self.meters | other.meters, first, last)

    def holds(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Return (n,) which rows lie within."""
        stamps = frame["reading_ts"]
        within = frame["meter_id"].isin(list(self.meters)) & (stamps >= self.first_ts) & (stamps <= self.last_ts)
        return within.to_numpy()

    def parameters(self) -> dict[str, Any]:
        """Return it as SQL parameters."""
        return {"meters": sorted(self.meters), "first_ts": self.first_ts, "last_ts": self.last_ts}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of rows that were delivered again.

    Attributes:
        counts: By outcome, `quarantined` for those with another interval length than the value that stands.
        first_ts: First instant of the rows; None without any.
        last_ts: Last one.
    """

    counts: Counter[str]
    first_ts: datetime | None
    last_ts: datetime | None


class Rewriting:
    """The transaction in which a span is delivered again; nobody else loads anything meanwhile.

    Args:
        connection: In a transaction; the caller commits it, or rolls it back.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        lock(connection, METER_LOCK, range(METER_BUCKETS))
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - it is one row
        self.now: datetime = row[0]

    def installations(self, meters: Collection[str]) -> pd.DataFrame:
        """Return the devices of these meters; see `sources.MeterFacts.installations`."""
        return installations.installations(self._connection, meters)

    def registers(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """Return register values as delivered until now, which in a replay is until the delivery that is read."""
        return installations.registers(self._connection, wanted)

    def archived_before(self) -> datetime | None:
        """Return until when values were archived; None where none were."""
        row = self._connection.execute(query("archived_before")).fetchone()
        return row[0] if row else None

    def is_changed(self, delivery: RecordedDelivery) -> bool:
        """Say whether a delivery is recorded otherwise than it was, or is no more."""
        return deliveries(self._connection, [delivery.id]) != [delivery]

    def same(self, delivery: RecordedDelivery, key: DeliveryKey) -> RecordedDelivery | None:
        """Return another delivery that is known by this key."""
        parameters = {**key.parameters(), "source_file_id": delivery.id}
        row = self._connection.execute(query("same_delivery"), parameters).fetchone()
        return deliveries(self._connection, [row[0]])[0] if row else None

    def others(self, apart_from: Collection[int], span: Span) -> list[RecordedDelivery]:
        """Return the other loaded deliveries that may hold a key of the span, in their order."""
        parameters = {**span.parameters(), "apart_from": list(apart_from)}
        found = [number for (number,) in self._connection.execute(query("deliveries_within"), parameters).fetchall()]
        return deliveries(self._connection, found) if found else []

    def refused(self, source_file_id: int) -> set[RowKey]:
        """Return the rows of a delivery that its rules keep in quarantine, or that left it later."""
        parameters = {"source_file_id": source_file_id, "but": INTERVAL_CONFLICT}
        return set(self._connection.execute(query("refused_rows"), parameters).fetchall())

    def releases(self, source_file_id: int) -> dict[datetime, set[RowKey]]:
        """Return the rows of a delivery that people released, by when."""
        found: dict[datetime, set[RowKey]] = {}
        rows = self._connection.execute(query("released_rows"), {"source_file_id": source_file_id}).fetchall()
        for resolved_at, *row in rows:
            found.setdefault(resolved_at, set()).add(tuple(row))
        return found

    def remember(self, source_file_ids: Collection[int], span: Span) -> None:
        """Keep what deliveries had stored, to tell afterwards what is no more."""
        parameters = {**span.parameters(), "ids": list(source_file_ids), "source_file_id": min(source_file_ids)}
        self._connection.execute(query("remember_versions"))
        self._connection.execute(query("fill_remembered"), parameters)

    def forget(self, span: Span) -> None:
        """Take the span's values out of the tables, to be delivered again."""
        for statement in ("forget_readings", "forget_history", "forget_interval_conflicts", "assume_zones"):
            self._connection.execute(query(statement), {**span.parameters(), "code": INTERVAL_CONFLICT})

    def contest(self, source_file_id: int, delivery: DeliveredFile) -> Contest:
        """Return where the rows of a delivery land."""
        return Contest(self._connection, source_file_id, delivery)

    def settle(
        self,
        contest: Contest,
        source_file_id: int,
        recorded_at: datetime,
        raw_lines: Callable[[Collection[int]], Mapping[int, str]],
    ) -> Outcome:
        """Let the rows that landed compete, and make room for the next delivery."""
        counts = contest.compete(recorded_at)
        if contest.interval_conflicts:
            self.refuse_later(contest.interval_conflicts, INTERVAL_CONFLICT, raw_lines)
        quarantine_staged(self._connection, source_file_id, recorded_at)
        self._connection.execute(query("unstage"))
        return Outcome(counts, contest.first_ts, contest.last_ts)

    def refuse(self, refused: pd.DataFrame, raw_lines: RawLines) -> None:
        """Take refused rows of the delivery aside: `settle` quarantines them."""
        stage_refused(self._connection, refused, raw_lines)

    def refuse_later(
        self,
        rows: Sequence[tuple[int, str, datetime]],
        code: str,
        raw_lines: Callable[[Collection[int]], Mapping[int, str]],
    ) -> None:
        """Take rows aside that only the store could find: their lines are read once more."""
        stage_refused_later(self._connection, rows, code, raw_lines)

    def empty_quarantine(self, source_file_id: int, who: str, why: str) -> None:
        """Let what waits of a delivery leave quarantine: its lines are judged anew."""
        parameters = {"source_file_id": source_file_id, "who": who, "why": why, "recorded_at": self.now}
        self._connection.execute(query("replay_quarantine"), parameters)

    def recount(self, source_file_id: int, change: Mapping[str, int]) -> None:
        """Change the accounting of another delivery by so many values."""
        self._connection.execute(query("recount"), {"source_file_id": source_file_id, **change})

    def drop(self, source_file_id: int) -> None:
        """Forget a delivery that would have been known, had the replayed one been read as it is now."""
        self._connection.execute(query("drop_quarantine"), {"source_file_id": source_file_id})
        self._connection.execute(query("drop_delivery"), {"source_file_id": source_file_id})

    def finish(
        self,
        replayed: RecordedDelivery,
        key: DeliveryKey,
        delivery: DeliveredFile,
        counts: LoadCounts,
        outcome: Outcome,
        span: Span | None,
    ) -> int:
        """Write the delivery's row anew; keep as withdrawn what it had stored and stores no more.

        Returns:
            How many versions are withdrawn.
        """
        profile = delivery.profile
        parameters = {
            **key.parameters(),
            **counts.as_dict(),
            "source_file_id": replayed.id,
            "profile": profile.name,
            "declared": Jsonb(dict(profile.declared)),
            "zone_assumed": delivery.zone_assumed,
            "units": Jsonb(dict(profile.units)),
            "quantities": Jsonb({name: str(kind) for name, kind in profile.quantities.items()}),
            "first_ts": outcome.first_ts,
            "last_ts": outcome.last_ts,
            "now": self.now,
        }
        self._connection.execute(query("rewrite_delivery"), parameters)
        if span is None:
            return 0
        self._connection.execute(query("keep_recorded_at"), parameters)
        self._connection.execute(query("keep_recorded_at_in_history"), parameters)
        withdrawn = self._connection.execute(query("keep_withdrawn"), parameters).rowcount
        self._connection.execute(query("forget_meters_without_values"), span.parameters())
        return withdrawn

    def record(self, action: str, who: str, why: str, source_file_id: int | None, evidence: Mapping[str, Any]) -> None:
        """Keep who did what, and why."""
        record(self._connection, action, who, why, source_file_id, evidence)


def record(
    connection: Connection, action: str, who: str, why: str, source_file_id: int | None, evidence: Mapping[str, Any]
) -> None:
    """Keep what a person did to stored data; names no meter."""
    parameters = {"action": action, "who": who, "why": why, "source_file_id": source_file_id}
    connection.execute(query("record_intervention"), {**parameters, "evidence": Jsonb(dict(evidence))})
