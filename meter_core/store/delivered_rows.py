"""The rows of a delivery's frame as columns of a binary COPY, and which of their keys the file may hold again."""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from meter_core.contracts.readings import AUXILIARY, CHANNELS, QUALITY_RANK, IntArray
from meter_core.store.binary_rows import Columns, Texts, microseconds
from meter_core.store.partitions import months_of

QUALITIES_BY_RANK: Final = sorted(QUALITY_RANK, key=lambda quality: QUALITY_RANK[quality])
"""The higher displaces the lower."""

DELIVERED: Final = {
    "meter_id": "text",
    "channel": "text",
    "reading_ts": "timestamptz",
    "interval_minutes": "int4",
    "units_kwh": "float8",
    **dict.fromkeys(AUXILIARY, "float8"),
    "quality": "text",
    "source_version": "int8",
    "available_ts": "timestamptz",
    "line": "int8",
    "blanked": "jsonb",
}
"""Columns of `meter_reading` that a delivery fills, and their types."""

JSONB_VERSION: Final = b"\x01"
Columned = dict[str, npt.NDArray[Any] | Texts]


def columns_of(frame: pd.DataFrame) -> tuple[Columned, IntArray]:
    """Return the columns sorted by month, meter and time, and (n,) the month of each row (see `months_of`)."""
    meter, meters = pd.factorize(frame["meter_id"], sort=True)
    stamps = frame["reading_ts"].to_numpy(dtype="datetime64[us]")
    channel = _words(frame["channel"], list(CHANNELS))
    columns: Columned = {
        "meter_id": Texts(meter, [str(name).encode() for name in meters]),
        "channel": channel,
        "reading_ts": microseconds(stamps),
        "quality": _words(frame["quality"], QUALITIES_BY_RANK),
        "available_ts": microseconds(frame["available_ts"].to_numpy(dtype="datetime64[us]")),
        "blanked": _blanked(frame["blanked"]),
    }
    for name in ("interval_minutes", "units_kwh", *AUXILIARY, "source_version", "line"):
        columns[name] = frame[name].to_numpy()
    months = months_of(stamps)
    order = np.lexsort((stamps, channel.codes, meter, months))
    return chosen(columns, order), months[order]


def chosen(columns: Columns, which: npt.NDArray[Any] | slice) -> Columned:
    """Return some rows of the columns."""
    return {
        name: column.part(which) if isinstance(column, Texts) else column[which] for name, column in columns.items()
    }


def _words(values: "pd.Series[Any]", known: list[str]) -> Texts:
    """Return texts of a known list.

    Raises:
        ValueError: for a text that is not in it.
    """
    codes = pd.Index(known).get_indexer(pd.Index(values))
    if (codes < 0).any():
        raise ValueError(f"a {values.name} is none of {', '.join(known)}")
    return Texts(codes.astype(np.int64), [word.encode() for word in known])


def _blanked(values: "pd.Series[Any]") -> Texts:
    """Return what was blanked, as jsonb."""
    codes = np.full(len(values), -1, dtype=np.int64)
    filled = np.flatnonzero(values.notna())
    codes[filled] = np.arange(len(filled))
    texts = (json.dumps(values.iat[int(place)]).replace("\\u0000", "\\ufffd") for place in filled)
    return Texts(codes, [JSONB_VERSION + text.encode() for text in texts] or [JSONB_VERSION])


class RepeatWatch:
    """Whether a file may hold a key twice: exact for files in the order of time, else it says yes too often."""

    def __init__(self) -> None:
        self.may_repeat = False
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}

    def see(self, frame: pd.DataFrame) -> None:
        """Take note of the next rows of the file."""
        if self.may_repeat or frame.empty:
            return
        if frame.duplicated(["meter_id", "channel", "reading_ts"]).any():
            self.may_repeat = True
            return
        stamps = pd.Series(microseconds(frame["reading_ts"].to_numpy(dtype="datetime64[us]")), index=frame.index)
        spans: Mapping[Any, Any] = (
            stamps.groupby([frame["meter_id"], frame["channel"]], sort=False).agg(["min", "max"]).to_dict("index")
        )
        for series, span in spans.items():
            low, high = self._spans.get(series, (span["max"] + 1, span["min"] - 1))
            if not (span["min"] > high or span["max"] < low):
                self.may_repeat = True
            self._spans[series] = min(low, span["min"]), max(high, span["max"])
