"""Tuning looks at folds before the hold-out, and at nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.evaluation.splits import hold_out
from meter_core.evaluation.tuning import SPACE, ahead_score, folds_before, proposed, reading_score, tunable
from meter_core.models.candidates import ahead_recipes, recipes
from tests.shipped_sample import sample_table

DAY_S = 86_400


@pytest.fixture(scope="module")
def table():
    return sample_table("2009-05-01", "2010-01-01")


def test_folds_are_weeks_that_end_where_the_hold_out_begins(table):
    split = hold_out(table)
    folds = folds_before(split)
    assert [(fold.test_until_s - split.test_from_s) // DAY_S for fold in folds] == [-56, -28, 0]
    assert all(fold.test_until_s - fold.test_from_s == 28 * DAY_S for fold in folds)
    assert all(fold.test_from_s - fold.fit_until_s == DAY_S for fold in folds)


@pytest.mark.parametrize(("scored", "recipe"), [
    (reading_score, recipes()["linear"]),
    (ahead_score, ahead_recipes()["linear"]),
])  # fmt: skip
def test_a_fold_is_scored_by_what_it_holds_alone(table, scored, recipe):
    fold = folds_before(hold_out(table))[-1]
    turned = {name: np.where(table.ts_s >= fold.test_until_s, 99.0, getattr(table, name))
              for name in ("units_kwh", "load_kw")}  # fmt: skip
    before, after = (scored(each)(recipe, fold) for each in (table, replace(table, **turned)))
    assert before == after
    inside = np.where(table.ts_s >= fold.test_from_s, table.units_kwh + 1.0, table.units_kwh)
    assert scored(replace(table, units_kwh=inside))(recipe, fold) > before


class Lowest:
    """A trial that proposes the least of everything."""

    def suggest_float(self, name, low, high, *, log):
        return low

    def suggest_int(self, name, low, high, *, log):
        return low


class Bounds:
    """A trial that notes what it may propose."""

    def __init__(self):
        self.seen = {}

    def suggest_float(self, name, low, high, *, log):
        self.seen[name] = (low, high)
        return low

    suggest_int = suggest_float


@pytest.mark.parametrize(("name", "most_leaves"), [("boosting", 16), ("lightgbm", 16), ("boosting_fine", 31)])
def test_the_present_settings_are_among_those_that_are_tried(name, most_leaves):
    recipe, trial = ahead_recipes(names=[name])[name], Bounds()
    proposed(recipe, trial)
    assert trial.seen["max_leaf_nodes"] == (4, most_leaves)
    assert set(trial.seen) == set(SPACE)
    for setting, (low, high) in trial.seen.items():
        assert low <= recipe.settings[setting] <= high


@pytest.mark.parametrize("candidates", [recipes(), ahead_recipes()])
def test_boosting_is_tuned_and_its_other_settings_stay(candidates):
    assert [name for name, recipe in candidates.items() if tunable(recipe)] == ["boosting"]
    tried = proposed(candidates["boosting"], Lowest()).settings
    assert {name: tried[name] for name in SPACE} == {name: between.low for name, between in SPACE.items()}
    assert tried["early_stopping"] is False


def test_lightgbm_is_tuned_by_the_same_settings():
    assert tunable(recipes(names=["lightgbm"])["lightgbm"])
    assert not tunable(recipes(names=["ensemble"])["ensemble"])
