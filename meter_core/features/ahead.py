"""Features of the task `ahead`: what a meter's past says of each coming interval, in units of the meter's own level.

All are known when the forecast is made. A row depends on its own meter alone, in an order of addition that does not
depend on how many meters come with it: days are added one slab after the other.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import WEEKEND_FROM
from meter_core.contracts.forecasts import FORECAST_HOURS, HISTORY_NEEDED_VALUES, HISTORY_REACH_DAYS
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.clock_days import ClockDays, Targets, slot_weekdays
from meter_core.features.history import mean_of

AHEAD_FEATURES: Final = (
    "lead_hours",
    "local_hour",
    "is_weekend",
    "latest_at_clock",
    "latest_at_clock_same_weekday",
    "profile_7d",
    "profile_14d",
    "profile_28d",
    "profile_ew7",
    "profile_like_day",
    "profile_same_weekday",
    "profile_28d_around",
    "profile_ew2_around",
    "latest_around",
    "spread_28d",
    "profile_lowest",
    "profile_highest",
    "last_hours",
    "last_day",
    "last_week",
    "known_days",
)
"""Names and order of the columns. Energies are mean kW as a share of the meter's level.

`lead_hours`: from the end of what is known, at most 168.

`latest_at_clock`: the latest value known at this clock time, of 7 days; `..._same_weekday`: of 4 such weekdays.
`profile_*`: means at this clock time over so many days (7 values needed; 3 for one weekday), `ew7` over 56 days with
weights that halve every 7 days, `ew2` every 2, `like_day` over those of 56 days that are weekend like the day, or
working day like it; `around`: with the neighbour intervals. `spread_28d`: standard deviation at this clock time.
`lowest`, `highest`: of the day's 28-day profile. `last_*`: means of the last 3 hours, 24 hours, 7 days before knowledge
ends. `known_days`: values known, in days, at most 28."""

PROFILES: Final = {"profile_7d": 7, "profile_14d": 14, "profile_28d": 28}
LEVEL_DAYS: Final = 28
WEEKDAY_VALUES: Final = 3
LAST_HOURS: Final = 3
PRIOR_DAYS: Final = 0.25
"""What a meter's level counts against the training's meters while it has less than a week of values."""

LEAST_SHARE: Final = 0.001
"""No level is below this share of the usual: a vacant home is no unit to measure in."""

_EW2, _EW7 = ((0.5 ** (np.arange(1, HISTORY_REACH_DAYS + 1) / half_life))[:, None, None] for half_life in (2.0, 7.0))


@dataclass(frozen=True, slots=True)
class AheadFeatures:
    """Features of n meters for their next h intervals.

    Attributes:
        matrix: (n, h, k), columns as in `AHEAD_FEATURES`, NaN where missing.
        level_kw: (n,) the meter's level.
        known: (n,) values known within 56 days.
    """

    matrix: FloatArray
    level_kw: FloatArray
    known: IntArray


def ahead_features(days: ClockDays, coming: Targets, usual_kw: float) -> AheadFeatures:
    """Return the features of every coming interval in one pass.

    Args:
        days: histories.
        coming: the intervals to forecast.
        usual_kw: what a meter of the training uses on average: the level of one without history.
    """
    known = (~np.isnan(days.latest_kw)).sum(axis=1)
    level_kw = _level(days, known, usual_kw)
    share = days.mean_kw / level_kw[:, None]
    of_slots = _profiles(share)
    of_kinds, of_weekdays = _days_alike(share, slot_weekdays(days)), _same_weekday(share)
    meter, weekend = np.arange(len(level_kw))[:, None], coming.weekday >= WEEKEND_FROM
    values: dict[str, Any] = {name: profile[meter, coming.slot] for name, profile in of_slots.items()}
    values["profile_like_day"] = of_kinds[weekend.astype(np.int64), meter, coming.slot]
    values |= {name: each[np.mod(coming.day, 7), meter, coming.slot] for name, each in of_weekdays.items()}
    recent = _recent(days, level_kw) | _range_of_day(of_slots["profile_28d"])
    recent["known_days"] = np.minimum(known / days.slots, LEVEL_DAYS)
    values |= {name: column[:, None] for name, column in recent.items()}
    values["lead_hours"] = np.minimum(coming.lead * (days.step_s / 3600.0), FORECAST_HOURS)
    values["local_hour"] = coming.local_minute / 60.0
    values["is_weekend"] = weekend
    matrix = np.empty((*coming.lead.shape, len(AHEAD_FEATURES)))
    for column, name in enumerate(AHEAD_FEATURES):
        matrix[:, :, column] = values[name]
    return AheadFeatures(matrix, level_kw, known)


def _level(days: ClockDays, known: IntArray, usual_kw: float) -> FloatArray:
    """Return (n,) mean kW of the last 28 days; the less of a week is known, the more the usual level counts."""
    last = days.latest_kw[:, -LEVEL_DAYS * days.slots :]
    count = (~np.isnan(last)).sum(axis=1)
    total = np.ascontiguousarray(np.where(np.isnan(last), 0.0, last)).sum(axis=1)
    prior = PRIOR_DAYS * days.slots * np.clip(1.0 - known / (7 * days.slots), 0.0, 1.0)
    prior = np.where(count == 0, 1.0, prior)
    return np.maximum((np.abs(total) + prior * usual_kw) / (count + prior), LEAST_SHARE * usual_kw)


def _profiles(share: FloatArray) -> dict[str, FloatArray]:
    """Return (n, s) figures of each clock time."""
    zeroed, there = np.nan_to_num(share), ~np.isnan(share)
    total: FloatArray = np.zeros(share.shape[1:])
    count: IntArray = np.zeros(share.shape[1:], dtype=np.int64)
    profiles, before = {}, 0
    for name, days in PROFILES.items():
        total, count = total + _sum(zeroed[before:days]), count + _count(there[before:days])
        profiles[name], before = _mean(total, count), days
    squares = _mean(_sum(zeroed[:before] ** 2), count) - profiles[name] ** 2
    weighted, weight = _sum(zeroed * _EW7), _sum(there * _EW7)
    quickly, quick = _sum(zeroed * _EW2), _sum(there * _EW2)
    enough = count + _count(there[before:]) >= HISTORY_NEEDED_VALUES
    return profiles | {
        "latest_at_clock": _first_known(share[:7]),
        "profile_ew7": np.where(enough, weighted / np.where(enough, weight, 1.0), np.nan),
        "profile_28d_around": _mean(_around(total), _around(count)),
        "profile_ew2_around": _mean(_around(quickly), _around(quick), np.finfo(float).tiny),
        "latest_around": _mean(_around(zeroed[0]), _around(there[0].astype(np.int64)), 1),
        "spread_28d": np.sqrt(np.maximum(squares, 0.0)),
    }


def _days_alike(share: FloatArray, weekday: IntArray) -> FloatArray:
    """Return (2, n, s): means at each clock time over working days, and over weekends.

    Args:
        share: (56, n, s).
        weekday: (n, s) Monday 0 of the day after slab 0.
    """
    total, count = np.zeros((2, *weekday.shape)), np.zeros((2, *weekday.shape), dtype=np.int64)
    for back in range(7):
        same = share[back::7]
        weekend = np.mod(weekday - back - 1, 7) >= WEEKEND_FROM
        of_day, number = _sum(np.nan_to_num(same)), _count(~np.isnan(same))
        for kind, chosen in enumerate((~weekend, weekend)):
            total[kind] += of_day * chosen
            count[kind] += number * chosen
    return _mean(total, count)


def _same_weekday(share: FloatArray) -> dict[str, FloatArray]:
    """Return (7, n, s) latest value of four weeks and mean of eight for the weekday of each day ahead."""
    latest, mean = [], []
    for day in range(7):
        same = share[6 - day :: 7]
        latest.append(_first_known(same[:4]))
        mean.append(_mean(_sum(np.nan_to_num(same)), _count(~np.isnan(same)), WEEKDAY_VALUES))
    return {"latest_at_clock_same_weekday": np.stack(latest), "profile_same_weekday": np.stack(mean)}


def _recent(days: ClockDays, level_kw: FloatArray) -> dict[str, FloatArray]:
    """Return (n,) means of the last hours, day and week, as far as a quarter of their values is known."""
    spans = {
        "last_hours": max(1, LAST_HOURS * 3600 // days.step_s),
        "last_day": days.slots,
        "last_week": 7 * days.slots,
    }
    return {name: mean_of(days.latest_kw[:, -n:], max(1, n // 4)) / level_kw for name, n in spans.items()}


def _range_of_day(profile: FloatArray) -> dict[str, FloatArray]:
    """Return (n,) the lowest and highest value of a day's profile; the lowest is the base load of the night."""
    lowest, highest = (reduced(profile, axis=1) for reduced in (np.fmin.reduce, np.fmax.reduce))
    return {"profile_lowest": lowest, "profile_highest": highest}


