"""What is to be expected of a meter: the noise that was put in comes out again."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.evaluation.predictability import predictability
from tests.shipped_sample import sample_table

SIGMA = 0.3


@pytest.fixture(scope="module")
def table():
    return sample_table("2009-01-01", "2009-07-01")


def habits(table, sigma, trend=0.0):
    """Synthetic: a profile by UTC hour that is the same on all days, a trend, and normal noise."""
    hour = (table.ts_s // 3600) % 24
    noise = np.random.default_rng(1).normal(0, sigma, len(table))
    kwh = 2 + np.sin(hour / 24 * 2 * np.pi) + trend * (table.ts_s - table.ts_s[0]) / 86_400 + noise
    winter = table.ts_s < 1_238_288_400  # before the clocks change: the profile goes by UTC
    return replace(table, units_kwh=kwh).take(winter)


@pytest.mark.parametrize("trend", [0.0, 0.005])
def test_the_noise_that_was_put_in_comes_out(table, trend):
    [found] = predictability(habits(table, SIGMA, trend))
    assert found.expected_rmse == pytest.approx(SIGMA, rel=0.04)
    assert found.expected_mae == pytest.approx(SIGMA * np.sqrt(2 / np.pi), rel=0.04)
    assert found.expected_cv == pytest.approx(found.expected_rmse / found.mean_kwh)
    assert found.habit_share == pytest.approx(0.5 / (0.5 + SIGMA**2), abs=0.06)


def test_a_meter_of_habit_has_no_noise_and_pure_noise_no_habit(table):
    [habit] = predictability(habits(table, 0.0))
    assert (habit.expected_rmse, habit.habit_share) == (pytest.approx(0.0, abs=1e-12), pytest.approx(1.0))
    shuffled = np.random.default_rng(0).permutation(table.units_kwh)
    [noise] = predictability(replace(table, units_kwh=shuffled))
    assert noise.habit_share < 0.05
    assert noise.expected_rmse == pytest.approx(np.nanstd(shuffled), rel=0.05)


def test_what_comes_after_changes_nothing_and_too_little_says_nothing(table):
    until = int(table.ts_s[3000])
    turned = replace(table, units_kwh=np.where(table.ts_s >= until, 99.0, table.units_kwh))
    assert list(predictability(table, until)) == list(predictability(turned, until))
    assert list(predictability(table.take(np.arange(90)))) == []
    assert list(predictability(table, int(table.ts_s[0]))) == []
