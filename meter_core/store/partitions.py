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


def months_of(stamps: npt.NDArray[np.datetime64]) -> IntArray:
    """Return the UTC months of instants, counted since January of year 0."""
    return stamps.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def ensure_partitions(connection: Connection, parent: Literal["meter_reading", "prediction"], months: IntArray) -> None:
    """Make the partitions of these months that are not there yet, within the caller's transaction."""
    parameters = {"parent": parent, "months": [int(month) for month in np.unique(months)]}
    if not connection.execute(query("missing_partitions"), parameters).fetchall():
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    for (month,) in connection.execute(query("missing_partitions"), parameters).fetchall():
        connection.execute(_make(parent, month))


def _make(parent: str, month: int) -> sql.Composed:
    """Return the statements that make one partition."""
    name = f"{parent}_{month // 12:04}_{month % 12 + 1:02}"
    parts: dict[str, Any] = {
        "partition": sql.Identifier(name),
        "parent": sql.Identifier(parent),
        "first": sql.Literal(_first_ts(month)),
        "beyond": sql.Literal(_first_ts(month + 1)),
    }
    return sql.SQL(query("make_partition")).format(**parts)


def _first_ts(month: int) -> str:
    """Return the instant at which a month starts."""
    return f"{month // 12:04}-{month % 12 + 1:02}-01 00:00:00+00"
