"""One delivery, one transaction: staged, compared, accounted for. Afterwards all of it is there, or nothing."""

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from meter_core.store.connection import Connection
from meter_core.store.delivered import DeliveredFile, DeliveryKey, Judged, LoadCounts, SourceProfile, StoppedDelivery
from meter_core.store.errors import ZoneConflictError
from meter_core.store.partitions import lock_new_months, new_months
from meter_core.store.quarantine import INTERVAL_CONFLICT, quarantine_range, quarantine_rows
from meter_core.store.queries import query
from meter_core.store.staging import Staged, code_lists, stage

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
        recorded_at: When the system stored it: taken after its locks, so a later delivery of a meter has a later time.
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


def load(connection: Connection, delivery: DeliveredFile, judged: Judged, kept_as: str | None) -> LoadCounts:
    """Load a delivery in the connection's transaction.

    Args:
        connection: In a transaction.
        delivery: As read.
        judged: Its frame with codes; rows without one are loaded.
        kept_as: Where the file itself is kept.

    Raises:
        ZoneConflictError: it says another zone for a meter that is known.
    """
    key = DeliveryKey(delivery.file_digest, delivery.profile.digest, delivery.zone)
    known = _locked_and_known(connection, key)
    if known:
        return known
    frame = judged.frame.reset_index(drop=True)
    refused = frame["code"].notna().to_numpy()
    good, bad = frame[~refused], frame[refused]
    _lock(
        connection, METER_LOCK, {zlib.crc32(str(meter).encode()) % METER_BUCKETS for meter in good["meter_id"].unique()}
    )
    opened = _open(connection, key, delivery.profile, _about(delivery.file_name, kept_as, "loaded", delivery.lines))
    quarantine_rows(connection, opened.source_file_id, opened.recorded_at, delivery, bad)
    outcomes = Counter({"quarantined": len(bad)})
    if len(good):
        outcomes += _load_good(connection, delivery, opened, good)
    counts = LoadCounts(
        lines=delivery.lines,
        rows=len(frame),
        loaded=outcomes["loaded"],
        superseded=outcomes["superseded"],
        outranked=outcomes["outranked"],
        duplicates=outcomes["duplicates"],
        quarantined=outcomes["quarantined"],
        source_file_id=opened.source_file_id,
        interval_conflicts=outcomes["quarantined"] - len(bad),
    )
    connection.execute(query("close_source_file"), {**opened.parameters(), **counts.as_dict()})
    return counts


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


def _load_good(connection: Connection, delivery: DeliveredFile, opened: Opened, good: pd.DataFrame) -> Counter[str]:
    """Stage the rows without a code and load them: at once where nothing stands in their way, else turn by turn."""
    staged = stage(connection, good)
    _add_meters(connection, delivery)
    cursor = psycopg.ClientCursor(connection)
    parameters = {**code_lists(), **opened.parameters(), "first_ts": staged.first_ts, "last_ts": staged.last_ts}
    cursor.execute(query("find_contested"), parameters)
    outcomes = Counter({"duplicates": staged.repeats, "loaded": _insert_uncontested(cursor, staged, parameters)})
    for turn in range(staged.turns):
        if turn > 0 or _is_any_contested(cursor):
            outcomes += _take_turn(cursor, {**parameters, "turn": turn}, delivery, good)
    return outcomes


def _insert_uncontested(cursor: "psycopg.ClientCursor[Any]", staged: Staged, parameters: dict[str, Any]) -> int:
    """Insert what meets nothing that stands, and return how many rows that were."""
    statement = sql.SQL(query("insert_uncontested"))
    new = lock_new_months(cursor.connection, "meter_reading", staged.months)
    old = [int(month) for month in staged.months if month not in new]
    rows = 0
    if new:
        with new_months(cursor.connection, new) as table:
            rows += cursor.execute(statement.format(target=table), {**parameters, "months": new}).rowcount
    if old:
        table = sql.Identifier("meter_reading")
        rows += cursor.execute(statement.format(target=table), {**parameters, "months": old}).rowcount
    return rows


def _is_any_contested(cursor: "psycopg.ClientCursor[Any]") -> bool:
    """Say whether the store holds anything within the delivery's span."""
    return cursor.execute("SELECT FROM contested LIMIT 1").fetchone() is not None


def _take_turn(
    cursor: "psycopg.ClientCursor[Any]", parameters: dict[str, Any], delivery: DeliveredFile, good: pd.DataFrame
) -> Counter[str]:
    """Compare one row of each key with what stands, and let precedence decide."""
    cursor.execute(query("judge"), parameters)
    outcomes = Counter(dict(cursor.execute(query("count_outcomes")).fetchall()))
    if outcomes["quarantined"]:
        rows = [n for (n,) in cursor.execute(query("conflicting_intervals")).fetchall()]
        refused = good.loc[rows].assign(code=INTERVAL_CONFLICT)
        opened = parameters["source_file_id"], parameters["recorded_at"]
        quarantine_rows(cursor.connection, *opened, delivery, refused)
    for statement in ("keep_displaced", "keep_outranked", "replace_changed", "insert_new", "forget_judged"):
        cursor.execute(query(statement), parameters)
    return outcomes


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
