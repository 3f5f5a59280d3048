"""The gate on whole trainings of measured hours: a genuine improvement, a refresh, a recipe whose settings changed."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from meter_core.evaluation.gate_evidence import Champion, Policy
from meter_core.evaluation.promotion import decide
from meter_core.evaluation.recipe_identity import identity, identity_of_model, named, with_recipe_of
from meter_core.evaluation.segment_comparison import segments_against
from meter_core.features.history import FEATURE_SETS
from meter_core.jobs import training_readings as job
from meter_core.jobs.model_card import model_card
from meter_core.jobs.training import Ground, StandingModel, evidence
from meter_core.models.candidates import ahead_recipes, candidate_class, recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.pipeline import pipeline
from meter_core.models.recipes import Recipe
from meter_core.registry.rest import ModelRef
from tests.shipped_sample import sample_table

QUICK = replace(
    recipes()["boosting"], settings={**recipes()["boosting"].settings, "max_iter": 100, "learning_rate": 0.06}
)
BEFORE = Recipe("linear", "history", {"fit_intercept": False})


@pytest.fixture(scope="module")
def table():
    return sample_table("2008-07-15", "2009-02-01")


def standing(predictor):
    return StandingModel(ModelRef("meter_consumption_v1", "3", "run", "digest"), predictor)


def champion_of(predictor):
    about = predictor.about
    return Champion("3", about["recipe"], about["training_until_ts"], identity_of_model(about))


@pytest.fixture(scope="module")
def old(table):
    """A month ago's champion, linear by settings that no candidate has today."""
    return fit_predictor(table.take(table.ts_s < table.ts_s.max() - 35 * 86_400), BEFORE).predictor


@pytest.fixture(scope="module")
def training(table, old):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "recipes", lambda *_: {"linear": recipes()["linear"], "boosting": QUICK})
        ground = Ground("a training", datetime.now(UTC), table, (), standing(old), {"UCI-SCEAUX-01": "homes"})
        return job.train_readings(ground, lambda *_: None)


def test_a_genuine_improvement_is_promoted_and_says_over_whom(training, old):
    verdict = decide(evidence(training), champion_of(old), training.final.predictor.about["training_until_ts"])
    assert verdict.promoted, verdict.why
    assert "better than linear of champion 3 (95 % bound +" in verdict.why
    assert training.winner == "boosting"


def test_the_champions_own_settings_are_fitted_beside(training, old):
    candidate = training.evaluation.candidates["linear as in champion 3"]
    assert candidate.recipe == BEFORE
    assert "linear as in champion 3" not in training.random_split
    [against] = [other for other in evidence(training).others if other.identity == identity_of_model(old.about)]
    assert against.improvement > 0.02


def test_the_card_says_how_good_it_is_beside_what_and_what_it_looks_at(training):
    card = model_card(training)
    assert f"Scored on {len(training.evaluation.rows):,} rows of 2009-01-03T23:00:00Z to 2009-01-31T23:00:00Z" in card
    assert all(name in card for name, scores in training.evaluation.baseline_scores.items() if scores)
    assert "| hour_profile_28d_kw | units_kwh | yes |" in card
    assert "| local_hour | the calendar | yes |" in card
    assert "never before its interval has ended" in card
    assert "UCI" not in card, "nobody's meter"


def test_segments_are_filled_from_the_record_and_can_refuse(training, old):
    [segment] = training.segments
    assert (segment.name, segment.meters) == ("homes", 1)
    assert segment.improvement == pytest.approx(
        training.evaluation.comparison("boosting", "linear as in champion 3").improvement
    )
    worse = replace(evidence(training), segments=(replace(segment, meters=20, improvement=-0.03),))
    verdict = decide(worse, champion_of(old), "2009-02-01")
    assert "The segment homes (20 meters) is 3.0% worse" in verdict.why
    assert not verdict.promoted


def test_a_refresh_of_the_same_recipe_keeps_the_model_fresh(training, table):
    """A month old, it learnt from the days that the refresh was scored without."""
    fitted = fit_predictor(table.take(table.ts_s < training.split.fit_until_s), QUICK).predictor
    compared = job._against_champion(standing(fitted), training.evaluation, TrainingData.of(table), training.split)
    assert compared is not None
    verdict = decide(replace(evidence(training), refresh=compared), champion_of(fitted), "2009-01-31T23:00:00Z")
    assert verdict.promoted, verdict.why
    assert "It refreshes champion 3 with newer data." in verdict.why


def test_a_champion_that_learnt_from_the_hold_out_is_not_compared_with(training, table):
    own = standing(training.final.predictor)
    assert job._against_champion(own, training.evaluation, TrainingData.of(table), training.split) is None
    given = replace(evidence(training), refresh=None)
    verdict = decide(given, champion_of(training.final.predictor), "2009-01-31T23:00:00Z")
    assert verdict.promoted
    assert [finding.what for finding in verdict.findings] == ["refresh_not_compared"]


