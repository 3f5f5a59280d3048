"""An additive model as Prophet is one: a trend that bends, Fourier terms of day, week and year, holidays; by ridge."""

import numpy as np
from sklearn.linear_model import Ridge

from benchmarks.outsiders.asked import Asked, Said, empty, residual_quantiles
from meter_core.calendar import DAY_S, local_hour_and_weekday, utc_offset_minutes
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.public_holidays import is_holiday

BENDS, BENDS_UNTIL = 25, 0.8
"""Points at which the trend may bend, over the first part of what is learnt: Prophet's own defaults."""

ORDERS = {DAY_S: 4, 7 * DAY_S: 3, int(365.25 * DAY_S): 10}
"""Fourier terms by period: Prophet's too, the year's only where two years are known."""

RECENT_DAYS = 56


def say(asked: Asked) -> Said:
    """Return what one additive model a meter says, with the quantiles of its recent residuals by local hour."""
    answers, numbers = empty(asked), 0
    for group, learnt, own in asked.meters():
        if not own.size:
            continue
        zone, calendar = str(group.zone[0]), str(group.holidays[0])
        span = int(learnt.ts_s.min()), int(learnt.ts_s.max())
        matrix = design(learnt.ts_s, zone, calendar, span)
        model = Ridge(alpha=1.0).fit(matrix, learnt.units_kwh)
        at_s = asked.rows.ts_s[asked.chosen[own]]
        mean = model.predict(design(at_s, zone, calendar, span))
        recent = learnt.ts_s >= span[1] - RECENT_DAYS * DAY_S
        residual = learnt.units_kwh[recent] - model.predict(matrix[recent])
        hour, _ = local_hour_and_weekday(learnt.ts_s[recent], zone)
        of_hour, _ = local_hour_and_weekday(at_s, zone)
        answers.mean_kwh[own] = np.maximum(mean, 0.0)
        answers.quantiles_kwh[own] = np.maximum(mean[:, None] + residual_quantiles(residual, hour, of_hour), 0.0)
        numbers += matrix.shape[1] + 1
    return Said(answers, numbers)


def design(ts_s: IntArray, zone: str, calendar: str, span: tuple[int, int]) -> FloatArray:
    """Return the columns of the additive model at some instants."""
    local_s = ts_s + utc_offset_minutes(ts_s, zone) * 60
    since = (ts_s - span[0]) / max(1, span[1] - span[0])
    bends = np.linspace(0.0, BENDS_UNTIL, BENDS + 1)
    columns = [np.maximum(since - bend, 0.0) for bend in bends]
    for period, order in ORDERS.items():
        if period < 30 * DAY_S or span[1] - span[0] >= 2 * period:
            angle = 2.0 * np.pi * np.arange(1, order + 1)[:, None] * local_s / period
            columns += [*np.sin(angle), *np.cos(angle)]
    if calendar:
        columns.append(is_holiday(local_s // DAY_S, calendar).astype(np.float64))
    return np.stack(columns, axis=1)
