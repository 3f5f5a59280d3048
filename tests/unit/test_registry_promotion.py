"""The promotion gate, rule by rule, as EVALUATION words it."""

import json
from dataclasses import replace

import pytest

from meter_core.contracts.finding import Finding, Severity
from meter_core.evaluation.gate_evidence import Champion, Comparison, Evidence, Segment
from meter_core.evaluation.promotion import decide

GOOD = Evidence(
    recipe="boosting_history",
    identity="boosting_history-2",
    score="rmse",
    value=0.475,
    baselines={"mean": 0.844, "blend": 0.5, "same_hour_last_week": None},
    skill=0.05,
    skill_low=0.01,
    coverage=0.8,
    rows=672,
    others=(Comparison("linear_snapshot", improvement=0.03, low=0.001, rows=672),),
)
UNTIL = "2009-12-31T00:00:00+00:00"
SAME = Champion("3", "boosting_history", "2009-12-01T00:00:00+00:00")
OTHER = Champion("3", "linear_snapshot", "2009-12-01T00:00:00+00:00")
CHANGED = Champion("3", "boosting_history", "2009-12-01T00:00:00+00:00", "boosting_history-1")
"""The same name with other features, which this release cannot fit."""

LEAK = Finding("load_kw_leaks", "load_kw", Severity.ERROR, "load_kw equals the target in every row.", {"r2": 1.0})


def refusals(verdict):
    return [finding.what for finding in verdict.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("champion", [None, SAME, OTHER])
def test_a_good_model_is_promoted_and_the_reason_has_the_figures(champion):
    verdict = decide(GOOD, champion, UNTIL)
    assert verdict.promoted
    assert "0.4750 kWh on 672 rows" in verdict.why
    assert "5.0% better than the strongest baseline (blend, 0.5000)" in verdict.why


@pytest.mark.parametrize(
    ("change", "champion", "rule"),
    [
        ({"leaks": (LEAK,)}, None, "load_kw_leaks"),
        ({"skill": 0.0}, None, "no_skill"),
        ({"skill": -0.2}, None, "no_skill"),
        ({"skill": float("nan")}, None, "no_skill"),
        ({"skill": 0.0099}, None, "no_skill"),
        ({"skill": 0.0099}, OTHER, "no_skill"),
        ({"skill": 0.0}, SAME, "no_skill"),
        ({"baselines": {"mean": None}, "skill": None}, None, "no_baseline"),
        ({"others": ()}, OTHER, "not_compared"),
        ({"others": (Comparison("linear_snapshot", 0.0099, 0.001, 672),)}, OTHER, "not_better_than_champion"),
        ({"others": (Comparison("linear_snapshot", 0.02, 0.0, 672),)}, OTHER, "not_better_than_champion"),
        ({"others": (Comparison("linear_snapshot", 0.02, None, 672),)}, OTHER, "not_better_than_champion"),
        ({"coverage": 0.75}, OTHER, "coverage"),
        ({"coverage": 0.85}, OTHER, "coverage"),
        ({"segments": (Segment("flats", 20, -0.021),)}, OTHER, "segment_worse"),
        ({"refresh": Comparison("champion 3", 0.002, -0.01, 672)}, SAME, "worse_than_champion"),
        ({"skill": -0.01}, SAME, "no_skill"),
        ({"skill_rmse": 0.0}, None, "no_skill_of_means"),
        ({"skill": 0.0099}, SAME, "no_skill"),
        ({"skill": 0.0099}, CHANGED, "no_skill"),
        ({"coverage": 0.75}, CHANGED, "coverage"),
        ({"refresh": Comparison("champion 3", 0.0099, 0.001, 672)}, CHANGED, "not_better_than_champion"),
    ],
)
def test_each_rule_refuses_alone(change, champion, rule):
    verdict = decide(replace(GOOD, **change), champion, UNTIL)
    assert not verdict.promoted
    assert refusals(verdict) == [rule]
    assert verdict.why


@pytest.mark.parametrize(
    ("change", "champion"),
    [
        ({"others": (Comparison("linear_snapshot", 0.01, 0.0001, 672),)}, OTHER),
        ({"coverage": 0.76}, OTHER),
        ({"segments": (Segment("flats", 19, -0.5), Segment("farms", 400, -0.02))}, OTHER),
        ({"refresh": Comparison("champion 3", -0.005, -0.0099, 672)}, SAME),
        ({"refresh": Comparison("champion 3", -0.5, None, 100)}, SAME),
        ({"coverage": 0.6}, None),
        ({"skill": 0.01}, None),
        ({"skill_rmse": 0.0001}, None),
        ({"skill": 0.0001, "coverage": 0.6, "refresh": Comparison("champion 3", 0.0, -0.0099, 672)}, SAME),
        ({"skill": 0.01, "coverage": 0.75}, SAME),
        ({"coverage": 0.85, "refresh": Comparison("champion 2", 0.1, 0.1, 672)}, SAME),
        ({"skill": 0.01, "coverage": 0.76}, CHANGED),
        ({"refresh": Comparison("champion 3", 0.01, 0.001, 672)}, CHANGED),
        ({"skill_low": -0.01}, None),
        ({"skill_low": None}, None),
    ],
)
def test_what_is_just_good_enough_passes(change, champion):
    assert decide(replace(GOOD, **change), champion, UNTIL).promoted


def test_a_champion_of_other_features_is_stood_for_by_the_recipe_of_its_name():
    before, other = replace(OTHER, identity="linear_snapshot-1"), replace(GOOD.others[0], identity="linear_snapshot-2")
    assert decide(replace(GOOD, others=(other,)), before, UNTIL).promoted
    worse = replace(GOOD, others=(replace(other, improvement=0.0099),))
    assert refusals(decide(worse, before, UNTIL)) == ["not_better_than_champion"]


def test_what_could_not_be_compared_does_not_claim_to_refresh():
    verdict = decide(GOOD, CHANGED, UNTIL)
    assert "With champion 3, of other features or another format, it was not compared." in verdict.why
    assert [finding.what for finding in verdict.findings] == ["champion_of_other_features"]


def test_an_older_training_does_not_displace_a_newer_one_of_the_same_recipe():
    verdict = decide(GOOD, SAME, "2009-11-30T00:00:00+00:00")
    assert refusals(verdict) == ["older_than_champion"]


@pytest.mark.parametrize(("until", "data"), [(SAME.trained_until, "corrected data"), ("2010-01-01", "newer data")])
def test_a_refresh_says_what_it_brings(until, data):
    assert f"refreshes champion 3 with {data}" in decide(GOOD, SAME, until).why


@pytest.mark.parametrize("low", [None, 0.0, -0.02])
def test_an_uncertain_skill_is_said(low):
    verdict = decide(replace(GOOD, skill_low=low), None, UNTIL)
    assert [finding.what for finding in verdict.findings] == ["skill_uncertain"]


def test_all_refusals_are_said_at_once():
    verdict = decide(replace(GOOD, skill=-0.1, leaks=(LEAK,)), None, UNTIL)
    assert refusals(verdict) == ["load_kw_leaks", "no_skill"]
    assert "load_kw equals the target" in verdict.why
    assert "No skill" in verdict.why


def test_evidence_survives_json():
    whole = replace(
        GOOD, leaks=(LEAK,), refresh=Comparison("champion 3", 0.0, None, 5), segments=(Segment("flats", 20, 0.1),)
    )
    again = Evidence.from_dict(json.loads(json.dumps(whole.as_dict())))
    assert again.as_dict() == whole.as_dict()
    assert decide(again, SAME, UNTIL) == decide(whole, SAME, UNTIL)
