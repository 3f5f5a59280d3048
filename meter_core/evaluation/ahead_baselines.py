"""The baselines that every model of the task `ahead` is measured against: what repeats or averages what was known.

Clock times are local. A naive repeats the latest value known at the origin for a clock time, at most 28 days old.
"""

from typing import Final

import numpy as np

from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray
from meter_core.evaluation.baselines import RESIDUALS
from meter_core.evaluation.naives import BACK_DAYS, FULL_DAYS, NAIVES, first_known
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.history import HISTORY_DAYS, history_profiles, mean_of
from meter_core.features.origins import Origins
from meter_core.models.row_quantiles import row_quantiles

AHEAD_BASELINES: Final = ("mean", *NAIVES)


def baseline_points(origins: Origins) -> dict[str, FloatArray]:
    """Return (n, h) kWh of each naive, NaN where it is not defined."""
    days = clock_days(origins.batch)
    coming = targets(days, origins.measured_kwh.shape[1])
    n = len(origins.batch)
    clock = days.mean_kw.transpose(1, 2, 0).reshape(n * days.slots, -1)
    meter = np.arange(n)[:, None]

    def gathered(of_slots: FloatArray) -> FloatArray:
        return of_slots.reshape(n, days.slots)[meter, coming.slot]

    weeks = [gathered(first_known(clock[:, 6 - ahead : BACK_DAYS : 7])) for ahead in range(7)]
    last_week = np.choose(np.mod(coming.day, 7), weeks)
    yesterday = gathered(first_known(clock[:, :BACK_DAYS]))
    latest = first_known(days.latest_kw[:, : -BACK_DAYS * days.slots - 1 : -1])
    profile_28d, profile_ew7 = (gathered(profile) for profile in history_profiles(clock))
    mean_kw = {
        "persistence": np.broadcast_to(latest[:, None], coming.slot.shape),
        "same_hour_yesterday": yesterday,
        "same_hour_last_week": last_week,
        "smart_naive": np.where(np.isin(coming.weekday, FULL_DAYS), yesterday, last_week),
        "hour_profile_28d": profile_28d,
        "hour_profile_14d": gathered(mean_of(clock[:, :14])),
        "hour_profile_ew7": profile_ew7,
    }
    return {name: values * (days.step_s / 3600.0) for name, values in mean_kw.items()}


def with_quantiles(origins: Origins, point_kwh: FloatArray) -> FloatArray:
    """Return (n, h, 3) quantiles of a baseline: the point plus those of its residuals over the last 56 days.

    A residual counts at an origin if it was of an origin before, the same interval ahead, and known by then. With few
    of them, or none, the quantiles are those of all that are known.

    Args:
        origins: of one meter, in the order of time, one a day.
        point_kwh: (n, h).
    """
    residual = origins.measured_kwh - point_kwh
    n, horizon = residual.shape
    back = np.arange(n)[:, None] - np.arange(1, HISTORY_DAYS + 1)
    at = np.maximum(back, 0)
    at_s = origins.batch.origin_ts_s
    there = (back >= 0)[:, :, None] & (origins.available_s[at] <= at_s[:, None, None])
    recent = np.where(there, residual[at], np.nan)
    offsets = row_quantiles(recent.transpose(0, 2, 1).reshape(n * horizon, -1), QUANTILES, RESIDUALS)
    pooled = row_quantiles(recent.reshape(n, -1), QUANTILES, 1)
    pooled = np.where(np.isnan(pooled), 0.0, pooled)
    offsets = offsets.reshape(n, horizon, -1)
    return point_kwh[:, :, None] + np.where(np.isnan(offsets), pooled[:, None, :], offsets)
