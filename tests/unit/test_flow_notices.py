"""What makes two failures one incident, what people read of them, and when a failed training is tried again."""

import logging
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Cancelling, Completed, Failed, Running, Suspended

from flows import decisions, fetch_weather, notices, outcome, train_model, works_again
from flows.chain import TOO_LITTLE, is_due, last_training
from flows.lapse_approval import unanswered
from flows.notices import cause_of, said
from flows.run import published
from meter_core.cli import processes
from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded.connections import Connections
from meter_core.embedded.prefect_api import WAITS_FOR_MLFLOW, PrefectApi
from meter_core.settings import Settings

BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,204 measured readings, at least 2000 are needed", "1,377 measured readings, at least 2000 are needed"),
        ("/files/inbox/a.csv line 3 has no zone", "/files/inbox/b/c.csv line 17 has no zone"),
        ("s3://bucket/a-1.csv is empty", "s3://bucket/b.csv is empty"),
    ],
)
def test_counts_and_paths_make_no_new_incident(one, other):
    assert cause_of(RefusedError(one)) == cause_of(RefusedError(other))


def test_other_words_do():
    assert cause_of(RefusedError("a feature leaks")) != cause_of(RefusedError("a file is empty"))
    assert cause_of(UnavailableError("MLflow is away")) == cause_of(UnavailableError("it does not answer"))


def test_what_is_not_our_error_is_never_repeated():
    assert said(KeyError("FONTANA-02")) == "KeyError, see the log of the run"
    assert "FONTANA" not in cause_of(KeyError("FONTANA-02"))


@pytest.mark.parametrize(
    ("state", "days"),
    [(Failed(), 1), (Completed(name="Refused", message=TOO_LITTLE + "12 hours"), 1), (Completed(name="Refused"), 7)],
)
def test_a_training_in_vain_is_tried_again_a_day_later(state, days):
    run = FlowRun(flow_id=uuid4(), state=state, start_time=BEGAN, parameters={"task": "ahead"})
    asked = []
    client = SimpleNamespace(read_flow_runs=lambda **filters: asked.append(filters) or [run])
    last = last_training(client, "ahead")
    due = BEGAN + timedelta(days=days)
    assert (is_due(last, due - timedelta(seconds=1)), is_due(last, due)) == (False, True)
    assert state.type in asked[0]["flow_run_filter"].state.type.any_


def test_outcomes_of_shards_are_not_the_runs_own():
    run, step = FlowRun(flow_id=uuid4()), FlowRun(flow_id=uuid4())
    shard = FlowRun(flow_id=uuid4(), deployment_id=uuid4())
    asked = []
    client = SimpleNamespace(
        read_flow_runs=lambda **_: [step, shard],
        read_artifacts=lambda artifact_filter, sort: asked.append(artifact_filter) or [],
    )
    assert published(client, run) == []
    assert asked[0].flow_run_id.any_ == [run.id, step.id]


@pytest.fixture
def told(monkeypatch):
    """What would be sent, in order."""
    said = []
    monkeypatch.setattr(notices, "failed", lambda error, what, remedy: said.append((what, remedy)))
    monkeypatch.setattr(notices, "news", lambda what, *_, of: said.append((what, of)))
    monkeypatch.setattr(notices, "worked", lambda subject=None, cause="": said.append(("works", subject, cause)))
    monkeypatch.setattr(decisions, "model_promoted", lambda task, version: said.append(("predict", task, version)))
    return said


def test_a_model_that_waits_for_mlflow_is_an_incident_and_closes_none(told):
    train_model.tell_how({"decision": "waiting", "why": "MLflow is away"})
    assert [what for what, _ in told] == ["waits for MLflow"]
    assert "meter models sync" in told[0][1]
    train_model.tell_how({"decision": "promoted", "why": "skill 3 %"})
    assert told[1] == ("works", None, "")


def test_weather_that_came_for_some_places_only_is_an_incident_and_ends_none(told, monkeypatch):
    result = {"places": ["oslo"], "failed": {"pole": "status 400"}, "values": 3, "stored": 3}
    monkeypatch.setattr(fetch_weather, "fetch", lambda since, until: result)
    monkeypatch.setattr(fetch_weather, "create_table_artifact", lambda *_, **__: None)
    monkeypatch.setattr(outcome.Outcome, "publish", lambda _: None)
    state = fetch_weather.fetch_weather.fn()
    assert state.is_failed()
    assert state.message == "no weather came for 1 of 2 places; for pole: status 400"
    assert [what for what, _ in told] == ["did not get all weather"]
    result["failed"] = {}
    assert fetch_weather.fetch_weather.fn().is_completed()
    assert told[1:] == [("works", None, "")]


