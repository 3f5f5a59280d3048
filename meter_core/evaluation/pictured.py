"""What the pictures of a report show, as numbers: nothing is computed where they are drawn."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.evaluated import Rows
from meter_core.evaluation.scores import Answers

COURSE_S: Final = 10 * DAY_S
LEVELS: Final = 10
FEWEST_IN_LEVEL: Final = 50


@dataclass(frozen=True, slots=True)
class ByHour:
    """Measured less predicted by local hour.

    Attributes:
        hour: (k,) hours that have rows.
        quantiles_kwh: (k, 3) at 10, 50, 90 %.
        mean_kwh: (k,) the bias.
    """

    hour: IntArray
    quantiles_kwh: FloatArray
    mean_kwh: FloatArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often what was measured lies below each quantile that was forecast.

    Attributes:
        levels: (q,) what should be.
        predicted_kwh: (k,) mean prediction of each level of prediction.
        below: (k, q) shares that are.
        overall: (q,) shares over all rows.
    """

    levels: tuple[float, ...]
    predicted_kwh: FloatArray
    below: FloatArray
    overall: FloatArray


@dataclass(frozen=True, slots=True)
class Course:
    """Some days of one meter.

    Attributes:
        name: of the meter.
        ts_s: (n,) UTC seconds.
        measured_kwh: (n,).
        mean_kwh: (n,) predicted.
        low_kwh: (n,) 10 % quantile.
        high_kwh: (n,) 90 % quantile.
    """

    name: str
    ts_s: IntArray
    measured_kwh: FloatArray
    mean_kwh: FloatArray
    low_kwh: FloatArray
    high_kwh: FloatArray


def residuals_by_hour(rows: Rows, answers: Answers) -> ByHour:
    """Return the residuals of each local hour."""
    residual = rows.measured_kwh - answers.mean_kwh
    hours = np.unique(rows.local_hour)
    of_hour = [residual[rows.local_hour == hour] for hour in hours]
    quantiles = np.array([np.quantile(each, (0.1, 0.5, 0.9), method="weibull") for each in of_hour])
    return ByHour(hours, quantiles, np.array([each.mean() for each in of_hour]))


def calibration(rows: Rows, answers: Answers) -> Calibration:
    """Return how often what was measured lies at or below each quantile, by level of the prediction."""
    below = rows.measured_kwh[:, None] <= answers.quantiles_kwh
    levels = int(np.clip(len(rows) // FEWEST_IN_LEVEL, 1, LEVELS))
    chunks = np.array_split(np.argsort(answers.mean_kwh, kind="stable"), levels)
    predicted = np.array([answers.mean_kwh[chunk].mean() for chunk in chunks])
    shares = np.array([below[chunk].mean(axis=0) for chunk in chunks])
    return Calibration(QUANTILES, predicted, shares, below.mean(axis=0))


def course(rows: Rows, answers: Answers, meter: int) -> Course:
    """Return the last ten days of a meter; where an interval was forecast more than once, the last time."""
    own = np.flatnonzero(rows.meter == meter)
    own = own[rows.ts_s[own] >= rows.ts_s[own].max() - COURSE_S]
    own = own[np.lexsort((-rows.origin_s[own], rows.ts_s[own]))]
    own = own[np.unique(rows.ts_s[own], return_index=True)[1]]
    return Course(
        name=str(rows.meter_id[meter]),
        ts_s=rows.ts_s[own],
        measured_kwh=rows.measured_kwh[own],
        mean_kwh=answers.mean_kwh[own],
        low_kwh=answers.quantiles_kwh[own, 0],
        high_kwh=answers.quantiles_kwh[own, -1],
    )
