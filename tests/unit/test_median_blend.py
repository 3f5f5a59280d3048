"""The middle of a forecast, moved towards a profile where that helps."""

import numpy as np
import pytest

from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.models.forecast_range import Outline
from meter_core.models.mean_blend import PROFILES
from meter_core.models.median_blend import MedianBlend

N = 4_000
LAST_WEEK = PROFILES.index("last_week")


def world():
    draws = np.random.default_rng(5)
    middle = draws.gamma(2, 1, N)
    matrix = draws.gamma(2, 1, (N, len(AHEAD_FEATURES)))
    return Outline.ordered(middle, middle - 1, middle, middle + 2, middle), matrix, draws


def test_the_middle_goes_as_far_towards_a_profile_as_that_helps_and_nowhere_else():
    outline, matrix, draws = world()
    week = matrix[:, AHEAD_FEATURES.index("last_week")]
    kind = np.arange(N) % 2
    truth = np.where(kind == 0, 0.6 * outline.middle + 0.4 * week, outline.middle) + draws.normal(0, 0.1, N)
    lean = MedianBlend.learn(outline, matrix, truth, np.ones(N), kind, 3)
    assert lean.weights[0, LAST_WEEK] == pytest.approx(0.4)
    assert lean.weights.sum() == pytest.approx(0.4)  # no other profile; nothing where the middle was right or not seen
    moved = lean.moved(outline, matrix, kind)
    assert np.abs(moved.middle - truth).mean() == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.05)
    np.testing.assert_allclose(moved.middle - moved.low, outline.middle - outline.low)
    np.testing.assert_allclose(moved.high - moved.middle, outline.high - outline.middle)
    assert moved.mean is outline.mean


def test_errors_count_by_their_weight():
    outline, matrix, _ = world()
    week = matrix[:, AHEAD_FEATURES.index("last_week")]
    heavy = np.arange(N) < N // 10
    truth = np.where(heavy, 0.5 * (outline.middle + week), outline.middle)
    kind = np.zeros(N, dtype=np.int64)
    assert MedianBlend.learn(outline, matrix, truth, np.where(heavy, 100.0, 1.0), kind, 1).weights[0, LAST_WEEK] == 0.5
    assert not MedianBlend.learn(outline, matrix, truth, np.ones(N), kind, 1).weights.any()


def test_where_the_profile_is_missing_the_middle_stays():
    outline, matrix, _ = world()
    matrix[:] = np.nan
    moved = MedianBlend(np.full((1, len(PROFILES)), 0.2)).moved(outline, matrix, np.zeros(N, dtype=np.int64))
    np.testing.assert_array_equal(moved.middle, outline.middle)
