"""One meter's values on the regular grid of its intervals: from stamps in any order to the row that a forecast sees."""

import numpy as np

from meter_core.calendar import DAY_S, local_to_utc, utc_offset_minutes
from meter_core.contracts.forecasts import DAY_MINUTES, HISTORY_REACH_DAYS
from meter_core.contracts.readings import FloatArray, IntArray


def even_clock(ts_s: IntArray, step_s: int, zone: str) -> IntArray:
    """Return instants on the clock by which intervals step evenly: UTC, for whole days the local one.

    Args:
        ts_s: any shape, UTC seconds.
        step_s: seconds of an interval.
        zone: IANA name.
    """
    return ts_s if step_s < DAY_S else ts_s + utc_offset_minutes(ts_s, zone) * 60


def from_even_clock(clock_s: IntArray, step_s: int, zone: str) -> IntArray:
    """Return the (n,) UTC seconds that `even_clock` made (n,) clock readings of."""
    return clock_s if step_s < DAY_S else local_to_utc(clock_s, zone)[0]


def usual_phase(clock_s: IntArray, step_s: int) -> int:
    """Return by how many seconds after a multiple of the interval most intervals begin; of equals the smallest."""
    phases, count = np.unique(np.mod(clock_s, step_s), return_counts=True)
    return int(phases[count.argmax()])


def history_width(interval_minutes: int) -> int:
    """Return how many intervals a forecast looks back."""
    return HISTORY_REACH_DAYS * DAY_MINUTES // interval_minutes


def history_row(clock_s: IntArray, kwh: FloatArray, origin_clock_s: int, interval_minutes: int) -> FloatArray:
    """Return (w,) the values of the intervals before an origin, oldest first, NaN where there is none.

    Args:
        clock_s: (n,) their starts on the even clock, in any order, on the grid of the origin, before it.
        kwh: (n,) their energy.
        origin_clock_s: the origin on that clock.
        interval_minutes: length of the intervals.
    """
    row = np.full(history_width(interval_minutes), np.nan)
    column = len(row) - (origin_clock_s - clock_s) // (interval_minutes * 60)
    row[column[column >= 0]] = kwh[column >= 0]
    return row