def test_what_waited_is_delivered_and_each_decision_told(told, monkeypatch, tmp_path):
    monkeypatch.setenv("METER_FILES_URL", str(tmp_path))
    monkeypatch.setattr(decisions, "delivered_now", lambda: settled)
    settled = [
        {"model": "meter_forecast_v1", "version": "7", "why": "better", "promoted": True, "waiting": False},
        {"model": "meter_consumption_v1", "version": "3", "why": "worse", "promoted": False, "waiting": False},
    ]
    decisions.deliver_waiting()
    assert told == []  # nothing waits
    run = tmp_path / "undelivered" / "ahead-1"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    decisions.deliver_waiting()
    assert told == [
        ("a model was promoted", ".ahead.7"),
        ("predict", "ahead", "7"),
        ("works", notices.Subject("train_model", "ahead"), WAITS_FOR_MLFLOW),
        ("a model was refused", ".reading.3"),
        ("works", notices.Subject("train_model", "reading"), WAITS_FOR_MLFLOW),
    ]


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ([Running(), Suspended(), Failed()], "nobody decided within 7 days"),
        ([Running(), Suspended(), Cancelled()], "the run that asked was cancelled"),
        ([Running(), Suspended(), Cancelling(), Cancelled()], "the run that asked was cancelled"),
        ([Running(), Suspended(), Running(), Failed()], ""),
        ([Running(), Suspended(), Running(), Cancelling(), Cancelled()], ""),
        ([Running(), Suspended()], ""),
        ([Failed()], ""),
    ],
)
def test_only_a_run_that_ended_while_it_waited_had_no_answer(states, why):
    dated = [state.model_copy(update={"timestamp": BEGAN + timedelta(days=day)}) for day, state in enumerate(states)]
    assert unanswered(reversed(dated)) == why


@pytest.mark.parametrize(
    ("error", "remedy"), [(UnavailableError("PostgreSQL is away"), "choose Retry"), (RefusedError("no"), "")]
)
def test_a_flow_without_a_schedule_says_its_own_remedy_where_something_is_away(monkeypatch, error, remedy):
    told = []
    monkeypatch.setattr(outcome.notices, "failed", lambda *_, **words: told.append(words["remedy"]))
    monkeypatch.setattr(outcome.Outcome, "publish", lambda _: None)
    monkeypatch.setattr(outcome, "get_run_logger", lambda: logging.getLogger("run"))

    def run():
        raise error

    outcome.conclude("promote", run, lambda _: Completed(), remedy="choose Retry")
    assert told == [remedy]


def test_an_incident_of_another_cause_stays_open():
    known = SimpleNamespace(value={"cause": "unavailable"})
    client = SimpleNamespace(read_variable_by_name=lambda _: known)
    assert notices.close(client, notices.Subject("train_model", "ahead"), WAITS_FOR_MLFLOW) is False


@pytest.mark.parametrize(
    ("cause", "commands"), [(WAITS_FOR_MLFLOW, [["flows.works_again", "train_model", "--task=ahead"]]), ("...", [])]
)
def test_a_delivery_closes_only_what_waited_for_it(monkeypatch, tmp_path, cause, commands):
    called = []
    monkeypatch.setattr(PrefectApi, "incidents", lambda _: {"train_model_ahead": {"cause": cause}})
    monkeypatch.setattr(processes, "_followed", lambda _, module, __: called.append(module) or ({}, 0))
    settings = Settings(prefect_api_url="http://127.0.0.1:9/api")
    processes.training_works_again(settings, Connections(tmp_path, str(tmp_path)), REGISTERED_MODELS.values(), print)
    assert called == commands


def test_what_was_closed_by_hand_goes_from_the_page_too(monkeypatch):
    done = []
    monkeypatch.setattr(works_again, "connected", nullcontext)
    monkeypatch.setattr(works_again, "close", lambda _, subject: done.append(subject) or True)
    monkeypatch.setattr(works_again, "write_anew", lambda: done.append("page"))
    assert works_again.main(["train_model", "--task=ahead"]) == 0
    assert done == [notices.Subject("train_model", "ahead"), "page"]


def test_with_prefect_away_it_is_said_how_the_incident_is_closed(tmp_path):
    said_so = []
    settings = Settings(prefect_api_url="http://127.0.0.1:9/api")
    processes.training_works_again(
        settings, Connections(tmp_path, str(tmp_path)), [REGISTERED_MODELS["ahead"]], said_so.append
    )
    assert "stays open: Prefect at http://127.0.0.1:9/api does not answer" in said_so[0]
    assert "`python -m flows.works_again train_model --task ahead`" in said_so[0]
