"""What repeats or averages a meter's past, in mean kW by its local clock: the columns that baselines are made of."""

from typing import Final

import numpy as np

from meter_core.contracts.readings import FloatArray, ReadingBatch
from meter_core.features.history import DAY_MINUTES, history_profiles, mean_of, same_clock_kwh
from meter_core.features.readings import ReadingTable, batches

BACK_DAYS: Final = 28
"""How far a naive whose source is missing steps back, a whole period at a time."""

FULL_DAYS: Final = (1, 2, 3, 4)
"""Tuesday to Friday: days that follow a working day and are one."""

NAIVES: Final = (
    "persistence",
    "same_hour_yesterday",
    "same_hour_last_week",
    "smart_naive",
    "hour_profile_28d",
    "hour_profile_14d",
    "hour_profile_ew7",
)


def naive_columns(table: ReadingTable) -> dict[str, FloatArray]:
    """Return (n,) mean kW of each naive for each reading, NaN where it is not defined."""
    columns = {name: np.full(len(table), np.nan) for name in NAIVES}
    for rows, batch in batches(table):
        for name, values in _of_batch(batch).items():
            columns[name][rows] = values
    return columns


def _of_batch(batch: ReadingBatch) -> dict[str, FloatArray]:
    """Return the naives of a batch."""
    clock = same_clock_kwh(batch)
    yesterday = first_known(clock[:, :BACK_DAYS])
    last_week = first_known(clock[:, 6:BACK_DAYS:7])
    to_kw = 60.0 / batch.interval_minutes
    profile_28d, profile_ew7 = history_profiles(clock)
    kwh = {
        "persistence": _latest(batch),
        "same_hour_yesterday": yesterday,
        "same_hour_last_week": last_week,
        "smart_naive": np.where(np.isin(batch.local_day_of_week, FULL_DAYS), yesterday, last_week),
        "hour_profile_28d": profile_28d,
        "hour_profile_14d": mean_of(clock[:, :14]),
        "hour_profile_ew7": profile_ew7,
    }
    return {name: values * to_kw for name, values in kwh.items()}


def first_known(values: FloatArray) -> FloatArray:
    """Return (n,) the first value of each row that is not NaN, NaN where none is."""
    known = ~np.isnan(values)
    first = np.take_along_axis(values, known.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(known.any(axis=1), first, np.nan)


def _latest(batch: ReadingBatch) -> FloatArray:
    """Return (n,) the latest energy known at each reading's start, of the 28 days before."""
    recent = batch.recent_kwh
    if recent is None or not recent.shape[1]:
        return np.full(len(batch), np.nan)
    width = BACK_DAYS * DAY_MINUTES // int(batch.interval_minutes[0])  # a batch of a table is of one interval length
    return first_known(recent[:, : -max(1, width) - 1 : -1])
