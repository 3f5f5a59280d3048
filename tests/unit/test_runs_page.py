"""The page of runs, and what the status says of them, from runs made by hand."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from meter_core.embedded.prefect_api import Deployment, Run
from meter_core.jobs.flow_metrics import flow_metrics
from meter_core.jobs.runs_page import Known, bars, runs_page, took, when
from meter_core.jobs.status_flows import flow_findings
from meter_core.store.delivered import Freshness

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(kind="COMPLETED", seconds=10.0, ago_h=1.0, tries=1, message=""):
    began = NOW - timedelta(hours=ago_h)
    name = {"COMPLETED": "Completed", "FAILED": "Failed", "CRASHED": "Crashed", "RUNNING": "Running"}[kind]
    return Run("1", "a run", name, kind, message, began, began, began, seconds, tries, "77", "http://prefect/run/1")


def deployment(name, *runs, next_in_h=None, paused=False):
    completed = next((each for each in runs if each.kind == "COMPLETED"), None)
    next_at = None if next_in_h is None else NOW + timedelta(hours=next_in_h)
    return Deployment(name, "0 2 * * * Europe/Paris", paused, "v1", runs, next_at, "Does a thing.", completed)


class Server:
    """In place of a Prefect server: what it would answer."""

    def __init__(self, deployments=(), incidents=None, automations=None):
        self.deployments = lambda: list(deployments)
        self.incidents = lambda: incidents or {}
        self.automations = lambda: {"meter: x": True} if automations is None else automations


def found(*deployments, **more):
    return list(flow_findings(Server(deployments, **more), NOW))


@pytest.mark.parametrize(
    ("given", "what", "severity", "words"),
    [
        (deployment("a/b", run(), next_in_h=3), "state", "info", "a/b: Completed 2026-11-24 11:00 UTC in 10 s; next"),
        (deployment("a/b", run(), next_in_h=-0.05), "state", "info", "next 2026-11-24 11:57 UTC"),
        (deployment("a/b", run(), next_in_h=-1), "late", "warning", "late since 2026-11-24 11:00 UTC: is a worker"),
        (deployment("a/b", run("CRASHED", message="killed")), "run_failed", "warning", "killed"),
        (deployment("a/b", paused=True), "paused", "warning", "a/b: never ran; its schedule is switched off"),
    ],
)
def test_the_status_of_a_deployment(given, what, severity, words):
    finding = found(given)[0]
    assert (finding.what, finding.severity) == (what, severity)
    assert words in finding.message


def test_an_open_incident_is_an_error_and_stands_first():
    incident = {"since": "then", "failures": 3, "cause": "no database", "flow_run": "1"}
    finding = found(deployment("a/b"), incidents={"train_model_ahead": incident})[0]
    assert (finding.severity, finding.message) == ("error", "train_model_ahead fails since then, 3 times: no database")


def test_what_is_not_installed_or_switched_off_is_said():
    assert [each.what for each in found()] == ["not_deployed"]
    assert found(deployment("a/b"), automations={})[-1].what == "not_deployed"
    off = found(deployment("a/b"), automations={"meter: x": True, "meter: y": False})[-1]
    assert (off.what, off.message) == ("switched_off", "switched off: meter: y")


def test_bars_are_as_high_as_runs_were_long_oldest_first():
    drawn = bars([run(seconds=28), run("FAILED", seconds=14), run("RUNNING", seconds=0)])
    assert [(bar["height"], bar["tone"]) for bar in drawn] == [(3.0, "info"), (14.0, "bad"), (28.0, "good")]


def test_the_page_loads_nothing_and_hides_no_markup_of_a_message():
    known = Known(
        Freshness(3, 1_234, NOW, 5, 2, 77, NOW),
        {"reading": {"model_version": "4", "decided_at": NOW - timedelta(days=1)}},
    )
    incident = {"since": "then", "failures": 1, "cause": "<b>no</b>", "flow_run": "1"}
    page = runs_page([deployment("a/b", run("FAILED", message="<script>"), next_in_h=3)], {"a": incident}, known, NOW)
    assert "<script" not in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert not re.search(r'(?:src|href)="(?!http://prefect/run/1|index\.html|completeness/)', page)
    for words in ("1,234 of 3 meters", "version 4, since 2026-11-23 12:00 UTC", "2026-11-24 15:00 UTC", "Failed"):
        assert words in page


def test_a_page_without_a_database_or_runs_is_a_page():
    assert "never ran" in runs_page([deployment("a/b")], {}, Known(None, {}), NOW)


def test_completeness_is_linked_once_it_was_drawn():
    known = Known(Freshness(3, 1_234, NOW, 5, 2, 77, NOW), {})
    nothing = Known(Freshness(0, 0, None, 0, 0, 0, None), {})
    drawn = [deployment("upkeep/each-morning", run())]
    linked = [
        "completeness/" in runs_page(each, {}, about, NOW)
        for each, about in [(drawn, known), (drawn, nothing), ([deployment("upkeep/each-morning")], known)]
    ]
    assert linked == [True, False, False]


def test_what_had_nothing_to_give_says_why_and_is_no_success():
    refused = replace(run(message="there is no champion yet"), state="Refused")
    page = runs_page([deployment("a/b", refused)], {}, Known(None, {}), NOW)
    assert "there is no champion yet" in page
    assert bars([refused])[0]["tone"] == "info"


def test_what_never_ran_and_has_no_schedule_stands_apart():
    page = runs_page([replace(deployment("x/idle"), schedule=""), deployment("a/b")], {}, Known(None, {}), NOW)
    assert page.index("a/b") < page.index("Not needed yet") < page.index("x/idle")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 2 * * * Europe/Paris", "each day at 2:00, Europe/Paris"),
        ("30 4 * * 1 UTC", "each Monday at 4:30, UTC"),
        ("0 */6 * * * UTC", "every 6 hours from 0:00 on, UTC"),
        ("30 */6 * * * UTC", "every 6 hours from 0:30 on, UTC"),
        ("0 2 1 * * UTC", "0 2 1 * * UTC"),
        ("0 2 * * * UTC, 0 9 * * * UTC", "each day at 2:00, UTC, each day at 9:00, UTC"),
        ("", ""),
    ],
)
def test_schedules_as_people_read_them(schedule, words):
    assert when(schedule) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (5_400, "90 min")])
def test_durations_as_people_read_them(seconds, words):
    assert took(seconds) == words


def test_metrics_say_what_fails_and_when_each_last_completed():
    """Read by Prometheus' own client."""
    failed = [run("FAILED", ago_h=hours) for hours in range(1, 9)]
    nightly = replace(deployment("ingest_readings/daily", *failed), completed=run(ago_h=25))
    broken = deployment("train_model/weekly", run("CRASHED", ago_h=2), run("FAILED", ago_h=170))
    text = flow_metrics([nightly, broken, deployment("never/ran")], {"ingest_readings": {"failures": 2}}, NOW)
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    assert {(each.name, *each.labels.values()): each.value for each in samples} == {
        ("meter_flow_failing", "ingest_readings"): 2,
        ("meter_flow_last_completed_timestamp_seconds", "ingest_readings/daily"): (
            NOW - timedelta(hours=25)
        ).timestamp(),
        ("meter_flow_last_completed_timestamp_seconds", "train_model/weekly"): (NOW - timedelta(hours=170)).timestamp(),
        ("meter_flows_written_timestamp_seconds",): NOW.timestamp(),
    }
