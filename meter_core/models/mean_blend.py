"""The mean of a forecast: a weighting of what models say and of what profiles say, learnt on weeks no model had seen.

Weights are apart for each class of forecast: the next day is the models' own, a week ahead a profile says as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.models.convex_weights import convex_weights
from meter_core.models.forecast_range import Outline

PROFILES: Final = ("profile_ew7", "profile_14d", "last_week")
"""Features that are blended in as they are; where one is missing, the models' mean stands for it."""

PRIOR: Final = np.array([0.5, 0.5] + [0.0] * len(PROFILES))
"""Of line, trees and profiles, where unseen weeks say nothing else: half of what the trees add is noise."""

FEWEST: Final = 400
"""Unseen intervals that a class needs for weights of its own."""

_COLUMNS: Final = [AHEAD_FEATURES.index(name) for name in PROFILES]


@dataclass(frozen=True, slots=True)
class MeanBlend:
    """Weights by class of forecast.

    Attributes:
        weights: (c, 2 + p) of line, trees and `PROFILES`.
    """

    weights: FloatArray

    @classmethod
    def learn(
        cls, outline: Outline, matrix: FloatArray, measured: FloatArray, weight: FloatArray, kind: IntArray, kinds: int
    ) -> "MeanBlend":
        """Return the weights that fit out-of-sample outlines.

        Args:
            outline: of n intervals the models were not fitted on.
            matrix: (n, k) their features.
            measured: (n,) what was measured, in units of the meter's level.
            weight: (n,) of each squared error.
            kind: (n,) class of each forecast, 0 and up.
            kinds: how many classes there are.
        """
        said = _said(outline, matrix)
        weights = np.tile(PRIOR, (kinds, 1))
        for n in range(kinds):
            rows = kind == n
            if rows.sum() >= FEWEST:
                weights[n] = convex_weights(said[rows], measured[rows], weight[rows], PRIOR)
        return cls(weights)

    def mean(self, outline: Outline, matrix: FloatArray, kind: IntArray) -> FloatArray:
        """Return (n,) means of intervals with (n, k) features, in units of the meter's level."""
        return np.einsum("ij,ij->i", _said(outline, matrix), self.weights[kind])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"weights": self.weights}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "MeanBlend":
        """Return the blend that `arrays` came from."""
        return cls(arrays["weights"])


def _said(outline: Outline, matrix: FloatArray) -> FloatArray:
    """Return (n, 2 + p) what is blended."""
    said = np.empty((len(outline.mean), len(PRIOR)))
    said[:, 0], said[:, 1] = outline.line, outline.mean
    profiles = matrix[:, _COLUMNS]
    said[:, 2:] = np.where(np.isnan(profiles), outline.mean[:, None], profiles)
    return said
