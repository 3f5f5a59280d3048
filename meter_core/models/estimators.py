"""Each candidate's estimator: fitted by scikit-learn, exported as numbers."""

from typing import Any, Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency; has no types

from meter_core.contracts.readings import FloatArray
from meter_core.models.forest import Forest, Trees
from meter_core.models.part import Line
from meter_core.models.recipes import Recipe

SEED_FREE_ROWS = 200_000
"""Up to here HistGradientBoosting bins all rows; above, the seed draws those it bins."""


class Estimator(Protocol):
    """What fits a matrix and becomes numbers."""

    fitted: Any
    """The scikit-learn model."""

    def fit(self, matrix: FloatArray, mean_kw: FloatArray, weight: FloatArray | None = None) -> None:
        """Fit (n, k) features, NaN where missing, to (n,) mean kW, of (n,) weights or all alike."""

    def export(self) -> Line | Forest:
        """Return the fitted model as numbers."""


class Linear:
    """LinearRegression; a missing feature counts as its mean in the training window."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.fitted = LinearRegression(**recipe.settings)
        self._imputation = np.empty(0)

    def fit(self, matrix: FloatArray, mean_kw: FloatArray, weight: FloatArray | None = None) -> None:
        """Fit (n, k) features, NaN where missing, to (n,) mean kW, of (n,) weights or all alike."""
        self._imputation = np.nanmean(matrix, axis=0)
        self.fitted.fit(np.where(np.isnan(matrix), self._imputation, matrix), mean_kw, sample_weight=weight)

    def export(self) -> Line:
        """Return the line."""
        return Line(self.fitted.coef_.astype(np.float64), float(self.fitted.intercept_), self._imputation)


class Boosting:
    """HistGradientBoosting, which handles missing values itself.

    On one thread: a second one saves little at these sizes, and on busy cores the two wait for each other (a fit of 7 s
    took 140 s).
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.fitted = HistGradientBoostingRegressor(random_state=seed, **recipe.settings)

    def fit(self, matrix: FloatArray, mean_kw: FloatArray, weight: FloatArray | None = None) -> None:
        """Fit (n, k) features, NaN where missing, to (n,) mean kW, of (n,) weights or all alike."""
        with threadpool_limits(limits=1, user_api="openmp"):
            self.fitted.fit(matrix, mean_kw, sample_weight=weight)

    def export(self) -> Forest:
        """Return the trees. scikit-learn has no public way to its nodes: this reads `_predictors` of version 1.9."""
        nodes = [stage[0].nodes for stage in self.fitted._predictors]
        sizes = [len(tree) for tree in nodes]
        flat = np.concatenate(nodes)
        trees = Trees(
            first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            feature=np.where(flat["is_leaf"] == 1, -1, flat["feature_idx"]).astype(np.int64),
            threshold=flat["num_threshold"].astype(np.float64),
            left=flat["left"].astype(np.int64),
            right=flat["right"].astype(np.int64),
            missing_left=flat["missing_go_to_left"] == 1,
            value=flat["value"].astype(np.float64),
            baseline=float(self.fitted._baseline_prediction.ravel()[0]),
        )
        return Forest(trees)


def estimator(recipe: Recipe, seed: int) -> Estimator:
    """Return the unfitted estimator of a recipe."""
    return Linear(recipe, seed) if recipe.name == "linear" else Boosting(recipe, seed)


def seed_matters(recipe: Recipe, rows: int) -> bool:
    """Return whether fits of the recipe with different seeds can differ: only where binning draws rows."""
    return recipe.name != "linear" and rows > SEED_FREE_ROWS
