"""Several candidates in one, weighted on the latest examples, by parts fitted on what was known a day before them."""

from typing import Any, ClassVar, Final

import numpy as np
from sklearn.ensemble import StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from meter_core.calendar import DAY_S
from meter_core.contracts.readings import FloatArray
from meter_core.models.candidates.boosting import Boosting
from meter_core.models.candidates.candidate import KNOWN, Candidate, Examples, column_means
from meter_core.models.candidates.lightgbm import LightGBM
from meter_core.models.candidates.ridge import Ridge
from meter_core.models.convex_weights import convex_weights
from meter_core.models.exported import Weighted
from meter_core.models.recipes import Recipe

LATEST: Final = 0.25
"""Share of the examples, the latest, that the weights are learnt on."""

FEWEST: Final = 1_000
"""With fewer examples all weigh the same."""

PARTS: Final = (Ridge, Boosting, LightGBM)


class Ensemble(Candidate):
    """A stack: the weights are not negative, add up to 1 and are drawn to equal ones.

    A quantile is the plain mean of what those parts say that fit quantiles. In the setting `of`, parts with their
    settings: those in force when a model is trained belong to what it is known by.
    """

    name: ClassVar = "ensemble"
    reading: ClassVar = {"of": {part.name: part.reading for part in PARTS}}
    ahead: ClassVar = {"of": {part.name: part.ahead for part in PARTS}}
    fits_quantiles: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        self._recipes = [Recipe(name, recipe.features, own) for name, own in sorted(recipe.settings["of"].items())]
        if quantile is not None:
            self._recipes = [each for each in self._recipes if KNOWN[each.name].fits_quantiles]
        self._seed, self._quantile = seed, quantile
        self._weights: FloatArray = np.empty(0)
        self._parts: list[Candidate] = []
        self.fitted: Any = None

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        count = len(self._recipes)
        self._weights = np.full(count, 1.0 / count) if self._quantile is not None else self._stacked(examples)
        self._parts = [self._part(recipe, examples) for recipe in self._recipes]
        self.fitted = self._for_mlflow(examples)

    def export(self) -> Weighted:
        """Return the parts with their weights."""
        return Weighted(tuple(part.export() for part in self._parts), self._weights)

    def _part(self, recipe: Recipe, examples: Examples) -> Candidate:
        part = KNOWN[recipe.name](recipe, self._seed, self._quantile)
        part.fit(examples)
        return part

    def _stacked(self, examples: Examples) -> FloatArray:
        """Return the weights that fit the latest examples best, by parts of what was known a day before them."""
        prior = np.full(len(self._recipes), 1.0 / len(self._recipes))
        if len(examples) < FEWEST or examples.when_s is None or examples.available_s is None:
            return prior
        start = np.quantile(examples.when_s, 1.0 - LATEST)
        before = examples.take(examples.available_s <= start - DAY_S)
        latest = examples.take(examples.when_s >= start)
        if len(before) < FEWEST or np.isnan(before.matrix).all(axis=0).any():
            return prior
        said = [self._part(recipe, before).export().predict(latest.matrix) for recipe in self._recipes]
        weight = np.ones(len(latest)) if latest.weight is None else latest.weight
        return convex_weights(np.stack(said, axis=1), latest.target, weight, prior)

    def _for_mlflow(self, examples: Examples) -> StackingRegressor:
        """Return the same as one scikit-learn model."""
        means = SimpleImputer().fit(column_means(examples.matrix)[None, :])
        named = [
            (part.name, make_pipeline(means, part.fitted) if part.is_line else part.fitted) for part in self._parts
        ]
        stack = StackingRegressor(named, LinearRegression(), cv="prefit")
        few = slice(0, 2)
        stack.fit(np.nan_to_num(examples.matrix[few]), examples.target[few])
        stack.named_estimators_ = dict(stack.named_estimators_)  # scikit-learn's own dict is a type to review
        stack.final_estimator_.coef_, stack.final_estimator_.intercept_ = self._weights, 0.0
        return stack
