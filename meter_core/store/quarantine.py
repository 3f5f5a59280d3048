"""Rows that are not loaded, kept with their code and the line as delivered."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import pandas as pd

from meter_core.store.connection import Connection
from meter_core.store.delivered import StoppedDelivery
from meter_core.store.queries import query

LONGEST_LINE: Final = 65_536
"""A line without end (a quote that never closes) is cut here; the file itself is kept whole."""

INTERVAL_CONFLICT: Final = "interval_conflict"
"""Code of a value whose key stands with another interval length: an hour's energy cannot displace a day's."""


RawLine = Callable[[int], str]
Refused = Iterable[tuple[int, str | None, datetime | None, str]]


def refused_rows(frame: pd.DataFrame) -> Refused:
    """Yield line, meter, time and code of the rows of a frame, which all have a code."""
    for line, meter_id, stamp, code in frame[["line", "meter_id", "reading_ts", "code"]].itertuples(index=False):
        yield int(line), meter_id or None, None if pd.isna(stamp) else stamp.to_pydatetime(), code


def quarantine_rows(
    connection: Connection, source_file_id: int, recorded_at: datetime, refused: Refused, raw_line: RawLine
) -> None:
    """Keep refused rows.

    Args:
        connection: In a transaction.
        source_file_id: The delivery.
        recorded_at: When it was recorded.
        refused: Line, meter, time and code of each.
        raw_line: line -> the line as delivered.
    """
    with connection.cursor().copy(query("quarantine")) as copy:
        for line, meter_id, reading_ts, code in refused:
            known_as = storable(meter_id) if meter_id else None
            row = (line, line, 1, code, None, storable(raw_line(line)), known_as, reading_ts)
            copy.write_row((source_file_id, *row, recorded_at))


def quarantine_range(
    connection: Connection, source_file_id: int, recorded_at: datetime, stopped: StoppedDelivery
) -> None:
    """Keep a stopped delivery as one range of its file."""
    span = (stopped.line_from, stopped.line_to, stopped.rows)
    with connection.cursor().copy(query("quarantine")) as copy:
        copy.write_row((source_file_id, *span, stopped.code, stopped.reason, None, None, None, recorded_at))


def storable(text: str) -> str:
    """Return a text as PostgreSQL can hold it: without NUL, without halves of surrogate pairs, not endless."""
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
    return whole[:LONGEST_LINE]
