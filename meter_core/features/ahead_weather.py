"""Outdoor temperature of the intervals to forecast: as it is known at the origin, with lags and degree hours."""

from typing import Final

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.contracts.readings import FloatArray
from meter_core.features.clock_days import ClockDays, Targets
from meter_core.features.slabs import sum_of

HEATING_BELOW_C: Final = 18.0
COOLING_ABOVE_C: Final = 20.0
"""Where degree hours begin."""

SPANS_H: Final = {"temperature_3h": 3, "temperature_day": 24, "temperature_3d": 72}
"""Means of the temperature up to and with the interval: buildings warm and cool slowly."""

WEATHER_FEATURES: Final = (
    "temperature_c",
    *SPANS_H,
    "heating",
    "cooling",
    "temperature_change",
    "heating_change",
    "cooling_change",
    "temperature_since_yesterday",
    "heating_since_yesterday",
    "cooling_since_yesterday",
)
"""`heating`, `cooling`: degrees below and above. `..._change`: less the mean at this clock time of the days known.
`..._since_yesterday`: less those of the 24 hours before; of whole days, of the day before."""


def weather_features(days: ClockDays, coming: Targets) -> dict[str, FloatArray]:
    """Return (n, h) columns by name; all missing where no temperature was given."""
    horizon = coming.lead.shape[1]
    if days.temperatures_c is None:
        return dict.fromkeys(WEATHER_FEATURES, np.full(coming.lead.shape, np.nan))
    known = _until(days.temperatures_c, days.latest_kw.shape[1] + horizon)
    now = known[:, -horizon:]
    spans = {name: max(1, hours * 3600 // min(days.step_s, DAY_S)) for name, hours in SPANS_H.items()}
    columns = {"temperature_c": now, **{name: _trailing(known, horizon, width) for name, width in spans.items()}}
    columns |= _degrees(now)
    for name, before in _week(days).items():
        column = "temperature_c" if name == "temperature" else name
        columns[f"{name}_change"] = columns[column] - before[np.arange(len(now))[:, None], coming.slot]
    yesterday = known[:, -horizon - days.slots : -days.slots]
    columns["temperature_since_yesterday"] = now - yesterday
    for name, degrees in _degrees(yesterday).items():
        columns[f"{name}_since_yesterday"] = columns[name] - degrees
    return columns


def _until(temperatures_c: FloatArray, width: int) -> FloatArray:
    """Return the first `width` columns, missing where fewer were given."""
    short = max(0, width - temperatures_c.shape[1])
    return np.pad(temperatures_c[:, :width], ((0, 0), (0, short)), constant_values=np.nan)


def _degrees(temperature_c: FloatArray) -> dict[str, FloatArray]:
    """Return degrees below and above where heating and cooling begin."""
    return {
        "heating": np.maximum(HEATING_BELOW_C - temperature_c, 0.0),
        "cooling": np.maximum(temperature_c - COOLING_ABOVE_C, 0.0),
    }


def _week(days: ClockDays) -> dict[str, FloatArray]:
    """Return (n, s) means of a week's temperatures and degrees at each clock time, missing where none is known."""
    if days.temperature_c is None:
        return dict.fromkeys(("temperature", "heating", "cooling"), np.full((len(days.end_s), days.slots), np.nan))
    there = ~np.isnan(days.temperature_c)
    count = np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    each = {"temperature": days.temperature_c, **_degrees(days.temperature_c)}
    return {name: sum_of(np.nan_to_num(values)) / count for name, values in each.items()}


def _trailing(known: FloatArray, horizon: int, width: int) -> FloatArray:
    """Return (n, h) means over so many intervals up to and with each of the last h, of which half have to be known."""
    span = known[:, -(horizon + width - 1) :]
    span = np.pad(span, ((0, 0), (horizon + width - 1 - span.shape[1], 0)), constant_values=np.nan)
    total, count = np.zeros((len(span), horizon)), np.zeros((len(span), horizon))
    for back in range(width):
        part = span[:, back : back + horizon]
        total += np.nan_to_num(part)
        count += ~np.isnan(part)
    return np.where(count * 2 >= width, total / np.maximum(count, 1), np.nan)
