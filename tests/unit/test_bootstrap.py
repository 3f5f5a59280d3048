"""The bounds of a skill: right where they can be computed, wide where little is known, silent where nothing is."""

import numpy as np
import pytest

from meter_core.evaluation.bootstrap import skill_bounds

DAY = 86_400


def weeks(count, meters=1):
    ts_s = np.tile(np.arange(count * 7) * DAY, meters)
    return np.repeat(np.arange(meters), count * 7), ts_s


def test_one_week_says_nothing():
    meter, ts_s = weeks(1)
    assert skill_bounds(np.ones(7), np.ones(7), meter, ts_s) is None


def test_a_constant_ratio_is_certain():
    meter, ts_s = weeks(8)
    other = np.random.default_rng(0).gamma(2, 1, 56)
    bounds = skill_bounds(0.81 * other, other, meter, ts_s, root=True)
    assert bounds.value == pytest.approx(0.1)
    assert bounds.low == pytest.approx(0.1)
    assert bounds.standard_error == pytest.approx(0, abs=1e-12)


def test_pure_noise_has_no_skill_in_its_bounds():
    meter, ts_s = weeks(26, meters=3)
    rng = np.random.default_rng(1)
    bounds = skill_bounds(rng.gamma(2, 1, len(ts_s)), rng.gamma(2, 1, len(ts_s)), meter, ts_s)
    assert bounds.low < 0 < bounds.high


def test_the_standard_error_is_that_of_the_weeks():
    # One meter, losses constant within weeks, the other loses 1: the skill is 1 - mean of the weeks, whose bootstrap
    # standard error is the population deviation over the root of their number.
    weekly = np.random.default_rng(2).normal(1, 0.2, 40)
    meter, ts_s = weeks(40)
    bounds = skill_bounds(np.repeat(weekly, 7), np.ones(280), meter, ts_s)
    assert bounds.standard_error == pytest.approx(weekly.std() / np.sqrt(40), rel=0.06)
    assert bounds.low < bounds.one_sided_low < bounds.value < bounds.high


def test_one_good_meter_among_bad_ones_is_no_certainty():
    meter, ts_s = weeks(12, meters=4)
    loss = np.where(meter == 0, 0.1, 1.01)
    assert skill_bounds(loss, np.ones(len(ts_s)), meter, ts_s).low < 0


def test_the_same_data_give_the_same_bounds():
    meter, ts_s = weeks(6)
    loss = np.random.default_rng(3).gamma(2, 1, 42)
    assert skill_bounds(loss, loss[::-1], meter, ts_s) == skill_bounds(loss, loss[::-1], meter, ts_s)
