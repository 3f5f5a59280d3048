"""Estimates for values that nobody delivered, as utilities must make them for billing. Training never sees them."""

from typing import Final

import numpy as np

from meter_core.calendar import DAY_S, local_hour_and_weekday, utc_offset_minutes
from meter_core.contracts.features import WEEKEND_FROM
from meter_core.contracts.readings import FloatArray, IntArray

INTERPOLATED: Final = "interpolated"
LIKE_DAYS: Final = "like_days"
LONGEST_INTERPOLATED_S: Final = 7_200
"""Over longer gaps a straight line between the neighbours is no guess at what was used."""
REACH_DAYS: Final = 28
"""How far around a gap like days are looked for."""
LEAST_LIKE: Final = 4
"""Fewer like values are no basis for an estimate."""


def interpolated(before_kwh: float, after_kwh: float, count: int) -> FloatArray:
    """Return (count,) values on the straight line between two neighbours."""
    return before_kwh + (after_kwh - before_kwh) * np.arange(1, count + 1) / (count + 1)


def like_days(gap_s: IntArray, known_s: IntArray, known_kwh: FloatArray, zone: str) -> FloatArray:
    """Return (n,) the mean of measured values at the same local time on days of the same kind; NaN where too few.

    Days of the same kind are workdays or weekends; where they are too few, all days.

    Args:
        gap_s: (n,) UTC seconds, starts of the missing intervals.
        known_s: (k,) starts of measured intervals of the same length, within REACH_DAYS around the gap.
        known_kwh: (k,) their energy.
        zone: IANA zone of the meter.
    """
    wanted, known = _clock(gap_s, zone), _clock(known_s, zone)
    found = np.full(len(gap_s), np.nan)
    for place, (minute, weekend) in enumerate(zip(*wanted, strict=True)):
        near = (known[0] == minute) & (np.abs(known_s - gap_s[place]) <= REACH_DAYS * DAY_S)
        alike = near & (known[1] == weekend)
        for chosen in (alike, near):
            if chosen.sum() >= LEAST_LIKE:
                found[place] = known_kwh[chosen].mean()
                break
    return found


def _clock(ts_s: IntArray, zone: str) -> tuple[IntArray, np.ndarray]:
    """Return (n,) seconds since local midnight, and whether the day is of a weekend."""
    _, weekday = local_hour_and_weekday(ts_s, zone)
    return np.mod(ts_s + utc_offset_minutes(ts_s, zone) * 60, DAY_S), weekday >= WEEKEND_FROM
