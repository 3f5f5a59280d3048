"""The rows of a delivery's frame as columns of a binary COPY, and which of their keys the file may hold again."""

import json
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from meter_core.contracts.readings import AUXILIARY, CHANNELS, DEFAULT_CHANNEL, QUALITY_RANK, IntArray
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

DEFAULTS: Final[dict[str, bytes | int | None]] = {
    **dict.fromkeys(("units_kwh", *AUXILIARY, "blanked")),
    "channel": DEFAULT_CHANNEL.encode(),
    "quality": b"measured",
    "source_version": 0,
}
"""What the tables in which rows land have where nothing is said: most deliveries have nothing else in some columns."""

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


def said(columns: Columns) -> Columned:
    """Return the columns that hold anything but their default."""
    return {name: column for name, column in columns.items() if name not in DEFAULTS or not _is_default(name, column)}


def _is_default(name: str, column: npt.NDArray[Any] | Texts) -> bool:
    """Say whether a column holds its default and nothing else."""
    default = DEFAULTS[name]
    if isinstance(column, Texts):
        code = column.words.index(default) if isinstance(default, bytes) else -1
        return bool((column.codes == code).all())
    return bool(np.isnan(column).all() if default is None else (column == default).all())


def _words(values: "pd.Series[Any]", known: list[str]) -> Texts:
    """Return texts of a known list.

    Raises:
        ValueError: for a text that is not in it.
    """
    codes = np.asarray(pc.fill_null(pc.index_in(pa.array(values), pa.array(known)), -1), dtype=np.int64)
    if (codes < 0).any():
        raise ValueError(f"a {values.name} is none of {', '.join(known)}")
    return Texts(codes, [word.encode() for word in known])


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
        self._spans: dict[tuple[bytes, int], tuple[int, int]] = {}

    def see(self, columns: Columns) -> None:
        """Take note of the next rows of the file, as `columns_of` gives them."""
        meter, channel, stamps = columns["meter_id"], columns["channel"], columns["reading_ts"]
        assert isinstance(meter, Texts)  # noqa: S101 - for the type checker
        assert isinstance(channel, Texts)  # noqa: S101
        assert not isinstance(stamps, Texts)  # noqa: S101
        if self.may_repeat or not len(stamps):
            return
        series = meter.codes * len(channel.words) + channel.codes
        if ((series[1:] == series[:-1]) & (stamps[1:] == stamps[:-1])).any():
            self.may_repeat = True
            return
        spans = pd.Series(stamps).groupby(series, sort=False).agg(["min", "max"])
        for number, first, last in spans.itertuples():
            name = meter.words[number // len(channel.words)], number % len(channel.words)
            low, high = self._spans.get(name, (last + 1, first - 1))
            if not (first > high or last < low):
                self.may_repeat = True
            self._spans[name] = min(low, first), max(high, last)
