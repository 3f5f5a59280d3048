"""Scores of predictions against measurements, all in kWh of the interval.

RMSE scores means, MAE medians, pinball loss quantiles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray

LOSSES: Final = ("rmse", "mae", "pinball")
"""Scores that are means of a loss of each row (`rmse` the root of it), lower being better: those with a skill."""

MEDIAN: Final = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model or baseline says of n rows.

    Attributes:
        mean_kwh: (n,) means.
        quantiles_kwh: (n, 3) quantiles at `QUANTILES`.
    """

    mean_kwh: FloatArray
    quantiles_kwh: FloatArray


def losses(measured_kwh: FloatArray, answers: Answers) -> dict[str, FloatArray]:
    """Return (n,) losses by score: squared error of means, absolute error of medians, mean pinball of quantiles.

    Pinball loss of quantile q at level a (Koenker and Bassett 1978): max(a * (y - q), (a - 1) * (y - q)).
    """
    over = measured_kwh[:, None] - answers.quantiles_kwh
    levels = np.asarray(QUANTILES)
    return {
        "rmse": (answers.mean_kwh - measured_kwh) ** 2,
        "mae": np.abs(over[:, MEDIAN]),
        "pinball": np.maximum(levels * over, (levels - 1) * over).mean(axis=1),
    }


def score(measured_kwh: FloatArray, answers: Answers) -> dict[str, float]:
    """Return the scores of one meter (or of one sum of meters).

    `r2` is 1 - SSE / SST; `coverage` the share inside [0.1, 0.9], bounds included; `nmbe` (measured less predicted) and
    `cv_rmse` are shares of the mean, after ASHRAE Guideline 14 without its degrees of freedom. Of nothing: NaN.

    Args:
        measured_kwh: (n,) none missing, n > 0.
        answers: for the same rows.
    """
    of_row = losses(measured_kwh, answers)
    mean = float(measured_kwh.mean())
    spread = float(((measured_kwh - mean) ** 2).mean())
    rmse = float(np.sqrt(of_row["rmse"].mean()))
    low, high = answers.quantiles_kwh[:, 0], answers.quantiles_kwh[:, -1]
    return {
        "rmse": rmse,
        "mae": float(of_row["mae"].mean()),
        "pinball": float(of_row["pinball"].mean()),
        "coverage": float(((measured_kwh >= low) & (measured_kwh <= high)).mean()),
        "r2": 1.0 - rmse**2 / spread if spread > 0 else float("nan"),
        "nmbe": float((measured_kwh - answers.mean_kwh).mean()) / mean if mean else float("nan"),
        "cv_rmse": rmse / mean if mean else float("nan"),
    }


def score_meters(
    measured_kwh: FloatArray, answers: Answers, meter: NDArray[np.int64]
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Return the unweighted average of the meters' scores, and those of each meter.

    Args:
        measured_kwh: (n,) none missing.
        answers: for the same rows.
        meter: (n,) number of each row's meter, 0 and up, each with a row.
    """
    order = np.argsort(meter, kind="stable")
    each = [
        score(measured_kwh[rows], Answers(answers.mean_kwh[rows], answers.quantiles_kwh[rows]))
        for rows in np.split(order, np.cumsum(np.bincount(meter))[:-1])
    ]
    return average(each), each


def average(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each score over those for which it is a number."""
    columns = {name: np.array([one[name] for one in scores]) for name in scores[0]}
    return {
        name: float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
        for name, values in columns.items()
    }


def skills(model: Mapping[str, float], baselines: Mapping[str, Mapping[str, float] | None]) -> dict[str, float | None]:
    """Return 1 - score / strongest baseline's, by score; None where no baseline is defined."""
    best = {name: strongest(baselines, name) for name in LOSSES}
    return {
        name: None if best[name] is None else 1.0 - model[name] / (baselines[best[name]] or {})[name]  # type: ignore[index]
        for name in LOSSES
    }


def strongest(baselines: Mapping[str, Mapping[str, float] | None], name: str) -> str | None:
    """Return the baseline with the lowest score of that name, None where none is defined."""
    defined = {baseline: scores[name] for baseline, scores in baselines.items() if scores is not None}
    return min(defined, key=lambda baseline: defined[baseline]) if defined else None
