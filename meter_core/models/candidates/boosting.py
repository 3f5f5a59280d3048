"""Gradient boosting by scikit-learn."""

import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency; has no types

from meter_core.contracts.readings import FloatArray
from meter_core.models.candidates.candidate import Candidate, Examples
from meter_core.models.forest import Forest, Trees
from meter_core.models.recipes import Recipe

SEED_FREE_ROWS: Final = 200_000
"""Up to here HistGradientBoosting bins all rows; above, the seed draws those it bins."""


_BINNING: Final = threading.Lock()


class _BinnedOnce(HistGradientBoostingRegressor):
    """HistGradientBoosting that bins by counts whatever the weights, and the same matrix once for several targets.

    With weights scikit-learn 1.9 asks for each of 255 edges of each column apart: nine tenths of a fit's time.
    """

    memory: dict[str, Any]
    _bin_mapper: Any

    def _bin_data(self, X: FloatArray, sample_weight: Any, is_training_data: bool) -> Any:  # noqa: N803 - its name
        with _BINNING:
            if "bins" not in self.memory:
                self.memory["bins"] = super()._bin_data(X, None, is_training_data), self._bin_mapper
        binned, self._bin_mapper = self.memory["bins"]
        return binned


class Boosting(Candidate):
    """HistGradientBoosting, which handles missing values itself.

    16 leaves fit a 16-bit mask, the cheapest to evaluate; a forecast asks four such models, so they are small there.
    Early stopping would hold out random neighbour hours. On one thread: a second one saves little at these sizes, and
    on busy cores the two wait for each other (a fit of 7 s took 140 s).
    """

    name: ClassVar[str] = "boosting"
    reading: ClassVar[Mapping[str, Any]] = {
        "max_iter": 300,
        "learning_rate": 0.02,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 60,
        "l2_regularization": 5.0,
        "early_stopping": False,
    }
    ahead: ClassVar[Mapping[str, Any]] = {
        "max_iter": 60,
        "learning_rate": 0.1,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 200,
        "l2_regularization": 5.0,
        "early_stopping": False,
    }
    fits_quantiles: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        loss = {} if quantile is None else {"loss": "quantile", "quantile": quantile}
        self.fitted: Any = _BinnedOnce(random_state=seed, **recipe.settings, **loss)

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        self.fitted.memory = examples.memory.setdefault("boosting", {})
        with threadpool_limits(limits=1, user_api="openmp"):
            self.fitted.fit(examples.matrix, examples.target, sample_weight=examples.weight)
        del self.fitted.memory
        self.fitted.__class__ = HistGradientBoostingRegressor  # what MLflow keeps is scikit-learn's own

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

    @classmethod
    def seed_matters(cls, settings: Mapping[str, Any], rows: int) -> bool:
        """Return whether binning draws rows."""
        return rows > SEED_FREE_ROWS
