"""A line for each hour of the day: what weather, yesterday and the week say of a load is another thing at each hour."""

from typing import Any, ClassVar, Final

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from meter_core.contracts.readings import FloatArray
from meter_core.models.candidates.candidate import Candidate, Examples, column_means
from meter_core.models.exported import BySegment, Line, Model
from meter_core.models.recipes import Recipe
from meter_core.models.segmented_regressor import SegmentedRegressor

HOUR: Final = "local_hour"
HOURS: Final = 24
NEIGHBOUR_WEIGHT: Final = 0.5
"""What examples of the hours before and after count: neighbours are alike, and lines of few examples wild."""

FEWEST: Final = 100
"""An hour with fewer examples is answered by the line of all."""


class Hourly(Candidate):
    """Ridge over all standardised features, apart for each local hour; where the hour is missing, that of all.

    A missing feature counts as its mean in the training window.
    """

    name: ClassVar = "hourly"
    reading: ClassVar = {"alpha": 100.0}
    ahead: ClassVar = {"alpha": 100.0}
    is_line: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        self._settings = dict(recipe.settings)
        self._export: Model | None = None
        self.fitted: Any = None

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        filler = SimpleImputer().fit(column_means(examples.matrix)[None, :])
        weight = np.ones(len(examples)) if examples.weight is None else examples.weight
        every = self._line(examples, weight, filler)
        if HOUR not in examples.columns:
            self._export, self.fitted = _exported(every), every
            return
        column, edges = examples.columns.index(HOUR), np.arange(1.0, HOURS)
        hour = BySegment((), column, edges).segments(examples.matrix)
        fitted = [every] * (HOURS + 1)
        for number in range(HOURS):
            apart = np.abs(hour - number)
            apart = np.minimum(apart, HOURS - apart)
            rows = (apart <= 1) & (hour < HOURS)
            if (apart == 0).sum() >= FEWEST:
                nearness = np.where(apart[rows] == 0, 1.0, NEIGHBOUR_WEIGHT)
                fitted[number] = self._line(examples.take(rows), weight[rows] * nearness, filler)
        self._export = BySegment(tuple(_exported(each) for each in fitted), column, edges)
        self.fitted = SegmentedRegressor(fitted, column, edges)

    def export(self) -> Model:
        """Return the lines."""
        assert self._export is not None  # noqa: S101 - fitted before
        return self._export

    def _line(self, examples: Examples, weight: FloatArray, filler: SimpleImputer) -> Any:
        """Return one fitted line."""
        line = make_pipeline(StandardScaler(), Ridge(**self._settings))
        line.fit(filler.transform(examples.matrix), examples.target, ridge__sample_weight=weight)
        return make_pipeline(filler, *(step for _, step in line.steps))


def _exported(line: Any) -> Line:
    """Return a fitted line in the units of its columns."""
    filler, scaler, ridge = (step for _, step in line.steps)
    coefficients = ridge.coef_ / scaler.scale_
    intercept = float(ridge.intercept_ - (coefficients * scaler.mean_).sum())
    return Line(coefficients, intercept, filler.statistics_)
