"""Features of the task `ahead`: what a meter's past says of each coming interval, in units of the meter's own level.

All are known when the forecast is made. A row depends on its own meter alone, in an order of addition that does not
depend on how many meters come with it: days are added one slab after the other.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.forecasts import FORECAST_HOURS, HISTORY_NEEDED_VALUES, HISTORY_REACH_DAYS
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead_weather import WEATHER_FEATURES, weather_features
from meter_core.features.alike_days import alike, day_off
from meter_core.features.clock_days import ClockDays, Targets
from meter_core.features.history import mean_of
from meter_core.features.slabs import count_of, first_slab, mean_of_sums, sum_of

AHEAD_FEATURES: Final = (
    "lead_hours",
    "local_hour",
    "local_weekday",
    "is_day_off",
    "latest_at_clock",
    "latest_at_clock_same_weekday",
    "profile_7d",
    "profile_14d",
    "profile_28d",
    "profile_ew7",
    "profile_like_day",
    "latest_like_day",
    "latest_off",
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
    "last_hours_off",
    "last_day_off",
    "known_days",
    *WEATHER_FEATURES,
)
"""Names and order of the columns. Energies are mean kW as a share of the meter's level.

`lead_hours`: from the end of what is known, at most 168. `is_day_off`: a weekend, or a public holiday.

`latest_at_clock`: the latest value known at this clock time, of 7 days; `..._same_weekday`: of 4 such weekdays;
`latest_like_day`: of a day of the same kind, of 14. `profile_*`: means at this clock time over so many days (7 values
needed; 3 for one weekday), `ew7` over 56 days with weights that halve every 7 days, `ew2` every 2, `like_day` over
those of 56 days that are off like the day, or working days like it; `around`: with the neighbour intervals.
`spread_28d`: standard deviation at this clock time. `lowest`, `highest`: of the day's 28-day profile. `last_*`: means
of the last 3 hours, 24 hours, 7 days before knowledge ends. `..._off`: how far the latest value at this clock time,
the last 3 hours, the last 24 were off the profile of their own kind of day. `known_days`: values known, in days, at
most 28."""

PROFILES: Final = {"profile_7d": 7, "profile_14d": 14, "profile_28d": 28}
LEVEL_DAYS: Final = 28
WEEKDAY_VALUES: Final = 3
LAST_HOURS: Final = 3
PRIOR_DAYS: Final = 0.25
"""What a meter's level counts against the training's meters while it has less than a week of values."""

LEAST_SHARE: Final = 0.02
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


def sees_weather(matrix: FloatArray) -> NDArray[np.bool_]:
    """Return (n,) whether the temperature of the interval is known in rows of features."""
    return ~np.isnan(matrix[:, AHEAD_FEATURES.index("temperature_c")])


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
    of_weekdays, (of_kinds, off_kind) = _same_weekday(share), alike(days, share)
    of_slots |= off_kind
    meter, closed = np.arange(len(level_kw))[:, None], day_off(coming.date, days)
    values: dict[str, Any] = {name: profile[meter, coming.slot] for name, profile in of_slots.items()}
    values |= {name: each[closed.astype(np.int64), meter, coming.slot] for name, each in of_kinds.items()}
    values |= {name: each[np.mod(coming.day, 7), meter, coming.slot] for name, each in of_weekdays.items()}
    recent = _recent(days, level_kw) | _range_of_day(of_slots["profile_28d"]) | _off_kind(off_kind["latest_off"], days)
    recent["known_days"] = np.minimum(known / days.slots, LEVEL_DAYS)
    values |= {name: column[:, None] for name, column in recent.items()}
    values["lead_hours"] = np.minimum(coming.lead * (days.step_s / 3600.0), FORECAST_HOURS)
    values["local_hour"] = coming.local_minute / 60.0
    values["local_weekday"], values["is_day_off"] = coming.weekday, closed
    values |= weather_features(days, coming)
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
        total, count = total + sum_of(zeroed[before:days]), count + count_of(there[before:days])
        profiles[name], before = mean_of_sums(total, count), days
    squares = mean_of_sums(sum_of(zeroed[:before] ** 2), count) - profiles[name] ** 2
    weighted, weight = sum_of(zeroed * _EW7), sum_of(there * _EW7)
    quickly, quick = sum_of(zeroed * _EW2), sum_of(there * _EW2)
    enough = count + count_of(there[before:]) >= HISTORY_NEEDED_VALUES
    return profiles | {
        "latest_at_clock": first_slab(share[:7]),
        "profile_ew7": np.where(enough, weighted / np.where(enough, weight, 1.0), np.nan),
        "profile_28d_around": mean_of_sums(_around(total), _around(count)),
        "profile_ew2_around": mean_of_sums(_around(quickly), _around(quick), np.finfo(float).tiny),
        "latest_around": mean_of_sums(_around(zeroed[0]), _around(there[0].astype(np.int64)), 1),
        "spread_28d": np.sqrt(np.maximum(squares, 0.0)),
    }


def _same_weekday(share: FloatArray) -> dict[str, FloatArray]:
    """Return (7, n, s) latest value of four weeks and mean of eight for the weekday of each day ahead."""
    latest, mean = [], []
    for day in range(7):
        same = share[6 - day :: 7]
        latest.append(first_slab(same[:4]))
        mean.append(mean_of_sums(sum_of(np.nan_to_num(same)), count_of(~np.isnan(same)), WEEKDAY_VALUES))
    return {"latest_at_clock_same_weekday": np.stack(latest), "profile_same_weekday": np.stack(mean)}


def _recent(days: ClockDays, level_kw: FloatArray) -> dict[str, FloatArray]:
    """Return (n,) means of the last hours, day and week, as far as a quarter of their values is known."""
    spans = {
        "last_hours": max(1, LAST_HOURS * 3600 // days.step_s),
        "last_day": days.slots,
        "last_week": 7 * days.slots,
    }
    return {name: mean_of(days.latest_kw[:, -n:], max(1, n // 4)) / level_kw for name, n in spans.items()}


def _off_kind(latest_off: FloatArray, days: ClockDays) -> dict[str, FloatArray]:
    """Return (n,) means of how far the last hours, and the last day, were off their kind of day."""
    hours = max(1, LAST_HOURS * 3600 // days.step_s)
    return {
        "last_hours_off": mean_of(latest_off[:, -hours:], 1),
        "last_day_off": mean_of(latest_off, max(1, days.slots // 4)),
    }


def _range_of_day(profile: FloatArray) -> dict[str, FloatArray]:
    """Return (n,) the lowest and highest value of a day's profile; the lowest is the base load of the night."""
    lowest, highest = (reduced(profile, axis=1) for reduced in (np.fmin.reduce, np.fmax.reduce))
    return {"profile_lowest": lowest, "profile_highest": highest}


def _around(of_slots: NDArray[Any]) -> NDArray[Any]:
    """Return (n, s) sums over each slot and its neighbours on either side."""
    return np.roll(of_slots, -1, axis=1) + of_slots + np.roll(of_slots, 1, axis=1)
