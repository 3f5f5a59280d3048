"""The exported numbers answer as the fitted models they came from: 1e-9 for lines, 1e-5 for trees."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.features.history import FEATURE_SETS
from meter_core.models.candidates import quick, recipes
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.fit import TrainingData, fit_predictor
from tests.shipped_sample import sample_table


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-06-01"))


@pytest.mark.parametrize("name", sorted(name for name, kind in KNOWN.items() if "reading" in kind.tasks))
def test_equal_to_scikit_learn(data, name):
    recipe, tolerance = recipes(names=[name])[name], 1e-9 if KNOWN[name].is_line else 1e-5
    recipe = replace(recipe, settings=quick(name, recipe.settings, 50))
    fitted = fit_predictor(data, recipe)
    for features in ("snapshot", "history"):
        part = getattr(fitted.predictor, features)
        names = FEATURE_SETS[features]
        matrix = data.matrix[:, : len(names)]
        used = matrix[:, [names.index(column) for column in fitted.used[features]]]
        if part.imputation:  # else what was fitted fills in itself
            used = np.where(np.isnan(used), [part.imputation[column] for column in part.used], used)
        expected = fitted.estimators[features].predict(used)
        assert np.ptp(expected) > 1
        np.testing.assert_allclose(part.mean_kw(matrix), expected, rtol=0, atol=tolerance)
