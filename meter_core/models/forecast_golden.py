"""Made-up histories that a forecaster has to answer as it did when it was saved; no one's data travels with it."""

from typing import Final

import numpy as np

from meter_core.contracts.forecasts import DAY_MINUTES, HISTORY_REACH_DAYS, HistoryBatch
from meter_core.contracts.readings import FloatArray, IntArray

METERS: Final = 5
AHEAD_DAYS: Final = 2
ORIGIN_TS_S: Final = 1_490_000_400
"""2017-03-20 09:00 UTC: clocks of two of the zones changed within the 56 days before, one's will within a week."""

ZONES: Final = ("America/Los_Angeles", "Europe/Paris", "Asia/Kolkata", "UTC", "Europe/Paris")


def golden_histories(interval_minutes: int) -> HistoryBatch:
    """Return five meters: whole, with gaps, a day late, three days old, without any history; two with their weather."""
    a_day = DAY_MINUTES // interval_minutes
    at = np.arange(HISTORY_REACH_DAYS * a_day)
    daily = 1.2 + np.sin(at * (2 * np.pi / a_day)) + 0.3 * np.cos(at * (2 * np.pi / 7 / a_day))
    kwh = np.outer(np.arange(1, METERS + 1), daily) * (interval_minutes / 60)
    kwh[1, ::5] = np.nan
    kwh[2, -a_day:] = np.nan
    kwh[3, : -3 * a_day] = np.nan
    kwh[4] = np.nan
    return HistoryBatch(
        origin_ts_s=np.full(METERS, ORIGIN_TS_S, dtype=np.int64),
        zones=ZONES,
        interval_minutes=np.full(METERS, interval_minutes, dtype=np.int64),
        kwh=kwh,
        temperature_c=_warmth(np.arange(AHEAD_DAYS * a_day), a_day),
        past_temperature_c=_warmth(at - len(at), a_day),
    )


def _warmth(at: IntArray, a_day: int) -> FloatArray:
    """Return temperatures that two of the meters know."""
    warmth = np.full((METERS, len(at)), np.nan)
    warmth[:2] = 15.0 + 9.0 * np.sin(at * (2 * np.pi / a_day)) + at / a_day
    return warmth
