"""The middle of a forecast: moved part of the way to a profile, as far as that helped on weeks no model had seen.

A median of trees follows every day of a meter; what a meter used on average lately is steadier. Of daily values the two
together miss by less, of hours the next day is the trees' own (docs/accuracy.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.models.forecast_range import Outline
from meter_core.models.mean_blend import FEWEST, PROFILE_COLUMNS, PROFILES

STEPS: Final = tuple(n / 20 for n in range(13))
"""Parts of the way that are tried, to 60 %: beyond, a forecast would be the profile's."""

DRAWN: Final = 0.01
"""Going the whole way would have to save such a share of the error; half of the way, half of it."""


@dataclass(frozen=True, slots=True)
class MedianBlend:
    """How far to go to which profile, by class of forecast.

    Attributes:
        weights: (c, p) of `PROFILES`, at most one of a class above 0; what is left is the outline's own middle.
    """

    weights: FloatArray

    @classmethod
    def learn(
        cls, outline: Outline, matrix: FloatArray, measured: FloatArray, weight: FloatArray, kind: IntArray, kinds: int
    ) -> "MedianBlend":
        """Return the weights with the least absolute error of out-of-sample outlines.

        Args:
            outline: of n intervals the models were not fitted on.
            matrix: (n, k) their features.
            measured: (n,) what was measured, in units of the meter's level.
            weight: (n,) of each error.
            kind: (n,) class of each forecast, 0 and up.
            kinds: how many classes there are.
        """
        weights = np.zeros((kinds, len(PROFILES)))
        missed, way = measured - outline.middle, _way(outline, matrix)
        for n in range(kinds):
            rows = kind == n
            if rows.sum() >= FEWEST:
                profile, step = _best(missed[rows], way[rows], weight[rows])
                weights[n, profile] = step
        return cls(weights)

    def moved(self, outline: Outline, matrix: FloatArray, kind: IntArray) -> Outline:
        """Return the outlines of intervals with (n, k) features, their quantiles moved together."""
        by = np.einsum("ij,ij->i", _way(outline, matrix), self.weights[kind])
        return replace(outline, low=outline.low + by, middle=outline.middle + by, high=outline.high + by)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"weights": self.weights}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "MedianBlend":
        """Return the blend that `arrays` came from."""
        return cls(arrays["weights"])


def _way(outline: Outline, matrix: FloatArray) -> FloatArray:
    """Return (n, p) from the middle to each profile; nothing where one is missing."""
    return np.nan_to_num(matrix[:, PROFILE_COLUMNS] - outline.middle[:, None])


def _best(missed: FloatArray, way: FloatArray, weight: FloatArray) -> tuple[int, float]:
    """Return the profile and the part of the way to it with the least weighted absolute error."""

    def error(choice: tuple[int, float]) -> float:
        profile, step = choice
        return float(np.dot(weight, np.abs(missed - step * way[:, profile]))) * (1.0 + DRAWN * step)

    return min(((profile, step) for profile in range(way.shape[1]) for step in STEPS), key=error)
