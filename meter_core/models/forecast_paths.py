"""How errors of one forecast go together: over its hours, and with other meters' on the same day.

Kept are normal scores of measured values within their forecasts, as vectors of a whole week each: what meters of one
date had in common, and what each had of its own. A path adds one of each, drawn anew, and reads the sum off the
forecast's distribution (a one-factor Gaussian copula whose factors are resampled, not modelled).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.models.forecast_range import GRID

VECTORS: Final = 1_000
"""Vectors of meters' own that are kept: 0.7 MB of hours."""

LEAST_VECTORS: Final = 8
WHOLE: Final = 0.95
"""Share of a vector's intervals that have to be measured."""

SCORES_SEED: Final = 0
_NORMAL: Final = NormalDist()
GRID_SCORES: Final = np.array([_NORMAL.inv_cdf(level) for level in GRID])


@dataclass(frozen=True, slots=True)
class PathLibrary:
    """Error vectors to draw from. A vector begins at local midnight and spans a week of intervals.

    Attributes:
        common: (d, w) what the meters of one date had in common.
        own: (v, w) what one meter had of its own on one date.
    """

    common: NDArray[np.float32]
    own: NDArray[np.float32]

    @classmethod
    def learn(cls, scores: FloatArray, date: IntArray) -> "PathLibrary":
        """Return the library of out-of-sample forecasts.

        Args:
            scores: (v, w) normal scores of measured values, NaN where not measured.
            date: (v,) number of each vector's date.
        """
        whole = (~np.isnan(scores)).mean(axis=1) >= WHOLE
        draws = np.random.default_rng(SCORES_SEED)
        if whole.sum() < LEAST_VECTORS:  # too short a window to see how hours go together
            alone = draws.standard_normal((LEAST_VECTORS, scores.shape[1])).astype(np.float32)
            return cls(np.zeros_like(alone[:1]), alone)
        scores, date = scores[whole], np.unique(date[whole], return_inverse=True)[1]
        scores = np.where(np.isnan(scores), draws.standard_normal(scores.shape), scores)
        common, shared = _in_common(scores, date)
        own = scores - common[date]
        own *= np.sqrt((1.0 - shared) / max(float(own.var()), 1e-12))
        common *= np.sqrt(shared / max(float(common.var()), 1e-12))
        kept = np.sort(draws.permutation(len(own))[:VECTORS])
        return cls(common.astype(np.float32), own[kept].astype(np.float32))

    def draw(self, curve: FloatArray, slot: IntArray, draws: int, seed: int) -> FloatArray:
        """Return (n, draws, h) values of forecasts.

        Args:
            curve: (n, h, g) quantiles at the levels of `GRID`.
            slot: (n, h) intervals from the local midnight before each forecast's first, 0 and up.
            draws: how many.
            seed: the same seed draws the same dates for every meter; each meter draws vectors of its own by what its
                forecast says, so that it gets the same in every batch.
        """
        dates = np.random.default_rng(seed).integers(len(self.common), size=draws)
        values = np.empty((len(curve), draws, curve.shape[1]))
        for n in range(len(curve)):
            key = crc32(np.ascontiguousarray(curve[n]).tobytes())
            vectors = np.random.default_rng((seed, key)).integers(len(self.own), size=draws)
            place = np.mod(slot[n], self.own.shape[1])
            scores = self.common[dates][:, place] + self.own[vectors][:, place]
            values[n] = _read_off(curve[n], scores.astype(np.float64))
        return values

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"common": self.common, "own": self.own}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "PathLibrary":
        """Return the library that `arrays` came from."""
        return cls(arrays["common"], arrays["own"])


def normal_scores(curve: FloatArray, measured: FloatArray) -> FloatArray:
    """Return (n,) normal scores of measured values within (n, g) quantiles, NaN where nothing was measured."""
    place = np.clip((measured[:, None] > curve).sum(axis=1), 1, len(GRID) - 1)
    rows = np.arange(len(curve))
    low, high = curve[rows, place - 1], curve[rows, place]
    part = np.clip((measured - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return GRID_SCORES[place - 1] + part * (GRID_SCORES[place] - GRID_SCORES[place - 1])


def _in_common(scores: FloatArray, date: IntArray) -> tuple[FloatArray, float]:
    """Return (d, w) means over the meters of each date, and the share of variance that meters have in common."""
    count = np.bincount(date).astype(np.float64)
    total = np.zeros((len(count), scores.shape[1]))
    np.add.at(total, date, scores)
    common = total / count[:, None]
    several = count.mean()
    if several < 2:
        return np.zeros_like(common), 0.0
    whole = float(scores.var())
    shared = (float(common.var()) / whole * several - 1.0) / (several - 1.0)
    return common, float(np.clip(shared, 0.0, 0.95))


def _read_off(curve: FloatArray, scores: FloatArray) -> FloatArray:
    """Return (draws, h) values of (h, g) quantiles at normal scores, linear between the levels, bounded by them."""
    place = np.clip(np.searchsorted(GRID_SCORES, scores), 1, len(GRID) - 1)
    part = np.clip((scores - GRID_SCORES[place - 1]) / np.diff(GRID_SCORES)[place - 1], 0.0, 1.0)
    hour = np.arange(curve.shape[0])
    low = curve[hour, place - 1]
    return low + part * (curve[hour, place] - low)
