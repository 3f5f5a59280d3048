"""The exported numbers answer as the scikit-learn models they came from: 1e-9 for lines, 1e-5 for trees."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.features.history import FEATURE_SETS
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData, fit_predictor
from tests.shipped_sample import sample_table


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-06-01"))


@pytest.mark.parametrize(("name", "tolerance"), [("linear", 1e-9), ("boosting", 1e-5)])
def test_equal_to_scikit_learn(data, name, tolerance):
    recipe = recipes()[name]
    if name == "boosting":
        recipe = replace(recipe, settings={**recipe.settings, "max_iter": 100})
    fitted = fit_predictor(data, recipe)
    for features in ("snapshot", "history"):
        part = getattr(fitted.predictor, features)
        names = FEATURE_SETS[features]
        matrix = data.matrix[:, : len(names)]
        used = matrix[:, [names.index(column) for column in fitted.used[features]]]
        if name == "linear":
            used = np.where(np.isnan(used), [part.imputation[column] for column in part.used], used)
        expected = fitted.estimators[features].predict(used)
        assert np.ptp(expected) > 1
        np.testing.assert_allclose(part.mean_kw(matrix), expected, rtol=0, atol=tolerance)
