"""Gradient boosting by LightGBM."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from meter_core.contracts.errors import UsageError
from meter_core.models.candidates.boosting import SEED_FREE_ROWS, Boosting
from meter_core.models.candidates.candidate import Candidate, Examples
from meter_core.models.forest import Forest, Trees
from meter_core.models.recipes import Recipe

NAMES: Final = {
    "max_iter": "n_estimators",
    "learning_rate": "learning_rate",
    "max_leaf_nodes": "num_leaves",
    "min_samples_leaf": "min_child_samples",
    "l2_regularization": "reg_lambda",
}
"""Settings have the names they have in scikit-learn, so that tuning tries them all alike."""

SHARED: Final = tuple(NAMES)


class LightGBM(Candidate):
    """LGBMRegressor on one thread, deterministic, which handles missing values itself."""

    name: ClassVar = "lightgbm"
    reading: ClassVar = {name: Boosting.reading[name] for name in SHARED}
    ahead: ClassVar = {name: Boosting.ahead[name] for name in SHARED}
    fits_quantiles: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        lacking = self.lacks(recipe.settings)
        if lacking:
            raise UsageError(lacking)
        from lightgbm import LGBMRegressor

        loss = {"objective": "regression"} if quantile is None else {"objective": "quantile", "alpha": quantile}
        own = {NAMES[name]: value for name, value in recipe.settings.items()}
        fixed = {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbose": -1}
        self.fitted = LGBMRegressor(random_state=seed, **own, **loss, **fixed)

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        self.fitted.fit(examples.matrix, examples.target, sample_weight=examples.weight)

    def export(self) -> Forest:
        """Return the trees."""
        grown = [_nodes(each["tree_structure"]) for each in self.fitted.booster_.dump_model()["tree_info"]]
        flat = [node for tree in grown for node in tree]
        feature, threshold, left, right, missing_left, value = (np.array(each) for each in zip(*flat, strict=True))
        trees = Trees(
            first=np.concatenate([[0], np.cumsum([len(tree) for tree in grown])]).astype(np.int64),
            feature=feature.astype(np.int64),
            threshold=threshold.astype(np.float64),
            left=left.astype(np.int64),
            right=right.astype(np.int64),
            missing_left=missing_left.astype(bool),
            value=value.astype(np.float64),
            baseline=0.0,
        )
        return Forest(trees)

    @classmethod
    def lacks(cls, settings: Mapping[str, Any]) -> str | None:
        """Return why the library cannot be loaded."""
        try:
            import lightgbm  # noqa: F401
        except (ImportError, OSError) as error:
            return (
                f"lightgbm cannot be fitted here: {error}; install the package lightgbm, and libgomp1 where that is "
                "what is missing, or choose other candidates"
            )
        return None

    @classmethod
    def seed_matters(cls, settings: Mapping[str, Any], rows: int) -> bool:
        """Return whether binning draws rows."""
        return rows > SEED_FREE_ROWS


def _nodes(root: Mapping[str, Any]) -> list[tuple[int, float, int, int, bool, float]]:
    """Return the nodes of a tree: feature (-1 at a leaf), threshold, left, right, whether missing goes left, value."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def add(node: Mapping[str, Any]) -> int:
        place = len(nodes)
        if "leaf_value" in node:
            nodes.append((-1, 0.0, 0, 0, False, node["leaf_value"]))
            return place
        threshold = float(node["threshold"])
        # Where training had no gap, LightGBM takes a missing value for 0.
        missing_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
        nodes.append((node["split_feature"], threshold, 0, 0, missing_left, 0.0))
        left, right = add(node["left_child"]), add(node["right_child"])
        nodes[place] = (node["split_feature"], threshold, left, right, missing_left, 0.0)
        return place

    add(root)
    return nodes
