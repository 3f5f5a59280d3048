"""Made-up readings that a predictor has to answer as it did when it was saved; no one's data travels with it."""

import numpy as np

from meter_core.contracts.features import RECENT_VALUES
from meter_core.contracts.readings import ReadingBatch

ROWS = 8


def golden_batch(intervals: tuple[int, ...]) -> ReadingBatch:
    """Return eight readings over the features' ranges, every second one with history, one without voltage."""
    step = np.arange(ROWS, dtype=np.int64)
    part = step.astype(np.float64)
    hour = step * 3
    daily = 0.6 + 0.4 * np.sin(np.arange(RECENT_VALUES) * (2 * np.pi / 24))
    recent = daily + 0.1 * step[:, None]
    recent[::2] = np.nan
    voltage_v = 228.0 + 3.0 * part
    voltage_v[-1] = np.nan
    return ReadingBatch(
        voltage_v=voltage_v,
        temperature_c=5.0 + 4.0 * part,
        power_factor=0.82 + 0.02 * part,
        load_kw=0.3 * part,
        frequency_hz=49.9 + 0.03 * part,
        local_hour=hour,
        local_day_of_week=step % 7,
        interval_minutes=np.array([intervals[n % len(intervals)] for n in step], dtype=np.int64),
        recent_kwh=recent,
    )
