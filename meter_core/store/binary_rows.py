"""PostgreSQL's binary COPY format to and from numpy, for rows of fixed width.

Every field has a fixed width because texts travel as codes and NULL as NaN, so a million rows are one array operation.
Format: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from meter_core.contracts.readings import IntArray

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC in microseconds since 1970: PostgreSQL counts from there."""
ROWS_A_BLOCK: Final = 65_536

WIDTHS: Final = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}
"""PostgreSQL type -> how it stands in the stream."""

Columns = Mapping[str, npt.NDArray[Any]]


def encoded(columns: Columns, types: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the stream of a binary COPY ... FROM STDIN, in blocks.

    Args:
        columns: Name -> (n,) array; a timestamptz in microseconds since 1970 UTC.
        types: Name -> PostgreSQL type, in the order of the table's columns.
    """
    rows = len(next(iter(columns.values())))
    yield HEADER
    for start in range(0, rows, ROWS_A_BLOCK):
        yield _block(columns, types, slice(start, min(start + ROWS_A_BLOCK, rows)))
    yield TRAILER


def _block(columns: Columns, types: Mapping[str, str], part: slice) -> bytes:
    """Return some rows of the stream."""
    record = np.empty(part.stop - part.start, dtype=_record(types))
    record["fields"] = len(types)
    for name, kind in types.items():
        record[f"{name} bytes"] = np.dtype(WIDTHS[kind]).itemsize
        values = columns[name][part]
        record[name] = values - POSTGRES_EPOCH_US if kind == "timestamptz" else values
    return record.tobytes()


def decoded(stream: bytes | bytearray | memoryview, types: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a binary COPY ... TO STDOUT, timestamptz in microseconds since 1970 UTC.

    Raises:
        ValueError: the stream is not what `types` says (a NULL would shorten a row).
    """
    record = _record(types)
    size = len(stream) - len(HEADER) - len(TRAILER)
    rows, rest = divmod(size, record.itemsize)
    if rest or rows < 0:
        raise ValueError(f"a binary COPY of {len(stream)} bytes does not hold rows of {record.itemsize} bytes")
    table = np.frombuffer(stream, dtype=record, count=rows, offset=len(HEADER))
    return {name: _native(table[name], kind) for name, kind in types.items()}


def _native(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Return a column in the machine's byte order."""
    native = values.astype(values.dtype.newbyteorder("="))
    return native + POSTGRES_EPOCH_US if kind == "timestamptz" else native


def _record(types: Mapping[str, str]) -> np.dtype[np.void]:
    """Return the layout of one row: how many fields, then for each its length and its value."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in types.items():
        fields += [(f"{name} bytes", ">i4"), (name, WIDTHS[kind])]
    return np.dtype(fields)


def microseconds(stamps: npt.NDArray[np.datetime64]) -> IntArray:
    """Return instants in microseconds since 1970 UTC."""
    return stamps.astype("datetime64[us]").astype(np.int64)
