"""The classic random 70/30 split, for comparison with published figures only: neighbour hours are in both parts."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from sklearn.model_selection import train_test_split

from meter_core.features.history import FEATURE_SETS
from meter_core.models.candidates import Examples, candidate
from meter_core.models.fit import MOST_ROWS, TrainingData, drawn
from meter_core.models.recipes import Recipe

RANDOM_STATE: Final = 42
TEST_SHARE: Final = 0.3
MOST: Final = round(MOST_ROWS / (1 - TEST_SHARE))
"""Rows that are split at most, drawn at random where there are more: so many are fitted on as in a training."""

NOTE: Final = "random 70/30 split, random_state=42, snapshot features: for comparison with published figures only"


def random_split_scores(data: TrainingData, candidates: Mapping[str, Recipe]) -> dict[str, Any]:
    """Return rmse, mae (kWh) and r2 of each recipe's snapshot model on random rows that their neighbours give away.

    The same rows as scikit-learn's `train_test_split(test_size=0.3, random_state=42)` gives.

    Args:
        data: readings with features.
        candidates: recipes by name.
    """
    measured = drawn(np.flatnonzero(~np.isnan(data.table.units_kwh)), MOST)
    fit, test = train_test_split(measured, test_size=TEST_SHARE, random_state=RANDOM_STATE)
    columns = FEATURE_SETS["snapshot"]
    matrix = data.matrix[:, : len(columns)]
    known = {"when_s": data.table.ts_s[fit], "available_s": data.table.available_s[fit]}
    learnt = Examples(matrix[fit], data.table.mean_kw[fit], **known, columns=columns)
    used = np.flatnonzero(~np.isnan(matrix[fit]).all(axis=0))
    hours = data.table.interval_minutes[test] / 60.0
    scores: dict[str, Any] = {"note": NOTE, "rows": len(test)}
    for name, recipe in candidates.items():
        model = candidate(recipe, RANDOM_STATE)
        model.fit(learnt.of_columns(used))
        predicted = model.export().predict(np.ascontiguousarray(matrix[test][:, used])) * hours
        error = predicted - data.table.units_kwh[test]
        spread = float(np.var(data.table.units_kwh[test]))
        scores[name] = {
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.abs(error).mean()),
            "r2": 1.0 - float(np.mean(error**2)) / spread if spread > 0 else float("nan"),
        }
    return scores
