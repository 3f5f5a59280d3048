"""The baselines that every model of the task `reading` is measured against, on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.features import FEATURES, QUANTILES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.naives import NAIVES, naive_columns
from meter_core.evaluation.scores import Answers
from meter_core.evaluation.splits import Split
from meter_core.features.history import HISTORY_DAYS
from meter_core.features.readings import ReadingTable, same_clock_before
from meter_core.models.fit import TrainingData
from meter_core.models.row_quantiles import row_quantiles

BASELINES: Final = ("mean", *NAIVES, "load_x_hours", "blend", "linear_history")
DEFINED_SHARE: Final = 0.9
"""A baseline that is defined on a smaller share of the rows has no score."""

CELLS: Final = 48
"""Local hours by weekend or not."""

RESIDUALS: Final = 7
"""Residuals at a clock time that quantiles need."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline on the test rows.

    Attributes:
        answers: for all rows. Where it is not defined it answers as the 28-day profile does, else as the mean.
        defined: share of the rows where it is.
    """

    answers: Answers
    defined: float


def reading_baselines(
    data: TrainingData, split: Split, naives: Mapping[str, FloatArray] | None = None
) -> dict[str, Baseline | None]:
    """Return each baseline's answers for the test rows of a split, None where defined on less than 90 % of them.

    A point baseline's quantiles are the point plus those of its residuals at this clock time over the 56 days before.

    Args:
        data: readings with features.
        split: what `mean` and `linear_history` are fitted on, and what is answered.
        naives: `naive_columns(data.table)`, where the caller has them.
    """
    points = point_baselines(data, split, naive_columns(data.table) if naives is None else naives)
    test = split.test_rows(data.table)
    recent = (data.table.ts_s >= split.test_from_s - (HISTORY_DAYS + 1) * DAY_S) & (
        data.table.ts_s < split.test_until_s
    )
    fallback = np.where(np.isnan(points["hour_profile_28d"]), points["mean"], points["hour_profile_28d"])
    baselines: dict[str, Baseline | None] = {}
    for name in BASELINES:
        defined = float((~np.isnan(points[name][test])).mean()) if test.any() else 0.0
        point_kw = np.where(np.isnan(points[name]), fallback, points[name])
        answers = _with_quantiles(data.table, point_kw, recent, test)
        baselines[name] = Baseline(answers, defined) if defined >= DEFINED_SHARE else None
    return baselines


def point_baselines(data: TrainingData, split: Split, naives: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return (n,) mean kW of each baseline for each reading, NaN where it is not defined."""
    table = data.table
    fit = split.fit_rows(table)
    profile = naives["hour_profile_28d"]
    return {
        "mean": _meter_mean(table, fit),
        **naives,
        "load_x_hours": table.load_kw,  # kW times the interval's hours, per hour
        "blend": (table.load_kw + profile) / 2,
        "linear_history": _linear_history(data, fit, naives["persistence"], profile),
    }


def _meter_mean(table: ReadingTable, fit: NDArray[np.bool_]) -> FloatArray:
    """Return (n,) the mean of each meter's training rows, of all meters' for one without."""
    _, meter = np.unique(table.meter_id.astype(str), return_inverse=True)
    count = np.bincount(meter[fit], minlength=meter.max() + 1)
    total = np.bincount(meter[fit], weights=table.mean_kw[fit], minlength=meter.max() + 1)
    overall = total.sum() / count.sum()
    return np.where(count > 0, total / np.maximum(count, 1), overall)[meter]


def _linear_history(
    data: TrainingData, fit: NDArray[np.bool_], previous: FloatArray, profile: FloatArray
) -> FloatArray:
    """Return (n,) least squares on load, previous value, profile, hour by weekend; a missing one is its mean.

    The 48 indicators of hour by weekend are swept out by taking each one's means off (Frisch and Waugh 1933): the same
    fit without a matrix of 51 columns.
    """
    hour, weekend = (data.matrix[:, FEATURES.index(name)].astype(np.int64) for name in ("local_hour", "is_weekend"))
    cell = hour * 2 + weekend
    measured = np.stack([data.table.load_kw, previous, profile], axis=1)
    measured = measured[:, ~np.isnan(measured[fit]).all(axis=0)]
    complete = fit & ~np.isnan(measured).any(axis=1)
    if not complete.any():
        return np.full(len(previous), np.nan)
    filled = np.where(np.isnan(measured), measured[complete].mean(axis=0), measured)
    mean_kw = _cell_means(cell[complete], data.table.mean_kw[complete])
    means = np.stack([_cell_means(cell[complete], values) for values in filled[complete].T], axis=1)
    filled -= means[cell]
    weights, *_ = np.linalg.lstsq(filled[complete], (data.table.mean_kw - mean_kw[cell])[complete], rcond=None)
    return np.where(np.isnan(measured).all(axis=1), np.nan, mean_kw[cell] + filled @ weights)


def _cell_means(cell: IntArray, values: FloatArray) -> FloatArray:
    """Return (48,) means of values by hour and weekend; of all of them where a cell has none."""
    count = np.bincount(cell, minlength=CELLS)
    total = np.bincount(cell, weights=values, minlength=CELLS)
    return np.where(count > 0, total / np.maximum(count, 1), values.mean())


def _with_quantiles(
    table: ReadingTable, point_kw: FloatArray, recent: NDArray[np.bool_], test: NDArray[np.bool_]
) -> Answers:
    """Return the test rows' answers in kWh; where a clock time has few residuals, with the quantiles of all."""
    residual = np.where(recent, table.mean_kw - point_kw, np.nan)
    offsets = row_quantiles(same_clock_before(table, residual, test), QUANTILES, RESIDUALS)
    before = residual[recent & ~test]
    before = before[~np.isnan(before)]
    pooled = np.quantile(before, QUANTILES, method="weibull") if before.size else np.zeros(len(QUANTILES))
    offsets = np.where(np.isnan(offsets), pooled, offsets)
    hours = table.interval_minutes[test] / 60.0
    return Answers(point_kw[test] * hours, (point_kw[test][:, None] + offsets) * hours[:, None])
