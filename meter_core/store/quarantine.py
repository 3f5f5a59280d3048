"""Rows that are not loaded, kept with their code and the line as delivered."""

from datetime import datetime
from typing import Final

import pandas as pd

from meter_core.store.connection import Connection
from meter_core.store.delivered import DeliveredFile, StoppedDelivery
from meter_core.store.queries import query

LONGEST_LINE: Final = 65_536
"""A line without end (a quote that never closes) is cut here; the file itself is kept whole."""

INTERVAL_CONFLICT: Final = "interval_conflict"
"""Code of a value whose key stands with another interval length: an hour's energy cannot displace a day's."""


def quarantine_rows(
    connection: Connection, source_file_id: int, recorded_at: datetime, delivery: DeliveredFile, rows: pd.DataFrame
) -> None:
    """Keep refused rows.

    Args:
        connection: In a transaction.
        source_file_id: The delivery.
        recorded_at: When it was recorded.
        delivery: Gives the lines as delivered.
        rows: (n, ...) of the delivery's frame, each with a code.
    """
    with connection.cursor().copy(query("quarantine")) as copy:
        for line, meter_id, stamp, code in rows[["line", "meter_id", "reading_ts", "code"]].itertuples(index=False):
            reading_ts = None if pd.isna(stamp) else stamp.to_pydatetime()
            raw_line = storable(delivery.raw_line(int(line)))
            known_as = storable(meter_id) if isinstance(meter_id, str) and meter_id else None
            copy.write_row((source_file_id, line, line, 1, code, None, raw_line, known_as, reading_ts, recorded_at))


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
