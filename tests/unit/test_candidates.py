"""Every candidate: found by name, answers as the library that fitted it, and is the same after it was packed."""

import json
import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.models.candidates import (
    Candidate,
    Examples,
    candidate,
    candidate_class,
    check_candidates,
    quick,
    recipes,
)
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.exported import BySegment, Line, model_of
from meter_core.models.recipes import Recipe

HOUR = 3_600
COLUMNS = ("hour_profile_28d_kw", "local_hour", "last_week_kw", "voltage_v", "is_weekend")


def hourly(rows):
    """An example an hour, each known at its end."""
    at = np.arange(rows) * HOUR
    return {"when_s": at, "available_s": at + HOUR}


def examples(rows=3_000, seed=0):
    """Made-up columns: a profile, the hour, a meter's size (often missing), noise, few values."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 5))
    matrix[:, 1] = rng.integers(0, 24, rows)
    matrix[rng.random(rows) < 0.3, 2] = np.nan
    matrix[:, 4] = rng.integers(0, 2, rows)
    target = matrix[:, 0] + np.sin(matrix[:, 1]) + np.nan_to_num(matrix[:, 2], nan=2.0)
    return Examples(matrix, target, **hourly(rows), columns=COLUMNS)


def quickly(name, quantile=None, features="history"):
    recipe = candidate_class(name).recipe(features)
    return candidate(Recipe(name, features, quick(name, recipe.settings, 25)), 0, quantile)


def as_fitted(one, matrix):
    """What the library says; lines get the means that stand for missing values."""
    exported = one.export()
    return one.fitted.predict(
        np.where(np.isnan(matrix), exported.imputation, matrix) if isinstance(exported, Line) else matrix
    )


@pytest.mark.parametrize(
    ("name", "quantile"),
    [(name, None) for name in sorted(KNOWN)] + [(name, 0.9) for name in sorted(KNOWN) if KNOWN[name].fits_quantiles],
)
def test_numbers_answer_as_the_library_that_fitted_them(name, quantile):
    one = quickly(name, quantile)
    one.fit(examples())
    unseen = examples(2_000, seed=1).matrix
    unseen[0] = [5.0, 23.0, -5.0, 1e6, 0.0]
    said = one.export().predict(unseen)
    assert np.ptp(said) > 0.5
    np.testing.assert_allclose(said, as_fitted(one, unseen), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["boosting", "lightgbm"])
def test_a_gap_where_training_had_none_goes_where_the_library_sends_it(name):
    one = quickly(name)
    one.fit(examples())
    unseen = examples(500, seed=1).matrix
    unseen[::3, 0], unseen[::2, 1] = np.nan, np.nan
    np.testing.assert_allclose(one.export().predict(unseen), as_fitted(one, unseen), rtol=0, atol=1e-9)


def test_a_value_beside_a_threshold_of_the_forest_goes_where_single_precision_sends_it():
    one = quickly("forest")
    one.fit(examples())
    trees = one.export().trees
    thresholds = trees.threshold[trees.feature == 0][:50]
    rows = np.zeros((150, 5))
    rows[:, 0] = np.concatenate([np.nextafter(thresholds, -np.inf), thresholds, np.nextafter(thresholds, np.inf)])
    np.testing.assert_allclose(one.export().predict(rows), one.fitted.predict(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_packed_and_read_again_every_row_has_the_same_bits_alone_and_among_others(name):
    one = quickly(name)
    one.fit(examples())
    exported, matrix = one.export(), examples(700, seed=2).matrix
    again = model_of(json.loads(json.dumps(exported.words())), exported.arrays())
    expected = exported.predict(matrix)
    np.testing.assert_array_equal(again.predict(matrix), expected)
    order = np.random.default_rng(0).permutation(len(matrix))
    np.testing.assert_array_equal(again.predict(matrix[order]), expected[order])
    for row in range(0, len(matrix), 97):
        assert again.predict(matrix[row : row + 1])[0] == expected[row]


def test_an_unknown_candidate_is_refused_with_the_known_ones():
    with pytest.raises(
        UsageError, match=r"'prophet' is unknown; known are boosting, .*ensemble, forest, hourly, lightgbm"
    ):
        recipes(names=["linear", "prophet"])


@pytest.mark.parametrize("name", ["lightgbm", "ensemble", "segments"])
def test_a_candidate_is_refused_by_name_where_a_library_of_it_cannot_be_loaded(name, monkeypatch):
    of_lightgbm = {"of": {"lightgbm": dict(candidate_class("lightgbm").reading)}}
    monkeypatch.setattr(KNOWN["segments"], "reading", {"by": "last_week_kw", "parts": 3} | of_lightgbm)
    check_candidates("reading", [name, "linear"])
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match=f"candidate '{name}': lightgbm cannot be fitted here: .*install the package"):
        check_candidates("reading", ["linear", name])
    check_candidates("reading", ["linear", "boosting", "hourly"])


def test_a_candidate_for_forecasts_alone_is_refused_for_readings():
    check_candidates("ahead", ["boosting_fine"])
    with pytest.raises(
        UsageError, match="'boosting_fine' is for the task ahead alone; for reading choose of boosting, "
    ):
        check_candidates("reading", ["boosting_fine"])


def test_a_candidate_is_one_class():
    class Middle(Candidate):
        """The mean of the target."""

        name: ClassVar = "middle"
        reading: ClassVar = {"times": 1.0}

        def __init__(self, recipe, seed, quantile=None):
            self._times = recipe.settings["times"]

        def fit(self, examples):
            self.fitted = examples.target.mean() * self._times

        def export(self):
            return Line(np.zeros(5), self.fitted, np.zeros(5))

    try:
        found = recipes(names=["middle", "linear"])
        assert found["middle"] == Recipe("middle", "history", {"times": 1.0})
        one = candidate(found["middle"], 0)
        one.fit(examples())
        assert one.export().predict(np.zeros((1, 5)))[0] == pytest.approx(examples().target.mean())
    finally:
        del KNOWN["middle"]


def test_ridge_looks_at_the_past_alone_and_shrinks():
    one = quickly("ridge")
    one.fit(examples())
    line = one.export()
    assert (line.coefficients[[1, 3, 4]] == 0).all()
    assert line.coefficients[0] == pytest.approx(1.0, abs=0.05)
    shrunk = candidate(Recipe("ridge", "history", {"alpha": 1e6}), 0)
    shrunk.fit(examples())
    assert abs(shrunk.export().coefficients[0]) < 0.01


def test_an_ensemble_leans_on_the_part_that_is_right_about_the_latest_examples():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(4_000, 5))
    straight = Examples(matrix, matrix[:, 0] + 0.3 * rng.normal(size=4_000), **hourly(4_000), columns=COLUMNS)
    one = quickly("ensemble")
    one.fit(straight)
    lines = dict(zip(("boosting", "lightgbm", "ridge"), one.export().weights.tolist(), strict=True))
    assert sum(lines.values()) == pytest.approx(1.0)
    assert min(lines.values()) >= 0
    assert lines["ridge"] > 0.8, "trees cannot beat a line where there is nothing but a line"


def test_an_ensemble_is_weighted_by_parts_that_learnt_nothing_known_later_than_a_day_before():
    """Ahead, what an example is about may come a week after its moment."""
    learnt = examples(4_000)
    far = np.arange(4_000) % 3 == 0
    known_s = learnt.when_s + np.where(far, 7 * 24, 1) * HOUR
    start_s = np.quantile(learnt.when_s, 0.75)
    unknown = (learnt.when_s < start_s) & (known_s > start_s - 24 * HOUR)
    assert (unknown & far & (learnt.when_s < start_s - 24 * HOUR)).sum() > 40

    def weights(target):
        one = quickly("ensemble")
        one.fit(replace(learnt, available_s=known_s).aimed_at(target))
        return one.export().weights

    np.testing.assert_array_equal(weights(learnt.target), weights(np.where(unknown, -50.0, learnt.target)))
    assert not np.array_equal(weights(learnt.target), weights(np.where(unknown, learnt.target, learnt.target + 1)))


def test_each_segment_has_a_model_of_its_own_and_meters_of_which_nothing_is_known_that_of_all():
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(9_000, 5))
    size = rng.integers(0, 3, 9_000)
    matrix[:, 2] = size
    target = matrix[:, 0] * np.array([-1.0, 0.0, 1.0])[size]
    one = quickly("segments")
    one.fit(Examples(matrix, target, columns=COLUMNS))
    exported = one.export()
    assert isinstance(exported, BySegment)
    assert len(exported.models) == 4
    rows = np.zeros((4, 5))
    rows[:, 0], rows[:, 2] = 1.0, [0, 1, 2, np.nan]
    said = exported.predict(rows)
    assert said[0] < -0.3
    assert abs(said[1]) < 0.1
    assert said[2] > 0.3
    assert said[3] == exported.models[3].predict(rows)[3]


@pytest.mark.parametrize("part", ["boosting", "ridge"])
def test_a_segment_in_which_a_column_is_missing_throughout_is_answered_by_the_model_of_all(part):
    """Small meters often have no voltage."""
    matrix = np.random.default_rng(5).normal(size=(9_000, 5))
    matrix[:, 2] = np.arange(9_000) % 3
    matrix[matrix[:, 2] == 0, 3] = np.nan
    own = quick(part, candidate_class(part).reading, 25)
    one = candidate(Recipe("segments", "history", {"by": "last_week_kw", "parts": 3, "of": {part: own}}), 0)
    one.fit(Examples(matrix, matrix[:, 0] * matrix[:, 2], columns=COLUMNS))
    exported, rows = one.export(), np.tile([1.0, 0.0, 0.0, np.nan, 0.0], (2, 1))
    rows[1, 2] = 2.0
    said = exported.predict(rows)
    assert said[0] == exported.models[3].predict(rows)[0]
    assert said[1] != exported.models[3].predict(rows)[1]


def test_settings_of_parts_belong_to_the_recipe():
    parts = recipes(names=["ensemble"])["ensemble"].settings["of"]
    assert parts["boosting"] == KNOWN["boosting"].reading
    assert quick("ensemble", {"of": parts}, 5)["of"]["boosting"]["max_iter"] == 5


def test_fine_trees_are_fitted_without_the_setting_that_names_their_line():
    one = quickly("boosting_fine", features="ahead")
    one.fit(examples())
    assert one.fitted.max_leaf_nodes == 31
    assert one.export().predict(examples(50, seed=1).matrix).std() > 0.5
