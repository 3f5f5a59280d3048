"""Days like the one to forecast: working days, or days off (weekends and public holidays), by the local calendar."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import WEEKEND_FROM
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.clock_days import ClockDays, slot_dates, weekday_of
from meter_core.features.slabs import count_of, mean_of_sums, sum_of
from meter_core.public_holidays import is_holiday

LATEST_DAYS: Final = 14
"""How far back the latest day of a kind is looked for."""

Flags = NDArray[np.bool_]


def day_off(date: IntArray, days: ClockDays) -> Flags:
    """Return (n, ...) whether dates are weekends, or public holidays where the meters stand."""
    off = weekday_of(date) >= WEEKEND_FROM
    if days.holidays is not None:
        calendars = np.asarray(days.holidays, dtype=object)
        for calendar in sorted(set(days.holidays)):
            rows = calendars == calendar
            off[rows] |= is_holiday(date[rows], calendar)
    return off


def alike(days: ClockDays, share: FloatArray) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return what days of either kind say of each clock time, and how far the latest values are off their own kind.

    Args:
        days: histories.
        share: (56, n, s) their values in units of the meters' levels.

    Returns:
        (2, n, s) by name, working days first; (n, s) deviations of the last 24 hours by name.
    """
    first = slot_dates(days)
    looked_at = LATEST_DAYS if days.holidays is None else len(share)
    off = day_off(np.concatenate([first - 1 - back for back in range(looked_at)], axis=1), days)
    off = off.reshape(len(first), looked_at, -1).transpose(1, 0, 2)
    profile = _profiles(share, off if days.holidays else off[:0], first)
    return (
        {"profile_like_day": profile, "latest_like_day": _latest(share, off)},
        {"latest_off": share[0] - np.where(off[0], profile[1], profile[0])},
    )


def _profiles(share: FloatArray, off: Flags, first: IntArray) -> FloatArray:
    """Return (2, n, s) means over working days, and over days off.

    Slabs a week apart are added together by weekday, then the few holidays are moved from one kind to the other.

    Args:
        share: (56, n, s).
        off: (k, n, s) whether the first k slabs are off; none where no holidays are known.
        first: (n, s) the date of the day after slab 0.
    """
    total: FloatArray = np.zeros((2, *first.shape))
    count: NDArray[Any] = np.zeros((2, *first.shape), dtype=np.int64)
    for back in range(7):
        same = share[back::7]
        weekend = weekday_of(first - back - 1) >= WEEKEND_FROM
        of_day, number = sum_of(np.nan_to_num(same)), count_of(~np.isnan(same))
        for kind, chosen in enumerate((~weekend, weekend)):
            total[kind] += of_day * chosen
            count[kind] += number * chosen
        for slab, closed in zip(same, off[back::7] & ~weekend, strict=False):
            moved = closed & ~np.isnan(slab)
            if moved.any():
                value = np.where(moved, slab, 0.0)
                total += np.stack([-value, value])
                count += np.stack([-moved.astype(np.int64), moved])
    return mean_of_sums(total, count)


def _latest(share: FloatArray, off: Flags) -> FloatArray:
    """Return (2, n, s) the latest value of either kind of day."""
    latest = np.full((2, *share.shape[1:]), np.nan)
    for slab, closed in zip(share[LATEST_DAYS - 1 :: -1], off[LATEST_DAYS - 1 :: -1], strict=True):
        there = ~np.isnan(slab)
        for kind, chosen in enumerate((~closed, closed)):
            latest[kind] = np.where(there & chosen, slab, latest[kind])
    return latest
