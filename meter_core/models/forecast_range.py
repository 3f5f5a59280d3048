"""From what models outline to a whole distribution: quantiles of errors on unseen data, by level of the prediction.

A model outlines each coming interval by four numbers: mean, and low, middle and high quantile. How far measured values
fell from the middle, in units of the outlined width on their side, is a conformity score (Romano, Patterson and Candes
2019); its quantiles on unseen data put the published quantiles where they belong. They are taken for each level of
prediction, because what a low prediction misses by looks different from what a high one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.forecasts import FORECAST_LEVELS
from meter_core.contracts.readings import FloatArray, IntArray

GRID: Final = (0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99)
"""Levels at which a distribution is kept; between them it is linear."""

PUBLISHED: Final = tuple(GRID.index(level) for level in FORECAST_LEVELS)
MIDDLE: Final = GRID.index(0.5)
LEVELS: Final = 3
"""Levels of prediction that have scores of their own, if there are enough."""

LEVEL_SCORES: Final = 400
"""Scores a level needs: they come in days, so they are worth far fewer."""

LEAST_WIDTH: Final = 0.02
"""Of an outline, as a share of the meter's level: a meter that never changed may."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What models say of n intervals, in units of the meter's level.

    Attributes:
        mean: (n,) expected value.
        low: (n,) 10 % quantile; so `middle` 50 % and `high` 90 %, in order.
        middle: (n,).
        high: (n,).
        line: (n,) what the linear model alone says of the expected value.
    """

    mean: FloatArray
    low: FloatArray
    middle: FloatArray
    high: FloatArray
    line: FloatArray

    @classmethod
    def ordered(
        cls, mean: FloatArray, low: FloatArray, middle: FloatArray, high: FloatArray, line: FloatArray
    ) -> "Outline":
        """Return the outline with quantiles in order and at least a least width apart."""
        return cls(mean, np.minimum(low, middle - LEAST_WIDTH), middle, np.maximum(high, middle + LEAST_WIDTH), line)

    def scores(self, measured: FloatArray) -> FloatArray:
        """Return (n,) how far measured values lie from the middle, in widths of their side."""
        off = measured - self.middle
        return off / np.where(off < 0, self.middle - self.low, self.high - self.middle)


@dataclass(frozen=True, slots=True)
class ForecastRange:
    """Scores at the levels of `GRID`.

    Attributes:
        edges: (c, b - 1) middle at which the next level of prediction begins, for each class of forecast.
        scores: (c, b, g) score quantiles.
    """

    edges: FloatArray
    scores: FloatArray

    @classmethod
    def calibrate(
        cls, outline: Outline, measured: FloatArray, kind: IntArray, kinds: int, middle_stays: bool
    ) -> "ForecastRange":
        """Return the range that fits out-of-sample outlines.

        Args:
            outline: of n intervals the models were not fitted on.
            measured: (n,) what was measured, in units of the meter's level.
            kind: (n,) class of each forecast, 0 and up. One without scores borrows those of all.
            kinds: how many classes there are.
            middle_stays: whether the outline's middle is a median that was fitted as one. Moved by the median of
                unseen scores it was worse on every fold (docs/decisions/forecast-model.md).
        """
        scores = outline.scores(measured)
        edges, levels = np.full((kinds, LEVELS - 1), np.inf), np.empty((kinds, LEVELS, len(GRID)))
        for n in range(kinds):
            rows = kind == n if (kind == n).sum() >= LEVEL_SCORES else np.ones(len(kind), dtype=bool)
            middle, own = outline.middle[rows], scores[rows]
            count = max(1, min(LEVELS, len(own) // LEVEL_SCORES))
            edges[n, : count - 1] = np.quantile(middle, np.arange(1, count) / count)
            level = np.searchsorted(edges[n, : count - 1], middle, side="right")
            for b in range(LEVELS):
                of_level = own[level == min(b, count - 1)]
                levels[n, b] = np.quantile(of_level if of_level.size else own, GRID, method="weibull")
        if middle_stays:
            below, above = levels[..., :MIDDLE], levels[..., MIDDLE + 1 :]
            levels[..., :MIDDLE], levels[..., MIDDLE + 1 :] = np.minimum(below, 0.0), np.maximum(above, 0.0)
            levels[..., MIDDLE] = 0.0
        return cls(edges, levels)

    def curve(self, outline: Outline, kind: IntArray) -> FloatArray:
        """Return (n, g) quantiles at the levels of `GRID`, in units of the meter's level."""
        level = (outline.middle[:, None] >= self.edges[kind]).sum(axis=1)
        scores = self.scores[kind, level]
        width = np.where(scores < 0, (outline.middle - outline.low)[:, None], (outline.high - outline.middle)[:, None])
        return outline.middle[:, None] + scores * width

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"edges": self.edges, "scores": self.scores}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "ForecastRange":
        """Return the range that `arrays` came from."""
        return cls(arrays["edges"], arrays["scores"])
