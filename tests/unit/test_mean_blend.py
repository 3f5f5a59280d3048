"""The mean of a forecast as a weighting of models and profiles."""

import numpy as np
import pytest

from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.models.forecast_range import Outline
from meter_core.models.mean_blend import PRIOR, MeanBlend

N = 4_000


def world():
    draws = np.random.default_rng(3)
    line, trees = draws.gamma(2, 1, N), draws.gamma(2, 1, N)
    outline = Outline.ordered(trees, trees - 1, trees, trees + 1, line)
    matrix = draws.gamma(2, 1, (N, len(AHEAD_FEATURES)))
    return outline, matrix, draws


def test_weights_are_those_that_fit_and_add_up_to_one():
    outline, matrix, draws = world()
    profile = matrix[:, AHEAD_FEATURES.index("profile_14d")]
    kind = np.arange(N) % 2
    truth = np.where(kind == 0, 0.6 * outline.line + 0.4 * profile, outline.mean) + draws.normal(0, 0.1, N)
    blend = MeanBlend.learn(outline, matrix, truth, np.ones(N), kind, 3)
    np.testing.assert_allclose(blend.weights.sum(axis=1), 1)
    assert (blend.weights >= 0).all()
    np.testing.assert_allclose(blend.weights[0], [0.6, 0, 0, 0.4, 0], atol=0.02)
    np.testing.assert_allclose(blend.weights[1], [0, 1, 0, 0, 0], atol=0.02)
    assert blend.weights[2].tolist() == PRIOR.tolist()  # nothing was seen of this class
    error = blend.mean(outline, matrix, kind) - truth
    assert float(np.sqrt(np.mean(error**2))) == pytest.approx(0.1, abs=0.02)


def test_where_a_profile_is_missing_the_models_stand_for_it():
    outline, matrix, _ = world()
    matrix[:] = np.nan
    blend = MeanBlend(np.array([[0.5, 0, 0, 0.5, 0]]))
    expected = 0.5 * outline.line + 0.5 * outline.mean
    np.testing.assert_allclose(blend.mean(outline, matrix, np.zeros(N, dtype=np.int64)), expected)
