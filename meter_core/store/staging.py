"""A delivery's frame as temporary tables: fixed-width rows by binary COPY, texts as codes."""

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg

from meter_core.contracts.readings import AUXILIARY, CHANNELS, QUALITY_RANK, IntArray
from meter_core.store.binary_rows import encoded, microseconds
from meter_core.store.connection import Connection
from meter_core.store.partitions import months_of
from meter_core.store.queries import query

QUALITIES_BY_RANK: Final = sorted(QUALITY_RANK, key=lambda quality: QUALITY_RANK[quality])
"""Codes of qualities in staging are places in this list, from 1: the higher displaces the lower."""

STAGED: Final = {
    "n": "int4",
    "turn": "int4",
    "meter": "int4",
    "channel": "int2",
    "month": "int4",
    "reading_ts": "timestamptz",
    "interval_minutes": "int4",
    "units_kwh": "float8",
    **dict.fromkeys(AUXILIARY, "float8"),
    "quality": "int2",
    "source_version": "int8",
    "available_ts": "timestamptz",
    "line": "int8",
}
"""Columns of `staged` and their types."""

KEY: Final = ["meter_id", "channel", "reading_ts"]
VALUE: Final = [*KEY, "interval_minutes", "units_kwh", *AUXILIARY, "quality", "source_version", "available_ts"]


@dataclass(frozen=True, eq=False)
class Staged:
    """What was staged.

    Attributes:
        turns: How many times the busiest key stands in the file.
        repeats: Rows equal in everything to an earlier row of the file; they are not staged.
        first_ts: Earliest reading_ts.
        last_ts: Latest.
        months: Months with rows, see `months_of`.
    """

    turns: int
    repeats: int
    first_ts: pd.Timestamp
    last_ts: pd.Timestamp
    months: IntArray


def code_lists() -> dict[str, list[str]]:
    """Return the lists that codes in staging are places in."""
    return {"channels": list(CHANNELS), "qualities": QUALITIES_BY_RANK}


def stage(connection: Connection, frame: pd.DataFrame) -> Staged:
    """Write the rows to be loaded into temporary tables of this transaction.

    Args:
        connection: In a transaction.
        frame: (n, ...) rows without a code, n > 0; the index says where a row stands in the delivery's frame.
    """
    turn, repeats = turns_of(frame)
    frame, turn = frame[~repeats], turn[~repeats]
    meters, columns = _columns(frame, turn)
    psycopg.ClientCursor(connection).execute(query("stage"), code_lists())
    with connection.cursor().copy("COPY staged FROM STDIN (FORMAT binary)") as copy:
        for block in encoded(columns, STAGED):
            copy.write(block)
    _copy_meters(connection, meters, columns["meter"], columns["line"])
    _copy_blanked(connection, frame)
    stamps = frame["reading_ts"]
    return Staged(int(turn.max()) + 1, int(repeats.sum()), stamps.min(), stamps.max(), np.unique(columns["month"]))


def turns_of(frame: pd.DataFrame) -> tuple[IntArray, np.ndarray]:
    """Return (n,) how often a row's key stood in the file before, and (n,) whether it equals an earlier row.

    Rows of one key take their turns one after the other, in the file's order, as if each came in a delivery of its own.
    """
    nothing = np.zeros(len(frame), dtype=np.int64)
    again = frame.duplicated(KEY, keep=False).to_numpy()
    if not again.any():
        return nothing, again
    some = frame.loc[again]
    repeats, turn = again.copy(), nothing
    repeats[again] = some.duplicated(VALUE).to_numpy()
    turn[again & ~repeats] = frame[again & ~repeats].groupby(KEY, sort=False).cumcount().to_numpy()
    return turn, repeats


def _columns(frame: pd.DataFrame, turn: IntArray) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the distinct meters, and the columns sorted by meter and time, so that the index grows at its end."""
    meter, meters = pd.factorize(frame["meter_id"], sort=True)
    stamps = frame["reading_ts"].to_numpy(dtype="datetime64[us]")
    columns: dict[str, np.ndarray] = {
        "n": frame.index.to_numpy(),
        "turn": turn,
        "meter": meter,
        "channel": _codes(frame["channel"], list(CHANNELS)),
        "month": months_of(stamps),
        "reading_ts": microseconds(stamps),
        "quality": _codes(frame["quality"], QUALITIES_BY_RANK),
        "available_ts": microseconds(frame["available_ts"].to_numpy(dtype="datetime64[us]")),
    }
    for name in ("interval_minutes", "units_kwh", *AUXILIARY, "source_version", "line"):
        columns[name] = frame[name].to_numpy()
    order = np.lexsort((stamps, columns["channel"], meter))
    return list(meters), {name: values[order] for name, values in columns.items()}


def _codes(values: "pd.Series[Any]", known: list[str]) -> IntArray:
    """Return (n,) places of texts in a list, from 1.

    Raises:
        ValueError: for a text that is not in it.
    """
    codes = pd.Categorical(values, categories=known).codes
    if (codes < 0).any():
        raise ValueError(f"a {values.name} is none of {', '.join(known)}")
    return codes.astype(np.int64) + 1


def _copy_meters(connection: Connection, meters: list[str], codes: IntArray, lines: IntArray) -> None:
    """Write which meter each code means, and the first line that names it."""
    first = np.full(len(meters), np.iinfo(np.int64).max)
    np.minimum.at(first, codes, lines)
    with connection.cursor().copy("COPY staged_meter FROM STDIN") as copy:
        for code, meter_id in enumerate(meters):
            copy.write_row((code, meter_id, int(first[code])))


def _copy_blanked(connection: Connection, frame: pd.DataFrame) -> None:
    """Write what was blanked, which is little."""
    blanked = frame["blanked"][frame["blanked"].notna()]
    if len(blanked) == 0:
        return
    with connection.cursor().copy("COPY staged_blanked FROM STDIN") as copy:
        for n, values in blanked.items():
            copy.write_row((n, json.dumps(values).replace("\\u0000", "\\ufffd")))
