"""Random forest by scikit-learn."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from meter_core.contracts.readings import FloatArray
from meter_core.models.candidates.candidate import Candidate, Examples
from meter_core.models.forest import Forest, Trees
from meter_core.models.recipes import Recipe


class RandomForest(Candidate):
    """Trees on draws of the examples, each split on a draw of the features; the mean of what they say.

    64 leaves are what a mask holds. `max_samples` examples a tree at most: a tree of so few leaves needs no more.
    """

    name: ClassVar = "forest"
    reading: ClassVar = {
        "max_iter": 60, "max_leaf_nodes": 64, "min_samples_leaf": 20, "max_features": 0.4, "max_samples": 10_000,
    }  # fmt: skip
    ahead: ClassVar = {
        "max_iter": 30, "max_leaf_nodes": 64, "min_samples_leaf": 50, "max_features": 0.4, "max_samples": 10_000,
    }  # fmt: skip

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        settings = dict(recipe.settings)
        self._most = int(settings.pop("max_samples"))
        self.fitted = RandomForestRegressor(settings.pop("max_iter"), random_state=seed, **settings)

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        self.fitted.max_samples = min(self._most, len(examples))
        self.fitted.fit(examples.matrix, examples.target, sample_weight=examples.weight)

    def export(self) -> Forest:
        """Return the trees."""
        grown = [each.tree_ for each in self.fitted.estimators_]

        def each(name: str) -> np.ndarray:
            return np.concatenate([getattr(tree, name) for tree in grown])

        leaf = each("children_left") < 0
        trees = Trees(
            first=np.concatenate([[0], np.cumsum([tree.node_count for tree in grown])]).astype(np.int64),
            feature=np.where(leaf, -1, each("feature")).astype(np.int64),
            threshold=_of_float32(each("threshold")),
            left=np.where(leaf, 0, each("children_left")).astype(np.int64),
            right=np.where(leaf, 0, each("children_right")).astype(np.int64),
            missing_left=each("missing_go_to_left") == 1,
            value=each("value").ravel() / len(grown),
            baseline=0.0,
        )
        return Forest(trees)

    @classmethod
    def seed_matters(cls, settings: Mapping[str, Any], rows: int) -> bool:
        """Return that it does: the seed draws examples and features."""
        return True


def _of_float32(threshold: FloatArray) -> FloatArray:
    """Return the largest doubles that scikit-learn, which rounds values to single precision first, sends left."""
    below = threshold.astype(np.float32)
    below = np.where(below > threshold, np.nextafter(below, np.float32(-np.inf)), below)
    middle = (below.astype(np.float64) + np.nextafter(below, np.float32(np.inf)).astype(np.float64)) / 2.0
    return np.where(middle.astype(np.float32) == below, middle, np.nextafter(middle, -np.inf))
