"""Rows that are not loaded, kept with their code and the line as delivered."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from meter_core.contracts.readings import IntArray
from meter_core.store.binary_rows import HEADER, NULL, POSTGRES_EPOCH_US, TRAILER, microseconds
from meter_core.store.connection import Connection
from meter_core.store.delivered import StoppedDelivery
from meter_core.store.queries import query

LONGEST_LINE: Final = 65_536
"""A line without end (a quote that never closes) is cut here; the file itself is kept whole."""
ROWS_AT_ONCE: Final = 4_096
"""However long their lines are: a gigabyte at most."""

INTERVAL_CONFLICT: Final = "interval_conflict"
"""Code of a value whose key stands with another interval length: an hour's energy cannot displace a day's."""

RawLines = Callable[[IntArray], pa.Array]
"""Numbers of lines -> these lines as delivered."""


def stage_refused(connection: Connection, refused: pd.DataFrame, raw_lines: RawLines) -> None:
    """Take refused rows aside: a delivery that is stopped in the end costs no index and no log.

    Args:
        connection: In a transaction, after `stage`.
        refused: (n, ...) `line`, `meter_id` ("": unknown), `reading_ts` (UTC, NaT: unknown) and `code`.
        raw_lines: Gives their lines.
    """
    lines, of_row = np.unique(refused["line"].to_numpy(dtype=np.int64), return_inverse=True)
    texts = _storable(raw_lines(lines))
    with connection.cursor().copy(query("stage_refused")) as copy:
        copy.write(HEADER)
        for start in range(0, len(refused), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            copy.write(_encoded(refused.iloc[part], texts.take(pa.array(of_row[part]))))
        copy.write(TRAILER)


def stage_refused_later(
    connection: Connection,
    rows: Sequence[tuple[int, str, datetime]],
    code: str,
    raw_lines: Callable[[Collection[int]], Mapping[int, str]],
) -> None:
    """Take rows aside that only the database could find.

    Args:
        connection: In a transaction, after `stage`.
        rows: Line, meter and time of each, at least one.
        code: Of all.
        raw_lines: Numbers of lines -> these lines as delivered: the file is read once more.
    """
    frame = pd.DataFrame(rows, columns=["line", "meter_id", "reading_ts"])
    stamps = pd.to_datetime(frame["reading_ts"], utc=True).dt.as_unit("us")
    texts = raw_lines(set(frame["line"]))
    stage_refused(
        connection,
        frame.assign(reading_ts=stamps, code=code),
        lambda lines: pa.array([texts[line] for line in lines.tolist()], pa.string()),
    )


def quarantine_staged(connection: Connection, source_file_id: int, recorded_at: datetime) -> None:
    """Keep the refused rows of a delivery that were taken aside.

    Args:
        connection: In a transaction.
        source_file_id: The delivery.
        recorded_at: When they were recorded.
    """
    parameters = {"source_file_id": source_file_id, "recorded_at": recorded_at}
    connection.execute(query("quarantine_staged"), parameters)
    connection.execute("TRUNCATE refused")


def quarantine_range(
    connection: Connection, source_file_id: int, recorded_at: datetime, stopped: StoppedDelivery
) -> None:
    """Keep a stopped delivery as one range of its file."""
    parameters = {
        "source_file_id": source_file_id,
        "line_from": stopped.line_from,
        "line_to": stopped.line_to,
        "row_count": stopped.rows,
        "code": stopped.code,
        "reason": stopped.reason,
        "recorded_at": recorded_at,
    }
    connection.execute(query("quarantine_range"), parameters)


def _storable(texts: pa.Array) -> pa.Array:
    """Return texts as PostgreSQL can hold them: without NUL, not endless."""
    return pc.utf8_slice_codeunits(pc.replace_substring(texts, "\0", "\\0"), 0, LONGEST_LINE)


def _encoded(rows: pd.DataFrame, texts: pa.Array) -> memoryview:
    """Return rows of a binary COPY: line, meter, time, code and the line as delivered."""
    stamps = rows["reading_ts"].to_numpy(dtype="datetime64[us]")
    meters = _storable(pa.array(rows["meter_id"].to_numpy(object), pa.string()))
    fields = (
        _integers(rows["line"].to_numpy()),
        pc.if_else(pc.equal(meters, ""), pa.scalar(None, pa.string()), meters),
        _integers(microseconds(stamps) - POSTGRES_EPOCH_US, missing=np.isnat(stamps)),
        pa.array(rows["code"].to_numpy(object), pa.string()),
        texts,
    )
    pieces = [_numbers(np.full(len(rows), len(fields)), ">i2"), *(each for one in fields for each in _field(one))]
    joined = pc.binary_join_element_wise(*pieces, b"")
    return memoryview(joined.buffers()[2])[: sum(pc.binary_length(joined).to_pylist())]


def _field(values: pa.Array) -> Iterator[pa.Array]:
    """Yield of a column how long each value is, and the value: nothing where it is missing."""
    binary = pc.cast(values, pa.binary())
    yield _numbers(pc.fill_null(pc.binary_length(binary), NULL).to_numpy(), ">i4")
    yield pc.fill_null(binary, b"")


def _integers(values: IntArray, missing: np.ndarray | None = None) -> pa.Array:
    """Return (n,) int8 of PostgreSQL, or timestamptz, null where missing."""
    fields = _numbers(values, ">i8")
    return fields if missing is None else pc.if_else(pa.array(missing), pa.scalar(None, pa.binary()), fields)


def _numbers(values: IntArray, kind: str) -> pa.Array:
    """Return (n,) numbers as they stand in the stream."""
    stream = pa.py_buffer(values.astype(kind))
    fixed = pa.Array.from_buffers(pa.binary(np.dtype(kind).itemsize), len(values), [None, stream])
    return pc.cast(fixed, pa.binary())
