"""Monthly partitions, made when a row needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psycopg import sql

from meter_core.contracts.readings import IntArray
from meter_core.store.connection import Connection
from meter_core.store.queries import query

PARTITION_LOCK = 0x6D657470
"""Advisory lock: of two deliveries that need the same new month one makes it, the other finds it."""

Parent = Literal["meter_reading", "prediction"]


def months_of(stamps: npt.NDArray[np.datetime64]) -> IntArray:
    """Return the UTC months of instants, counted since January of year 0."""
    return stamps.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def ensure_partitions(connection: Connection, parent: Parent, months: IntArray) -> None:
    """Make the partitions of these months that are not there yet, within the caller's transaction."""
    for month in lock_new_months(connection, parent, months):
        connection.execute(composed("make_partition", parent, month))


def lock_new_months(connection: Connection, parent: Parent, months: IntArray) -> list[int]:
    """Return those of the months that have no partition; nobody else makes them before the transaction's end."""
    parameters = {"parent": parent, "months": [int(month) for month in np.unique(months)]}
    if not connection.execute(query("missing_partitions"), parameters).fetchall():
        return []
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    return [month for (month,) in connection.execute(query("missing_partitions"), parameters).fetchall()]


@contextmanager
def new_months(connection: Connection, months: list[int]) -> Iterator[sql.Identifier]:
    """Yield the table to insert readings of new months into; afterwards they are partitions of `meter_reading`.

    Args:
        connection: In a transaction.
        months: Of `lock_new_months`.
    """
    connection.execute(query("open_new_months"))
    for month in months:
        connection.execute(composed("make_new_month", "meter_reading", month))
    yield sql.Identifier("meter_reading_new")
    for month in months:
        connection.execute(composed("attach_new_month", "meter_reading", month))
    connection.execute(query("close_new_months"))


def composed(name: str, parent: Parent, month: int) -> sql.Composed:
    """Return a statement about one partition."""
    parts: dict[str, Any] = {
        "partition": sql.Identifier(f"{parent}_{month // 12:04}_{month % 12 + 1:02}"),
        "parent": sql.Identifier(parent),
        "first": sql.Literal(_first_ts(month)),
        "beyond": sql.Literal(_first_ts(month + 1)),
    }
    return sql.SQL(query(name)).format(**parts)


def _first_ts(month: int) -> str:
    """Return the instant at which a month starts."""
    return f"{month // 12:04}-{month % 12 + 1:02}-01 00:00:00+00"
