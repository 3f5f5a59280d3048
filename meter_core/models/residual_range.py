"""The 80 % range around a prediction: quantiles of residuals on unseen data, by level of the prediction.

A split-conformal range (Papadopoulos et al. 2002; Lei et al. 2018) made for each level (Mondrian), because the error
of a small load is small. Empirical quantiles are `weibull`: rank / (n + 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray

LEVELS: Final = 12
"""Levels of prediction that have residuals of their own, if there are enough."""

LEVEL_RESIDUALS: Final = 100
"""Residuals a level needs: with fewer the outer deciles are a matter of chance."""


@dataclass(frozen=True, slots=True)
class ResidualRange:
    """Offsets of the quantiles from a predicted mean.

    Attributes:
        edges_kw: (b - 1,) predicted mean power at which the next level begins.
        offsets_kw: (b, 3) residual quantiles of each level, at `QUANTILES`.
    """

    edges_kw: FloatArray
    offsets_kw: FloatArray

    @classmethod
    def calibrate(cls, predicted_kw: FloatArray, measured_kw: FloatArray) -> "ResidualRange":
        """Return the range that fits out-of-sample predictions.

        Args:
            predicted_kw: (n,) predictions of rows the model was not fitted on, n > 0.
            measured_kw: (n,) what was measured.
        """
        levels = max(1, min(LEVELS, len(predicted_kw) // LEVEL_RESIDUALS))
        edges = np.unique(np.quantile(predicted_kw, np.arange(1, levels) / levels))
        level = np.searchsorted(edges, predicted_kw, side="right")
        residual = measured_kw - predicted_kw
        offsets = np.full((len(edges) + 1, len(QUANTILES)), np.nan)
        for n in range(len(edges) + 1):
            of_level = residual[level == n] if (level == n).any() else residual
            offsets[n] = np.quantile(of_level, QUANTILES, method="weibull")
        return cls(edges, offsets)

    def quantiles_kw(self, predicted_kw: FloatArray) -> FloatArray:
        """Return (n, 3) kW at `QUANTILES` for (n,) predicted means."""
        return predicted_kw[:, None] + self.offsets_kw[np.searchsorted(self.edges_kw, predicted_kw, side="right")]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"edges_kw": self.edges_kw, "offsets_kw": self.offsets_kw}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "ResidualRange":
        """Return the range that `arrays` came from."""
        return cls(arrays["edges_kw"], arrays["offsets_kw"])
