"""Readings as columns: the one form that single readings, lists and tables take before anything is computed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from bento.localtime import LocalTimes, clock_shifts
from bento.schemas import DEFAULTS, FIELD_TYPES, Reading
from meter_core.contracts.features import MEASURED
from meter_core.contracts.readings import FloatArray, ReadingBatch
from meter_core.features.history import HISTORY_DAYS

Columns = dict[str, Sequence[Any]]
"""Every field of a reading with its n values; None where not given."""


def of_readings(readings: Sequence[Reading]) -> Columns:
    """Return the columns of reading objects."""
    return dict(zip(FIELD_TYPES, zip(*map(msgspec.structs.astuple, readings), strict=True), strict=True))


def of_rows(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Return the columns of a table whose rows were decoded by `rows_type`."""
    given = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return {name: given[name] if name in given else [DEFAULTS[name]] * len(rows) for name in FIELD_TYPES}


@lru_cache(maxsize=256)
def rows_type(columns: tuple[str, ...]) -> Any:
    """Return the type of a table's rows: tuples with each column's type and bounds."""
    row: Any = tuple[tuple(FIELD_TYPES[name] for name in columns)]  # type: ignore[misc]  # built while running
    return list[row]


def history(recent: Sequence[Sequence[float | None] | None]) -> FloatArray | None:
    """Return (n, w) recent energy, newest last, NaN where missing and before a shorter history; None without any."""
    width = max((len(values) for values in recent if values), default=0)
    if width == 0:
        return None
    kwh = np.full((len(recent), width), np.nan)
    for row, values in enumerate(recent):
        if values:
            kwh[row, width - len(values) :] = values
    return kwh


def reading_batch(values: Columns, times: LocalTimes) -> ReadingBatch:
    """Return what features are computed from."""
    minutes = np.array(values["interval_minutes"], dtype=np.int64)
    recent = history(values["recent_kwh"])
    meters = values["meter_id"]
    return ReadingBatch(
        **{name: np.array(values[name], dtype=np.float64) for name in MEASURED},
        local_hour=times.hour,
        local_day_of_week=times.weekday,
        interval_minutes=minutes,
        recent_kwh=recent,
        clock_shift_minutes=clock_shifts(times, HISTORY_DAYS) if recent is not None else None,
        meter_id=np.array(meters, dtype=object) if any(meters) else None,
    )
