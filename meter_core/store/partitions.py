"""Monthly partitions, made when a row needs them."""

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
    distinct = [int(month) for month in np.unique(months)]
    if not missing_months(connection, parent, distinct):
        return []
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    return missing_months(connection, parent, distinct)


def missing_months(connection: Connection, parent: Parent, months: list[int]) -> list[int]:
    """Return those of the months that have no partition now."""
    rows = connection.execute(query("missing_partitions"), {"parent": parent, "months": months}).fetchall()
    return [month for (month,) in rows]


def composed(name: str, parent: Parent, month: int) -> sql.Composed:
    """Return a statement about one partition."""
    parts: dict[str, Any] = {
        "partition": sql.Identifier(partition_name(parent, month)),
        "parent": sql.Identifier(parent),
    }
    return sql.SQL(query(name)).format(**parts, **month_bounds(month))


def month_bounds(month: int) -> dict[str, sql.Literal]:
    """Return the `first` instant of a month and the one `beyond` it, for a statement."""
    return {"first": sql.Literal(_first_ts(month)), "beyond": sql.Literal(_first_ts(month + 1))}


def partition_name(parent: Parent, month: int) -> str:
    """Return the name of a month's partition."""
    return f"{parent}_{month // 12:04}_{month % 12 + 1:02}"


def _first_ts(month: int) -> str:
    """Return the instant at which a month starts."""
    return f"{month // 12:04}-{month % 12 + 1:02}-01 00:00:00+00"
