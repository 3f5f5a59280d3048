"""Models of segments as one scikit-learn model, for MLflow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from meter_core.contracts.readings import FloatArray
from meter_core.models.exported import segment_of


class SegmentedRegressor(RegressorMixin, BaseEstimator):
    """Asks the model of each row's segment; the last one where its column is missing."""

    def __init__(self, models: Sequence[Any], column: int, edges: FloatArray) -> None:
        self.models = models
        self.column = column
        self.edges = edges

    def fit(self, matrix: Any, target: Any = None) -> "SegmentedRegressor":
        """Return itself: its models are fitted."""
        return self

    def predict(self, matrix: Any) -> FloatArray:
        """Return (n,) what the models say of (n, k) features."""
        values = np.asarray(matrix, dtype=np.float64)
        segment = segment_of(values[:, self.column], self.edges)
        said = np.empty(len(values))
        for number, model in enumerate(self.models):
            rows = segment == number
            if rows.any():
                said[rows] = model.predict(values[rows])
        return said

    def __sklearn_is_fitted__(self) -> bool:
        """Return that it is."""
        return True
