"""How sure a skill is: a paired bootstrap over weeks, clustered by meter.

Blocks after Künsch (1989), clusters after Cameron, Gelbach and Miller (2008).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.readings import FloatArray, IntArray

WEEK_S: Final = 7 * DAY_S
DRAWS: Final = 2_000
SEED: Final = 20_090_101


@dataclass(frozen=True, slots=True)
class SkillBounds:
    """What the bootstrap says of 1 - score / other's score.

    Attributes:
        value: on all rows.
        low: 2.5 % quantile of the draws; with `high` the 95 % interval.
        high: 97.5 % quantile.
        one_sided_low: 5 % quantile: the one-sided 95 % bound.
        standard_error: standard deviation of the draws.
    """

    value: float
    low: float
    high: float
    one_sided_low: float
    standard_error: float


def skill_bounds(
    loss: FloatArray, other: FloatArray, meter: IntArray, ts_s: IntArray, root: bool = False
) -> SkillBounds | None:
    """Return the bounds of a skill; None with less than two weeks, which say nothing about the next.

    Meters are drawn with replacement, then each meter's weeks; both models lose on the same rows. Scores are averaged
    over meters.

    Args:
        loss: (n,) losses of the model.
        other: (n,) losses of what it is compared with, on the same rows.
        meter: (n,) number of each row's meter, 0 and up.
        ts_s: (n,) UTC seconds.
        root: whether the score is the root of the mean loss, as with RMSE.
    """
    drawn = _drawn(loss, other, meter, ts_s, root)
    if drawn is None:
        return None
    scores, whole = drawn
    skill = 1.0 - scores[:, 0] / scores[:, 1]
    low, one_sided, high = np.quantile(skill, (0.025, 0.05, 0.975))
    return SkillBounds(
        float(1.0 - whole[0] / whole[1]), float(low), float(high), float(one_sided), float(skill.std(ddof=1))
    )


def standard_error(loss: FloatArray, meter: IntArray, ts_s: IntArray, root: bool = False) -> float | None:
    """Return the standard error of a score, by the same draws; None with less than two weeks.

    Args:
        loss: (n,) losses of the model.
        meter: (n,) number of each row's meter, 0 and up.
        ts_s: (n,) UTC seconds.
        root: whether the score is the root of the mean loss, as with RMSE.
    """
    drawn = _drawn(loss, loss, meter, ts_s, root)
    return None if drawn is None else float(drawn[0][:, 0].std(ddof=1))


def _drawn(
    loss: FloatArray, other: FloatArray, meter: IntArray, ts_s: IntArray, root: bool
) -> tuple[FloatArray, FloatArray] | None:
    """Return (draws, 2) both scores as drawn and (2,) on all rows; None with less than two weeks."""
    week = np.floor_divide(ts_s - ts_s.min(), WEEK_S)
    if len(ts_s) == 0 or week.max() < 1:
        return None
    draws = np.random.default_rng(SEED)
    sums = _sums(loss, other, meter, week)
    drawn = np.stack([_drawn_scores(of_meter, draws, root) for of_meter in sums])
    chosen = draws.integers(len(sums), size=(len(sums), DRAWS))
    scores = np.take_along_axis(drawn, chosen[:, :, None], axis=0).mean(axis=0)
    whole = np.mean([_scores(of_meter.sum(axis=0), root) for of_meter in sums], axis=0)
    return scores, whole


def _sums(loss: FloatArray, other: FloatArray, meter: IntArray, week: IntArray) -> list[FloatArray]:
    """Return for each meter (weeks, 3): its sums of both losses and of rows in each week that has any."""
    weeks = int(week.max()) + 1
    cell, cells = meter * weeks + week, (int(meter.max()) + 1) * weeks
    weights = (loss, other, np.ones(len(loss)))
    columns = [np.bincount(cell, weights=values, minlength=cells).astype(np.float64) for values in weights]
    table = np.stack(columns, axis=1).reshape(-1, weeks, 3)
    return [of_meter[of_meter[:, 2] > 0] for of_meter in table if of_meter[:, 2].any()]


def _drawn_scores(of_meter: FloatArray, draws: np.random.Generator, root: bool) -> FloatArray:
    """Return (draws, 2) both scores of one meter with its weeks drawn anew."""
    chosen = draws.integers(len(of_meter), size=(DRAWS, len(of_meter)))
    return _scores(of_meter[chosen].sum(axis=1), root)


def _scores(sums: NDArray[Any], root: bool) -> FloatArray:
    """Return both scores from sums of losses and rows in the last axis."""
    means = sums[..., :2] / sums[..., 2:]
    return np.sqrt(means) if root else means
