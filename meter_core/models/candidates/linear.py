"""The classic: least squares over all features."""

from typing import ClassVar

import numpy as np
from sklearn.linear_model import LinearRegression

from meter_core.models.candidates.candidate import Candidate, Examples, column_means
from meter_core.models.exported import Line
from meter_core.models.recipes import Recipe


class Linear(Candidate):
    """LinearRegression; a missing feature counts as its mean in the training window."""

    name: ClassVar = "linear"
    is_line: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        self.fitted = LinearRegression(**recipe.settings)
        self._imputation = np.empty(0)

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        matrix, self._imputation = examples.matrix, column_means(examples.matrix)
        filled = np.where(np.isnan(matrix), self._imputation, matrix)
        self.fitted.fit(filled, examples.target, sample_weight=examples.weight)

    def export(self) -> Line:
        """Return the line."""
        return Line(self.fitted.coef_.astype(np.float64), float(self.fitted.intercept_), self._imputation)
