"""The twelve classic features of a reading: five measured, two of the local calendar, five derived from them."""

import numpy as np

from meter_core.contracts.features import (
    FEATURES,
    FULL_LOAD_KW,
    HIGH_TEMP_ABOVE_C,
    PF_ISSUE_BELOW,
    VOLTAGE_HIGH_V,
    VOLTAGE_LOW_V,
    WEEKEND_FROM,
)
from meter_core.contracts.readings import FloatArray, IntArray, ReadingBatch


def derive(
    voltage_v: FloatArray,
    temperature_c: FloatArray,
    power_factor: FloatArray,
    load_kw: FloatArray,
    local_day_of_week: IntArray,
) -> dict[str, FloatArray]:
    """Return the five derived features. What is derived from a missing quantity is missing.

    Args:
        voltage_v: (n,) V, NaN where missing; so the next three.
        temperature_c: (n,) degrees Celsius.
        power_factor: (n,) dimensionless.
        load_kw: (n,) kW at the start of the interval.
        local_day_of_week: (n,) Monday 0.

    Returns:
        (n,) each, by name: flags are 0 or 1, `load_intensity` is 100 * load_kw / 5 clipped to 0..100.
    """
    outside = (voltage_v < VOLTAGE_LOW_V) | (voltage_v > VOLTAGE_HIGH_V)
    return {
        "is_weekend": (local_day_of_week >= WEEKEND_FROM).astype(np.float64),
        "voltage_flag": _flag(outside, voltage_v),
        "pf_issue": _flag(power_factor < PF_ISSUE_BELOW, power_factor),
        "high_temp": _flag(temperature_c > HIGH_TEMP_ABOVE_C, temperature_c),
        "load_intensity": np.clip(100.0 * load_kw / FULL_LOAD_KW, 0.0, 100.0),
    }


def snapshot_matrix(batch: ReadingBatch) -> FloatArray:
    """Return the (n, 12) matrix of the classic features, columns as in `FEATURES`, NaN where missing."""
    derived = derive(batch.voltage_v, batch.temperature_c, batch.power_factor, batch.load_kw, batch.local_day_of_week)
    matrix = np.empty((len(batch), len(FEATURES)))
    for column, name in enumerate(FEATURES):
        matrix[:, column] = derived[name] if name in derived else getattr(batch, name)
    return matrix


def _flag(raised: np.ndarray, source: FloatArray) -> FloatArray:
    """Return 1 where raised, 0 where not, NaN where the source is missing."""
    return np.where(np.isnan(source), np.nan, raised)
