"""Months of readings and predictions: made before they are needed, and taken out of the tables when they are old."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

import numpy as np
from psycopg import sql

from meter_core.store.connection import Connection
from meter_core.store.contest import METER_BUCKETS, METER_LOCK, lock
from meter_core.store.partitions import PARTITION_LOCK, Parent, ensure_partitions, months_of, partition_name
from meter_core.store.queries import query
from meter_core.store.rewriting import record

PARENTS: Final[tuple[Parent, ...]] = get_args(Parent)
BESIDE: Final = ("meter_reading_history", "quarantined_reading")
"""Tables without partitions whose old rows go too."""
PATIENCE_S: Final = 30
"""So long a month waits for those who write."""
DETACH_PATIENCE_S: Final = 3
"""So long it waits for those who read it: meanwhile whoever comes to read waits behind it."""

Sink = Callable[[Any], object]
"""Takes bytes."""


@dataclass(frozen=True, slots=True)
class Old:
    """Rows that are due.

    Attributes:
        table: Partition, or table whose old rows are meant.
        parent: Table of the partition; None for a table without.
        rows: How many.
    """

    table: str
    parent: Parent | None
    rows: int


def month_of(instant: datetime) -> int:
    """Return an instant's UTC month, as `months_of` counts."""
    return int(months_of(np.asarray([np.datetime64(instant.replace(tzinfo=None), "us")]))[0])


def make_ahead(connection: Connection, first: int, count: int) -> list[str]:
    """Make the partitions of so many months from this one on; return the names of those that were not there."""
    before = _partitions(connection)
    for parent in PARENTS:
        ensure_partitions(connection, parent, np.arange(first, first + count))
    return sorted(_partitions(connection).keys() - before.keys())


def due(connection: Connection, cutoff: int) -> list[Old]:
    """Return what lies before a month: whole partitions, and old rows of the tables beside them."""
    old = [(name, parent) for name, (parent, month) in sorted(_partitions(connection).items()) if month < cutoff]
    found = [Old(name, parent, _count(connection, sql.Identifier(name), sql.SQL("true"))) for name, parent in old]
    for table in BESIDE:
        rows = _count(connection, sql.Identifier(table), _condition(table, cutoff))
        if rows:
            found.append(Old(table, None, rows))
    return found


def archived_files(connection: Connection) -> set[str]:
    """Return the archive's files that are on record."""
    return {file for (file,) in connection.execute(query("archived_files")).fetchall()}


def archive(connection: Connection, old: Old, cutoff: int, sink: Sink, who: str, why: str, file: str) -> int:
    """Write old rows as CSV with a header, take them out of their table, and record it; return how many.

    Args:
        connection: In a transaction.
        old: Of `due`.
        cutoff: The first month that stays.
        sink: Takes the CSV.
        who: Archives it.
        why: In their words.
        file: Where the CSV goes.
    """
    _wait_at_most(connection, PATIENCE_S)
    lock(connection, METER_LOCK, range(METER_BUCKETS))
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    table = sql.Identifier(old.table)
    condition = sql.SQL("true") if old.parent else _condition(old.table, cutoff)
    if old.parent:
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(table))
    columns = _columns(connection, old.parent or old.table)
    selected = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY meter_id, reading_ts").format(columns, table, condition)
    copied = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(selected)
    cursor = connection.cursor()
    with cursor.copy(copied) as copy:
        for block in copy:
            sink(block)
    rows = cursor.rowcount
    if old.parent:
        _wait_at_most(connection, DETACH_PATIENCE_S)
        parts = {"parent": sql.Identifier(old.parent), "partition": table}
        connection.execute(sql.SQL(query("drop_month_of")).format(**parts))
    else:
        connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table, condition))
    evidence = {"table": old.table, "rows": rows, "file": file, "before": _first_instant(cutoff)}
    record(connection, "archived", who, why, None, evidence)
    return rows


def _wait_at_most(connection: Connection, seconds: float) -> None:
    """Give up after so long a wait for a lock, in the present transaction."""
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{seconds}s")))


def _partitions(connection: Connection) -> dict[str, tuple[Parent, int]]:
    """Return partition -> (its table, its month)."""
    rows: list[tuple[Any, ...]] = connection.execute(query("partitions")).fetchall()
    return {
        name: (parent, month)
        for name, parent, month in rows
        if parent in PARENTS and name == partition_name(parent, month)
    }


def _columns(connection: Connection, table: str) -> sql.Composed:
    """Return a table's columns in its order, which those of a month that was filled apart do not have."""
    rows = connection.execute(query("columns_of"), {"table": table}).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)


def _condition(table: str, cutoff: int) -> sql.Composed:
    """Return which rows of a table without partitions are old."""
    return sql.SQL(query(f"old_rows_of_{table}")).format(cutoff=sql.Literal(_first_instant(cutoff)))


def _first_instant(month: int) -> str:
    """Return the instant at which a month starts."""
    return f"{month // 12:04}-{month % 12 + 1:02}-01 00:00:00+00"


def _count(connection: Connection, table: sql.Identifier, condition: sql.Composable) -> int:
    """Return how many rows are meant."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {} WHERE {}").format(table, condition)).fetchone()
    assert row is not None  # noqa: S101 - it is one row
    return int(row[0])