def test_other_settings_under_one_name_are_another_recipe():
    one, other = recipes()["boosting"], QUICK
    assert identity(one) == identity(replace(one, settings=dict(reversed(one.settings.items()))))
    assert identity(one) != identity(other)
    about = {"recipe": "boosting", "features": "history", "pipeline": pipeline("history")}
    about["settings"] = dict(other.settings)
    assert identity_of_model(about) == identity(other)
    candidates = with_recipe_of({"boosting": one}, about, "7")
    assert list(candidates) == ["boosting", "boosting as in champion 7"]
    assert named(candidates, about) == "boosting as in champion 7"
    assert with_recipe_of({"boosting": other}, about, "7") == {"boosting": other}


def test_settings_of_the_line_that_trees_stand_on_belong_to_the_recipe():
    before = identity(ahead_recipes(names=["boosting_fine"])["boosting_fine"])
    changed = ahead_recipes(names=["boosting_fine"])["boosting_fine"]
    changed = replace(changed, settings={**changed.settings, "stands_on": {"hourly": {"alpha": 7.0}}})
    assert identity(changed) != before
    assert candidate_class("boosting_fine").stands_on(changed.settings) == Recipe("hourly", "ahead", {"alpha": 7.0})


def test_a_champion_whose_candidate_is_gone_cannot_be_fitted_beside():
    about = {"recipe": "prophet", "features": "history", "pipeline": pipeline("history"), "settings": {}}
    assert with_recipe_of({"boosting": QUICK}, about, "7") == {"boosting": QUICK}


def test_a_champion_of_a_candidate_that_was_not_asked_for_is_fitted_beside():
    stacked = recipes(names=["ensemble"])["ensemble"]
    about = {"recipe": "ensemble", "features": "history", "pipeline": pipeline("history")}
    about["settings"] = json.loads(json.dumps(stacked.settings, sort_keys=True))
    assert identity_of_model(about) == identity(stacked)
    assert list(with_recipe_of(recipes(), about, "7")) == ["linear", "boosting", "ensemble as in champion 7"]


@pytest.mark.parametrize("name", ["ensemble", "lightgbm"])
def test_a_champion_whose_library_cannot_be_loaded_here_stops_no_training(name, monkeypatch):
    own = recipes(names=[name])[name]
    about = {"recipe": name, "features": "history", "pipeline": pipeline("history"), "settings": own.settings}
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert list(with_recipe_of(recipes(), about, "7")) == ["linear", "boosting"]


def test_other_features_under_one_name_are_another_recipe_that_cannot_be_fitted(monkeypatch):
    before = {"recipe": "boosting", "features": "history", "settings": dict(QUICK.settings)}
    before["pipeline"] = pipeline("history")
    monkeypatch.setitem(FEATURE_SETS, "history", (*FEATURE_SETS["history"], "moon_phase"))
    assert identity_of_model(before) != identity(QUICK)
    assert with_recipe_of({"boosting": QUICK}, before, "7") == {"boosting": QUICK}
    del before["pipeline"]  # from before pipelines had a name
    assert named({"boosting": QUICK}, before) is None


def test_a_champion_from_before_identities_is_known_by_its_name():
    assert Champion("3", "boosting", "2009").follows("boosting", "boosting-1")
    assert not Champion("3", "boosting", "2009", "boosting-2").follows("boosting", "boosting-1")


def test_nobody_is_compared_by_segment_with_itself(training):
    assert segments_against(training.evaluation, "boosting", "boosting", {}) == []
    assert segments_against(training.evaluation, "boosting", None, {}) == []


def test_what_was_asked_beside_is_held(training, old):
    given, rmse = evidence(training), training.evaluation.candidate_scores["boosting"]["rmse"]
    refused = decide(given, champion_of(old), "2009-02-01", Policy(max_rmse=rmse - 0.001))
    assert not refused.promoted
    assert f"asked for an RMSE of at most {rmse - 0.001:g} kWh; that of boosting of {rmse:.4f} kWh" in refused.why
    assert decide(given, champion_of(old), "2009-02-01", Policy(max_rmse=np.nextafter(rmse, 1))).promoted
    waits = decide(given, champion_of(old), "2009-02-01", Policy(approval=True))
    assert (waits.promoted, waits.waiting) == (False, True)
    assert "`meter promote` makes it champion" in waits.why
    bad = decide(replace(given, skill=-1.0), champion_of(old), "2009-02-01", Policy(approval=True))
    assert (bad.promoted, bad.waiting) == (False, False)
