"""Sums of a forecast over local days, and over all of it: means add up, quantiles are those of summed sample paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S, local_to_utc, utc_offset_minutes
from meter_core.contracts.forecasts import FORECAST_LEVELS
from meter_core.contracts.readings import FloatArray, IntArray

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Consecutive intervals by their local days.

    Attributes:
        dates: (k) the days.
        first: (k,) number of each day's first interval.
        count: (k,) intervals of each day.
        whole: (k,) whether they are all of the day.
    """

    dates: Sequence[date]
    first: IntArray
    count: IntArray
    whole: NDArray[np.bool_]


class Sums(NamedTuple):
    """Sums of k spans.

    Attributes:
        mean_kwh: (k,) expected sum.
        quantiles_kwh: (k, q) at `FORECAST_LEVELS`.
    """

    mean_kwh: FloatArray
    quantiles_kwh: FloatArray


def local_days(reading_ts_s: IntArray, interval_minutes: int, zone: str) -> LocalDays:
    """Return the local days of (h,) consecutive intervals: 23, 24 or 25 hours, and parts at both ends."""
    day = np.floor_divide(reading_ts_s + utc_offset_minutes(reading_ts_s, zone) * 60, DAY_S)
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    count = np.diff(first, append=len(day))
    begin_s, end_s = (local_to_utc((day[first] + later) * DAY_S, zone)[0] for later in (0, 1))
    whole = count * (interval_minutes * 60) >= end_s - begin_s
    return LocalDays([EPOCH + timedelta(days=number) for number in day[first].tolist()], first, count, whole)


def sums(mean_kwh: FloatArray, paths_kwh: FloatArray, first: IntArray) -> Sums:
    """Return the sums of consecutive spans.

    Args:
        mean_kwh: (h,) means of one meter's intervals.
        paths_kwh: (draws, h) its joint sample paths.
        first: (k,) number of each span's first interval.
    """
    drawn = np.add.reduceat(paths_kwh, first, axis=1)
    return Sums(np.add.reduceat(mean_kwh, first), np.quantile(drawn, FORECAST_LEVELS, axis=0).T)
