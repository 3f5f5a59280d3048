"""Rows without a code on their way into the tables: they land, then compete with what stands, turn by turn."""

import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import pandas as pd
import psycopg

from meter_core.store.connection import Connection
from meter_core.store.delivered import DeliveredFile
from meter_core.store.delivered_rows import QUALITIES_BY_RANK
from meter_core.store.errors import ZoneConflictError
from meter_core.store.landing import Landing
from meter_core.store.queries import query

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


ROWS_AT_ONCE: Final = 4_000
"""From how many rows on a span of months is compared apart: the pages that were read are still at hand for changing."""
MOST_SPANS: Final = 16
"""Each looks through all staged rows, and holds locks to the transaction's end."""


class _Span(NamedTuple):
    """Some months of staged rows.

    Attributes:
        first_ts: Their first instant.
        last_ts: Their last.
        turns: How many rows the key with the most of them has.
        rows: How many they are.
    """

    first_ts: datetime
    last_ts: datetime
    turns: int
    rows: int

    def with_(self, later: "_Span") -> "_Span":
        """Return this and later months as one."""
        return _Span(self.first_ts, later.last_ts, max(self.turns, later.turns), self.rows + later.rows)


class Contest:
    """Rows of one delivery that compete together.

    Args:
        connection: In a transaction.
        source_file_id: The delivery's row.
        delivery: Which it is.
    """

    def __init__(self, connection: Connection, source_file_id: int, delivery: DeliveredFile) -> None:
        self.landing = Landing(connection, source_file_id)
        self.interval_conflicts: list[tuple[int, str, datetime]] = []
        """Line, meter and time of the rows that found another interval length under their key: not loaded."""
        self.first_ts: datetime | None = None
        self.last_ts: datetime | None = None
        self._connection = connection
        self._source_file_id = source_file_id
        self._delivery = delivery
        self._first_lines: dict[str, int] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Take (n, ...) rows without a code, n > 0."""
        self.landing.add(frame)
        first, last = frame["reading_ts"].min().to_pydatetime(), frame["reading_ts"].max().to_pydatetime()
        self.first_ts, self.last_ts = min(first, self.first_ts or first), max(last, self.last_ts or last)
        lines: dict[str, int] = frame.groupby("meter_id", sort=False)["line"].min().to_dict()  # type: ignore[assignment]
        for meter_id, line in lines.items():
            self._first_lines[meter_id] = min(line, self._first_lines.get(meter_id, line))

    def lock(self) -> datetime:
        """Wait for the meters' locks; return an instant after it, so that a later delivery has a later one."""
        lock(self._connection, METER_LOCK, {zlib.crc32(meter.encode()) % METER_BUCKETS for meter in self._first_lines})
        row = self._connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - it is one row
        return row[0]

    def compete(self, recorded_at: datetime) -> Counter[str]:
        """Load the rows: at once where nothing stands in their way, else turn by turn; return what became of them.

        Args:
            recorded_at: When they count as stored.

        Raises:
            ZoneConflictError: the delivery says another zone for a meter that is known.
        """
        if not self._first_lines:
            return Counter()
        with self._connection.cursor().copy("COPY staged_meter FROM STDIN") as copy:
            for meter_id, line in self._first_lines.items():
                copy.write_row((meter_id, line))
        _add_meters(self._connection, self._delivery)
        outcomes = Counter({"loaded": self.landing.settle(recorded_at)})
        if not self.landing.staged:
            return outcomes
        cursor = psycopg.ClientCursor(self._connection)
        if self.landing.watch.may_repeat:
            outcomes["duplicates"] += cursor.execute(query("forget_repeats")).rowcount
            cursor.execute(query("number_turns"))
        cursor.execute(query("prefer_keys"))
        common = {"qualities": QUALITIES_BY_RANK, "source_file_id": self._source_file_id, "recorded_at": recorded_at}
        for span in _spans(cursor):
            parameters = {**common, "first_ts": span.first_ts, "last_ts": span.last_ts}
            outcomes += self._compete_within(cursor, parameters, span.turns)
        self.interval_conflicts.sort()
        return outcomes

    def _compete_within(
        self, cursor: "psycopg.ClientCursor[Any]", parameters: dict[str, Any], turns: int
    ) -> Counter[str]:
        """Load the rows of some months."""
        cursor.execute(query("find_contested"), parameters)
        outcomes = Counter({"loaded": cursor.execute(query("insert_uncontested"), parameters).rowcount})
        for turn in range(turns):
            if turn > 0 or _is_any_contested(cursor):
                outcomes += self._take_turn(cursor, {**parameters, "turn": turn})
        return outcomes

    def _take_turn(self, cursor: "psycopg.ClientCursor[Any]", parameters: dict[str, Any]) -> Counter[str]:
        """Compare one row of each key with what stands, and let precedence decide."""
        cursor.execute(query("judge"), parameters)
        outcomes = Counter(dict(cursor.execute(query("count_outcomes")).fetchall()))
        if outcomes["quarantined"]:
            self.interval_conflicts += cursor.execute(query("conflicting_intervals")).fetchall()
        for statement in ("keep_displaced", "keep_outranked", "replace_changed", "insert_new", "forget_judged"):
            cursor.execute(query(statement), parameters)
        return outcomes


def lock(connection: Connection, family: int, keys: Iterable[int]) -> None:
    """Wait for advisory locks, held to the transaction's end; in order, so no two deliveries wait for each other."""
    for key in sorted(keys):
        signed = key - 2**32 if key >= 2**31 else key
        connection.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (family, signed))


def _spans(cursor: "psycopg.ClientCursor[Any]") -> list[_Span]:
    """Return the spans of the staged rows, of whole months; one where keys come again: each turn holds locks."""
    cursor.execute(query("months_of_staged"))
    cursor.nextset()
    months = [_Span._make(row) for row in cursor.fetchall()]
    rows = sum(month.rows for month in months)
    at_once = max(ROWS_AT_ONCE, rows // MOST_SPANS) if all(month.turns == 1 for month in months) else rows
    spans: list[_Span] = []
    for month in months:
        if spans and spans[-1].rows < at_once:
            spans[-1] = spans[-1].with_(month)
        else:
            spans.append(month)
    return spans


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
