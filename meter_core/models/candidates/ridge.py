"""Ridge on profiles: a shrunk line over what the meter used lately and at this time of day, and little else."""

from typing import Any, ClassVar, Final

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge as RidgeRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from meter_core.models.candidates.candidate import Candidate, Examples, column_means
from meter_core.models.exported import Line
from meter_core.models.recipes import Recipe

PAST: Final = ("profile", "latest", "last", "previous", "same_hour", "hour_profile", "load_kw")
"""How the names of the columns begin that it looks at: energy before, in both tasks."""


class Ridge(Candidate):
    """Ridge over the standardised columns of the past; over all where there are none of the past.

    A missing feature counts as its mean in the training window.
    """

    name: ClassVar = "ridge"
    reading: ClassVar = {"alpha": 10.0}
    ahead: ClassVar = {"alpha": 10.0}
    is_line: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        self._settings = dict(recipe.settings)
        self.fitted: Any = None
        self._imputation, self._chosen = np.empty(0), np.empty(0, dtype=np.int64)

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        matrix, self._imputation = examples.matrix, column_means(examples.matrix)
        past = [n for n, name in enumerate(examples.columns) if name.startswith(PAST)]
        self._chosen = np.array(past or range(matrix.shape[1]), dtype=np.int64)
        picked = ColumnTransformer([("past", "passthrough", self._chosen.tolist())])
        self.fitted = make_pipeline(picked, StandardScaler(), RidgeRegression(**self._settings))
        filled = np.where(np.isnan(matrix), self._imputation, matrix)
        self.fitted.fit(filled, examples.target, ridge__sample_weight=examples.weight)

    def export(self) -> Line:
        """Return the line, in the units of the columns; those it does not look at weigh nothing."""
        scaler, line = self.fitted[1], self.fitted[2]
        coefficients = np.zeros(len(self._imputation))
        coefficients[self._chosen] = line.coef_ / scaler.scale_
        intercept = float(line.intercept_ - (line.coef_ * scaler.mean_ / scaler.scale_).sum())
        return Line(coefficients, intercept, self._imputation)
