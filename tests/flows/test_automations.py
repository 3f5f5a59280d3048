"""What the server does by itself: chains, restarts, notices; on SQLite, as on a laptop."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.states import Completed, Crashed, Running, Scheduled

from flows import notices
from flows.automations import wanted
from flows.chain import is_due, last_training, model_promoted, readings_loaded
from flows.deploy import names
from flows.ingest_readings import ingest_readings
from flows.notice_blocks import block_of
from flows.restart_run import restart_run
from flows.server import Server
from flows.telling import LATE_AGAIN_AFTER
from flows.train_model import report, tell_how
from meter_core.cli.processes import training_works_again
from meter_core.contracts.errors import UsageError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded.prefect_api import PrefectApi
from meter_core.jobs.dead_runs import end_dead_runs
from meter_core.jobs.status_flows import flow_findings
from meter_core.settings import Settings
from tests.flows.waiting import eventually

ALWAYS = {
    "meter: readings lead to predictions",
    "meter: readings lead to training",
    "meter: a new champion predicts",
    "meter: start a crashed run again",
}


@pytest.fixture
def resting(api):
    """No worker picks a run up meanwhile; what was scheduled is gone afterwards."""
    api.update_work_pool("process", WorkPoolUpdate(is_paused=True))
    before = {run.id for run in api.read_flow_runs(limit=200)}
    yield api
    for run in api.read_flow_runs(limit=200):
        if run.id not in before:
            api.delete_flow_run(run.id)
    api.update_work_pool("process", WorkPoolUpdate(is_paused=False))


def runs_of(api, name):
    deployment = api.read_deployment_by_name(name)
    return [run for run in api.read_flow_runs(limit=200) if run.deployment_id == deployment.id]


def test_the_same_again_changes_no_automation(stack, api):
    before = api.read_automations()
    again = stack.meter("deploy")
    after = api.read_automations()
    assert again.status == 0, again.said
    assert {each.name for each in after} == set(again.printed["automations"]) > ALWAYS
    assert {(each.id, each.name) for each in after} == {(each.id, each.name) for each in before}


def test_one_that_was_switched_off_stays_off(stack, api):
    one = next(each for each in api.read_automations() if each.name == "meter: tell of a late run")
    api.request("PATCH", "/automations/{id}", path_params={"id": one.id}, json={"enabled": False})
    stack.command("flows.deploy")
    assert api.read_automation(one.id).enabled is False
    api.request("PATCH", "/automations/{id}", path_params={"id": one.id}, json={"enabled": True})


def test_only_where_the_database_stands_it_the_server_looks_for_what_does_not_happen(api):
    ids = {name: api.read_deployment_by_name(name).id for name in names()}
    watching = {each.name for each in wanted(Server(ids, (), watches=True))}
    dead = next(each for each in wanted(Server(ids, (), watches=True)) if each.name == "meter: end a dead run")
    assert f"prefect.deployment.{ids['predict_shard/shard']}" in str(dead.trigger.match_related)
    assert watching - {each.name for each in wanted(Server(ids, (), watches=False))} == {"meter: end a dead run"}
    assert not any(each.trigger.posture == "Proactive" for each in api.read_automations())


def test_secrets_stand_in_no_automation_and_no_readable_block(api):
    blocks = api.request("POST", "/block_documents/filter", json={"limit": 50}).text
    assert "meter-notices-setting-2" in blocks
    assert "not-for-eyes" not in blocks + api.request("POST", "/automations/filter", json={}).text


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("mailtos://user:word@mail.example.org?from=a@example.org&to=b@example.org", "slack-webhook"),
        ("https://hooks.slack.com/services/T0000/B0000/abcdefghijklmnop", "slack-webhook"),
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=x",
            "ms-teams-webhook",
        ),
        ("https://chat.example.org/hook", "custom-webhook"),
    ],
)
def test_each_kind_of_address_has_its_block(api, address, kind):
    assert block_of(address).get_block_type_slug() == kind


def test_what_is_no_address_is_refused_without_repeating_it(api):
    with pytest.raises(UsageError, match="METER_NOTIFY") as caught:
        block_of("https://prod.logic.azure.com/secret-path")
    assert "secret-path" not in str(caught.value)


def test_one_notice_an_incident_and_one_when_it_works_again(api, mail, hook, tmp_path):
    missing = str(tmp_path / "not-there.csv")
    for _ in range(3):
        ingest_readings([missing], return_state=True)
    told = eventually(lambda: mail.of("ingest_readings failed") and hook.of("ingest_readings failed"))
    assert len(told) == 1
    subject, text = mail.of("ingest_readings failed")[0]
    assert subject == "meter: ingest_readings failed"
    assert "not-there.csv" in re.search(r"^Cause: (.*)$", text, re.MULTILINE)[1]
    assert re.search(r"^Remedy: \w+", text, re.MULTILINE)
    assert re.search(r"^Look: http://127.0.0.1:\d+/v2/runs/flow-run/[0-9a-f-]{36}", text, re.MULTILINE)
    failing = [each for each in flow_findings(PrefectApi(str(api.api_url))) if each.what == "flow_fails"]
    assert "3 times" in failing[0].message
    ingest_readings(return_state=True)
    assert eventually(lambda: mail.of("ingest_readings works again"))
    assert eventually(lambda: hook.of("ingest_readings works again"))
    assert len(mail.of("ingest_readings failed")) == 1
    assert not [each for each in flow_findings(PrefectApi(str(api.api_url))) if each.what == "flow_fails"]


def test_what_was_made_good_by_hand_is_told_once(stack, resting, mail):
    """As `meter models sync` says it once MLflow has got what waited for it."""

    @flow(name="train_model")
    def training(task):
        tell_how({"decision": "waiting", "why": "MLflow is away"})

    training("ahead")
    assert eventually(lambda: mail.of("train_model (ahead) waits for MLflow"))
    settings = Settings(prefect_api_url=stack.connections.prefect_api_url)
    for _ in range(2):
        training_works_again(settings, stack.connections, REGISTERED_MODELS.values(), print)
    assert eventually(lambda: mail.of("train_model (ahead) works again"))
    assert (len(mail.of("train_model (ahead)")), mail.of("train_model (reading)")) == (2, [])
    assert stack.command("flows.works_again", "train_model", "--task=ahead").printed["closed"] is False


def test_a_stopped_delivery_is_told_with_file_and_reason_and_leads_to_nothing(resting, mail, tmp_path):
    file = tmp_path / "broken.csv"
    file.write_text("meter_id,reading_ts\nx\n")
    ingest_readings([str(file)], return_state=True)
    _, text = eventually(lambda: mail.of("a delivery was stopped"))[0]
    assert "broken.csv" in text
    assert "inbox_stopped" in text
    assert runs_of(resting, "predict_batch/when-new") == []


def test_readings_lead_to_predictions_and_to_training_when_due(resting):
    @flow
    def loading():
        readings_loaded(5, datetime(2026, 11, 24, tzinfo=UTC))

    loading()
    predictions = eventually(lambda: len(found := runs_of(resting, "predict_batch/when-new")) == 2 and found)
    assert {run.parameters["task"] for run in predictions} == {"reading", "ahead"}
    trainings = eventually(lambda: len(found := runs_of(resting, "train_model/when-due")) == 2 and found)
    assert {run.parameters["task"] for run in trainings} == {"reading", "ahead"}
    # These two are scheduled: the next delivery makes none due, but one seven days later does.
    assert not is_due(last_training(resting, "ahead"), datetime(2026, 11, 30, tzinfo=UTC))
    assert is_due(last_training(resting, "ahead"), datetime(2026, 12, 1, tzinfo=UTC))


def test_a_model_that_waits_for_approval_gets_a_run_that_waits_for_a_person(resting, mail):
    """The result is made by hand: a training that passes takes a minute."""
    scores = {"rmse": 0.4, "mae": 0.3}
    about = {"model": "meter_forecast_v1", "version": "7", "run_id": "r", "why": "skill 3 %", "refused": False}
    result = {**about, "decision": "awaits_approval", "candidates": {"a": scores}, "baselines": {}, "findings": []}

    @flow
    def training():
        return report(result, "ahead")

    assert training(return_state=True).is_completed()
    assert "meter promote V" in eventually(lambda: mail.of("a model waits for approval"))[0][1]
    waits = eventually(lambda: runs_of(resting, "approve_model/when-asked"))[0]
    assert waits.parameters == {"task": "ahead", "version": "7", "why": "skill 3 %"}


def test_an_ingestion_without_news_or_within_another_run_leads_to_nothing(resting):
    @flow
    def nothing_new():
        readings_loaded(0, None)

    @flow
    def step():
        readings_loaded(5, None)
        model_promoted("reading", "1")

    @flow
    def whole():
        step()
        notices.news("was last", "to be waited for", "nothing")

    nothing_new()
    whole()
    sent = resting.request("POST", "/events/filter", json={"filter": {"event": {"prefix": ["meter."]}}, "limit": 50})
    assert eventually(lambda: "was last" in sent.text or "was last" in _events(resting))
    assert runs_of(resting, "predict_batch/when-new") == []


def _events(api):
    return api.request("POST", "/events/filter", json={"filter": {"event": {"prefix": ["meter."]}}, "limit": 50}).text


def test_a_crashed_run_is_started_again_once_and_people_hear_of_both(resting, mail):
    deployment = resting.read_deployment_by_name("ingest_readings/daily")
    run = resting.create_flow_run_from_deployment(deployment.id)

    def crash():
        resting.set_flow_run_state(run.id, Running(), force=True)
        resting.set_flow_run_state(run.id, Crashed(message="killed"), force=True)

    def state():
        return resting.read_flow_run(run.id).state.name

    crash()
    again = eventually(lambda: runs_of(resting, "restart_run/when-crashed"))[0]
    assert again.parameters == {"flow_run_id": str(run.id)}
    assert again.next_scheduled_start_time > datetime.now(UTC) + timedelta(seconds=20)
    assert "scheduled again" in restart_run(run.id, return_state=True).message
    assert state() == "AwaitingRetry"
    assert "nothing to do" in restart_run(run.id, return_state=True).message
    assert "Cause: killed" in eventually(lambda: mail.of("ingest_readings crashed"))[0][1]
    crash()
    assert "Cause: killed" in eventually(lambda: mail.of("given up"))[0][1]
    assert state() == "Crashed"
    assert len(runs_of(resting, "restart_run/when-crashed")) == 1
    assert len([each for each in mail.of("ingest_readings crashed") if "given up" not in each[0]]) == 1


def test_a_second_try_that_completes_is_told(resting, mail):
    deployment = resting.read_deployment_by_name("train_model/weekly")
    run = resting.create_flow_run_from_deployment(deployment.id)
    for state in (Running(), Crashed(), Running(), Completed(name="Refused")):
        resting.set_flow_run_state(run.id, state, force=True)
    assert eventually(lambda: mail.of("train_model works again"))


def test_late_runs_are_told_once_and_so_is_their_end(resting, mail):
    deployment = resting.read_deployment_by_name("predict_batch/six-hourly")
    then = datetime.now(UTC) - timedelta(minutes=10)
    runs = [resting.create_flow_run_from_deployment(deployment.id) for _ in range(3)]
    for run in runs:
        resting.set_flow_run_state(run.id, Scheduled(name="Late", scheduled_time=then), force=True)
    assert "no worker picked it up" in eventually(lambda: mail.of("predict_batch is late"))[0][1]
    late = [each for each in flow_findings(PrefectApi(str(resting.api_url))) if each.what == "late"]
    assert [each.message.partition(":")[0] for each in late] == ["predict_batch/six-hourly"]
    resting.set_flow_run_state(runs[0].id, Running(), force=True)
    assert eventually(lambda: mail.of("runs begin again"))
    assert (len(mail.of("is late")), timedelta(hours=1) < LATE_AGAIN_AFTER) == (1, True)


def test_a_run_whose_process_is_gone_is_ended(resting):
    deployment = resting.read_deployment_by_name("train_model/weekly-ahead")
    dead, alive = (resting.create_flow_run_from_deployment(deployment.id) for _ in range(2))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        for run, pid in ((dead, gone.pid), (alive, living.pid)):
            resting.update_flow_run(run.id, infrastructure_pid=str(pid))
            resting.set_flow_run_state(run.id, Running(), force=True)
        with PrefectApi(str(resting.api_url)) as api:
            assert end_dead_runs(api) == [dead.name]
        living.communicate(b"\n")
    assert resting.read_flow_run(alive.id).state.name == "Running"


def test_status_names_what_the_server_does_and_what_runs_when(api):
    found = list(flow_findings(PrefectApi(str(api.api_url))))
    automations = next(each for each in found if each.where == "automations")
    assert "readings lead to training" in automations.message
    weekly = next(each for each in found if each.message.startswith("train_model/weekly:"))
    assert "next 20" in weekly.message or weekly.what == "paused"
