"""The evaluation as a whole: what is fitted on what, scored on what, and what pure noise gets."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.contracts.errors import RefusedError
from meter_core.evaluation.random_split import random_split_scores
from meter_core.evaluation.reading import Answers, answers_of, evaluate_candidates
from meter_core.evaluation.scores import LOSSES
from meter_core.evaluation.splits import hold_out, split_at
from meter_core.models.candidates import recipes, seed_matters
from meter_core.models.candidates.boosting import SEED_FREE_ROWS
from meter_core.models.fit import TrainingData
from tests.shipped_sample import sample_table

DAY = 86_400


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-04-01", "2009-12-01"))


def small(features="history"):
    found = recipes(features)
    return found | {"boosting": replace(found["boosting"], settings={**found["boosting"].settings, "max_iter": 40})}


@pytest.fixture(scope="module")
def evaluation(data):
    return evaluate_candidates(data, hold_out(data.table), small())


def test_the_hold_out_is_the_last_28_days_behind_a_day_of_embargo(data):
    split = hold_out(data.table)
    assert split.test_until_s == data.table.ts_s[-1] + 3_600
    assert split.test_until_s - split.test_from_s == 28 * DAY
    fit, test = split.fit_rows(data.table), split.test_rows(data.table)
    assert data.table.ts_s[test].min() - data.table.ts_s[fit].max() > DAY
    assert not np.isnan(data.table.units_kwh[fit | test]).any()


def test_what_was_not_yet_known_is_not_learnt(data):
    split = hold_out(data.table)
    late = replace(data.table, available_s=data.table.available_s + 3 * DAY)
    assert data.table.ts_s[split.fit_rows(late)].max() <= split.test_from_s - 3 * DAY - 3_600


def test_every_measured_row_of_the_window_is_scored_once(data, evaluation):
    inside = data.table.ts_s >= evaluation.splits[0].test_from_s
    assert len(evaluation.rows) == (inside & ~np.isnan(data.table.units_kwh)).sum()
    for one in [*evaluation.candidates.values()]:
        assert all(len(answers.mean_kwh) == len(evaluation.rows) for answers in one.answers)
        assert not np.isnan(one.answers[0].quantiles_kwh).any()


def test_scores_stand_beside_every_baseline(evaluation):
    assert set(evaluation.candidate_scores) == {"linear", "boosting"}
    assert set(evaluation.baseline_scores) >= {"mean", "persistence", "blend", "linear_history"}
    scores = evaluation.candidate_scores["boosting"]
    assert {"rmse", "mae", "r2", "pinball", "coverage", "seconds", "snapshot_only"} <= set(scores)
    assert scores["rmse"] < scores["snapshot_only"]["rmse"]
    assert set(evaluation.skill("boosting")) == set(LOSSES)
    assert {finding.what for finding in evaluation.findings} == {"empty_feature"}


def test_the_bounds_hold_the_skill(evaluation):
    for loss in LOSSES:
        bounds = evaluation.skill_bounds("boosting", loss)
        assert bounds.value == pytest.approx(evaluation.skill("boosting")[loss])
        assert bounds.low <= bounds.one_sided_low <= bounds.value <= bounds.high


def test_candidates_are_compared_on_the_same_rows(evaluation):
    forth, back = evaluation.comparison("boosting", "linear"), evaluation.comparison("linear", "boosting")
    assert forth.rows == back.rows == len(evaluation.rows)
    assert (1 - forth.improvement) * (1 - back.improvement) == pytest.approx(1)
    assert evaluation.comparison("boosting", "boosting").improvement == 0


def test_a_standing_champion_is_compared_on_the_rows_it_has_not_seen(data, evaluation):
    linear = evaluation.candidates["linear"]
    test = evaluation.splits[0].test_rows(data.table)
    answers, _ = answers_of(linear.fitted.predictor, data.table, test)
    whole = evaluation.compared_with("boosting", answers, "champion 1")
    assert whole.improvement == pytest.approx(evaluation.comparison("boosting", "linear").improvement)
    later = evaluation.rows.ts_s >= evaluation.rows.ts_s[0] + 14 * DAY
    assert evaluation.compared_with("boosting", answers, "champion 1", later).rows == later.sum()
    nothing = np.zeros(len(evaluation.rows), dtype=bool)
    assert evaluation.compared_with("boosting", answers, "champion 1", nothing) is None


def test_refits_join_to_one_test(data):
    start = int(data.table.ts_s[-1]) - 60 * DAY
    windows = [split_at(start, start + 28 * DAY), split_at(start + 28 * DAY, start + 56 * DAY)]
    linear = {"linear": recipes("snapshot")["linear"]}
    joined = evaluate_candidates(data, windows, linear)
    each = [evaluate_candidates(data, window, linear) for window in windows]
    np.testing.assert_array_equal(
        joined.candidates["linear"].answers[0].mean_kwh,
        np.concatenate([one.candidates["linear"].answers[0].mean_kwh for one in each]),
    )
    assert len(joined.rows) == sum(len(one.rows) for one in each)


def test_the_test_window_changes_nothing_that_is_learnt(data):
    split = hold_out(data.table)
    changed = replace(data.table, units_kwh=np.where(data.table.ts_s >= split.test_from_s, 9.0, data.table.units_kwh))
    one, other = (
        evaluate_candidates(TrainingData.of(table), split, {"linear": recipes("snapshot")["linear"]})
        for table in (data.table, changed)
    )
    first, second = (scored.candidates["linear"].fitted.predictor.snapshot.model for scored in (one, other))
    assert first.intercept == second.intercept
    np.testing.assert_array_equal(first.coefficients, second.coefficients)


def test_a_window_without_readings_is_refused(data):
    end = int(data.table.ts_s[-1]) + 10 * DAY
    with pytest.raises(RefusedError, match="no reading"):
        evaluate_candidates(data, split_at(end, end + DAY), recipes())
    nothing = replace(data.table, units_kwh=np.full(len(data.table), np.nan))
    with pytest.raises(RefusedError, match="measured"):
        hold_out(nothing)


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_pure_noise_has_no_skill_worth_the_name(data, seed):
    draws = np.random.default_rng(seed)
    noise, load = draws.gamma(2, 0.5, (2, len(data.table)))
    made_up = replace(data.table, units_kwh=noise, load_kw=load)
    scored = evaluate_candidates(TrainingData.of(made_up), hold_out(made_up), small())
    assert scored.skill(scored.best)["rmse"] < 0.01


def test_one_seed_where_no_other_can_change_a_fit(evaluation):
    assert evaluation.candidates["boosting"].seeds == (0,)
    assert seed_matters(recipes()["boosting"], SEED_FREE_ROWS + 1)
    assert not seed_matters(recipes()["linear"], SEED_FREE_ROWS + 1)


def test_the_random_split_says_what_it_is(data):
    scores = random_split_scores(data, {"linear": recipes()["linear"]})
    assert "random_state=42" in scores["note"]
    assert scores["rows"] == pytest.approx(0.3 * (~np.isnan(data.table.units_kwh)).sum(), abs=1)
    assert 0 < scores["linear"]["r2"] < 1


def test_no_answers_for_no_rows(data, evaluation):
    answers, used = answers_of(evaluation.candidates["linear"].fitted.predictor, data.table, np.array([], dtype=int))
    assert isinstance(answers, Answers)
    assert len(answers.mean_kwh) == len(used) == 0
