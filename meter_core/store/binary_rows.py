"""PostgreSQL's binary COPY format to and from numpy.

Rows of one layout, in which every field has the same width, are one array operation; of the layouts there are few.
Format: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""PostgreSQL type of fixed width -> how it stands in the stream."""
NULL: Final = -1
"""What stands in the stream in place of the length of a missing value."""


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts.

    Attributes:
        codes: (n,) place of each text in `words`; -1 where it is missing.
        words: The distinct texts as bytes; none is empty or ends with a zero byte.
    """

    codes: IntArray
    words: Sequence[bytes]

    def widths(self) -> IntArray:
        """Return (n,) bytes of each text, NULL where it is missing."""
        return np.asarray([*map(len, self.words), NULL], dtype=np.int64)[self.codes]

    def part(self, chosen: npt.NDArray[Any] | slice) -> "Texts":
        """Return some of the column."""
        return Texts(self.codes[chosen], self.words)


Columns = Mapping[str, npt.NDArray[Any] | Texts]


def encoded(columns: Columns, types: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """Yield the stream of a binary COPY ... FROM STDIN, in blocks; rows of one layout follow each other.

    Args:
        columns: Name -> (n,) array or texts; a timestamptz in microseconds since 1970 UTC; NaN stands for NULL.
        types: Name -> PostgreSQL type, in the order of the table's columns.
    """
    yield HEADER
    layouts, codes = _layouts(columns)
    if len(layouts) == 1:
        yield from _blocks(columns, types, layouts[0])
    else:
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(layouts) + 1))
        for place, layout in enumerate(layouts):
            chosen = order[bounds[place] : bounds[place + 1]]
            yield from _blocks({name: _part(column, chosen) for name, column in columns.items()}, types, layout)
    yield TRAILER


def _part(column: npt.NDArray[Any] | Texts, chosen: npt.NDArray[Any] | slice) -> Any:
    """Return some values of a column."""
    return column.part(chosen) if isinstance(column, Texts) else column[chosen]


def _layouts(columns: Columns) -> tuple[list[dict[str, int]], IntArray]:
    """Return the layouts of rows (column -> width, of those that vary), and (n,) which of them each row has."""
    varying: dict[str, IntArray] = {}
    for name, column in columns.items():
        if isinstance(column, Texts):
            varying[name] = column.widths()
        elif column.dtype.kind == "f" and (missing := np.isnan(column)).any():
            varying[name] = np.where(missing, NULL, 0)
    codes = np.zeros(len(next(iter(varying.values()))) if varying else 0, dtype=np.int64)
    for widths in varying.values():
        if (widths != widths[0]).any():
            distinct, place = np.unique(widths, return_inverse=True)
            _, codes = np.unique(codes * len(distinct) + place, return_inverse=True)
    first = np.full(int(codes.max(initial=0)) + 1, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    return [{name: int(widths[row]) for name, widths in varying.items()} for row in first], codes


def _blocks(columns: Columns, types: Mapping[str, str], layout: Mapping[str, int]) -> Iterator[memoryview]:
    """Yield rows of one layout."""
    some = next(iter(columns.values()))
    rows = len(some.codes if isinstance(some, Texts) else some)
    for start in range(0, rows, ROWS_A_BLOCK):
        part = slice(start, min(start + ROWS_A_BLOCK, rows))
        yield _block({name: _part(column, part) for name, column in columns.items()}, types, layout, part)


def _block(columns: Columns, types: Mapping[str, str], layout: Mapping[str, int], part: slice) -> memoryview:
    """Return some rows of one layout."""
    widths = {name: kind for name, kind in types.items() if layout.get(name) != NULL}
    record = np.empty(part.stop - part.start, dtype=_record(types, layout))
    record["fields"] = len(types)
    for name in types:
        if name not in widths:
            record[f"{name} bytes"] = NULL
            continue
        column = columns[name]
        record[f"{name} bytes"] = record.dtype[name].itemsize
        if isinstance(column, Texts):
            record[name] = np.asarray(column.words)[column.codes]
        else:
            record[name] = column - POSTGRES_EPOCH_US if types[name] == "timestamptz" else column
    return record.view(np.uint8).data


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


def _record(types: Mapping[str, str], layout: Mapping[str, int] | None = None) -> np.dtype[np.void]:
    """Return the layout of one row: how many fields, then for each its length and its value, if it has one."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in types.items():
        width = (layout or {}).get(name, 0)
        fields.append((f"{name} bytes", ">i4"))
        if width != NULL:
            fields.append((name, WIDTHS.get(kind, f"S{width}")))
    return np.dtype(fields)


def microseconds(stamps: npt.NDArray[np.datetime64]) -> IntArray:
    """Return instants in microseconds since 1970 UTC."""
    return stamps.astype("datetime64[us]").astype(np.int64)