def _sum(values: FloatArray) -> FloatArray:
    """Return the sums of slabs, added one after the other: a meter's are the same in any batch."""
    if values[0].size == 1:  # numpy would add a single column in pairs, in another order than columns side by side
        return np.cumsum(values, axis=0)[-1]
    return np.add.reduce(values, axis=0)


def _count(there: NDArray[np.bool_]) -> IntArray:
    """Return how many slabs have a value."""
    return np.add.reduce(there.view(np.int8), axis=0, dtype=np.int8).astype(np.int64)


def _around(of_slots: NDArray[Any]) -> NDArray[Any]:
    """Return (n, s) sums over each slot and its neighbours on either side."""
    return np.roll(of_slots, -1, axis=1) + of_slots + np.roll(of_slots, 1, axis=1)


def _mean(total: FloatArray, count: NDArray[Any], at_least: float = HISTORY_NEEDED_VALUES) -> FloatArray:
    """Return means, NaN where of fewer values."""
    enough = count >= at_least
    return np.where(enough, total / np.where(enough, count, 1), np.nan)


def _first_known(values: FloatArray) -> FloatArray:
    """Return the first slab's value that is not NaN."""
    first = values[-1]
    for slab in values[-2::-1]:
        first = np.where(np.isnan(slab), first, slab)
    return first
