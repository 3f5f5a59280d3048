"""The flows with their real jobs, run by a worker as a person would run them; later runs build on earlier ones."""

import gzip
import json
import os
import shutil
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from mlflow import MlflowClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Running, Suspended

from flows.follow import LAST_LINES_WITHIN_SECONDS, Follower
from flows.run import main
from meter_core.contracts.models import CHAMPION, DIGEST_TAG
from meter_core.jobs.registration import AGAINST_TAG, VERDICT_TAG, WAITING
from meter_core.registry.models import Models
from meter_core.store import COUNTS, Store
from tests.flows.waiting import eventually

MODEL = "meter_consumption_v1"


@pytest.fixture(scope="module")
def refused(stack, noise):
    """The chain on pure noise, on a registry without any champion."""
    return stack.run("ingest_train_predict/on-demand", files=[str(noise)], source="canonical", zone="UTC")


@pytest.fixture(scope="module")
def chained(stack, half_a_year, refused):
    """The chain on measured data."""
    window = {"since": "2009-01-01T00:00:00Z", "until": "2010-01-01T00:00:00Z"}
    return stack.run("ingest_train_predict/on-demand", files=[str(half_a_year)], source="uci_sceaux", **window)


@pytest.fixture(scope="module")
def emptied(stack, half_a_year, chained):
    """The nightly flow on an inbox with a known file, a broken one, and one in a folder that no profile has."""
    for folder in ("uci_sceaux", "canonical", "nobody"):
        (stack.files / "inbox" / folder).mkdir(parents=True)
    shutil.copy(half_a_year, stack.files / "inbox" / "uci_sceaux" / "again.csv")
    (stack.files / "inbox" / "canonical" / "cut.csv.gz").write_bytes(gzip.compress(b"meter_id,reading_ts\n" * 999)[:40])
    (stack.files / "inbox" / "nobody" / "a.csv").write_text("a\n")
    return stack.run("ingest_readings/daily")


def test_a_refused_model_is_a_completed_run_named_so(refused, artifacts, api):
    assert (refused.status, refused.printed["state"]) == (1, "Refused")
    train = refused.printed["results"]["train"]
    assert (train["refused"], train["promoted"]) == (True, False)
    assert train["why"].rstrip(".") + "; " in refused.printed["message"]
    state = api.read_flow_run(refused.printed["flow_run_id"]).state
    assert (state.type.value, state.name) == ("COMPLETED", "Refused")


def test_without_a_champion_nothing_is_predicted_after_a_refusal(refused):
    assert refused.printed["results"]["predict"] is None
    assert "no champion yet" in refused.printed["message"]


def test_weather_is_asked_for_where_there_are_places(stack, chained):
    ended = stack.run("fetch_weather/six-hourly")
    assert (ended.status, ended.printed["state"]) == (0, "Completed"), ended.said
    assert "No place with coordinates is known" in ended.printed["message"]


def test_the_chain_returns_what_each_job_returned(chained, half_a_year):
    assert (chained.status, chained.printed["state"]) == (0, "Completed"), chained.said
    results = chained.printed["results"]
    assert list(results) == ["ingest", "train", "predict"]
    lines = len(half_a_year.read_text().splitlines()) - 1
    assert (results["ingest"]["lines"], results["ingest"]["loaded"]) == (lines, lines)
    assert results["train"]["promoted"] is True
    assert results["predict"]["model_version"] == results["train"]["version"]
    assert results["predict"]["rows"] > lines  # the noise's hours have no prediction yet either


def test_progress_is_told_while_it_runs(chained):
    for words in ("uci_2009.csv: reading", "telling MLflow", "fetching the champion", "train reading: Completed"):
        assert words in chained.said
    assert chained.said.index("train reading: telling MLflow") < chained.said.index("train reading: Completed")


def test_the_end_of_a_run_is_held_until_its_last_lines_are_there():
    """Once they are, or when a process that was killed has had time enough."""
    follower = Follower(client=None, flow_run_id=uuid4(), say=print)
    running, ended, killed = (FlowRun(flow_id=uuid4(), state=state) for state in (Running(), Completed(), Crashed()))
    assert [follower.is_held(run) for run in (running, ended, killed)] == [False, True, True]
    follower._complete.add(ended.id)
    follower._ended[killed.id] -= LAST_LINES_WITHIN_SECONDS
    assert [follower.is_held(run) for run in (running, ended, killed)] == [False, False, False]


def test_the_runs_page_tells_a_person_what_came_of_each_step(chained, artifacts):
    report = artifacts("chain-report")
    assert report.count("/v2/runs/flow-run/") == 3
    assert chained.printed["results"]["train"]["why"] in report


def test_scores_stand_beside_the_baselines_on_the_page(chained, artifacts):
    result, report = chained.printed["results"]["train"], artifacts("train-report")
    for name in (*result["candidates"], *result["baselines"]):
        assert f"| {name} |" in report
    assert f"/#/models/meter_consumption_v1/versions/{result['version']}?workflowType=machine_learning" in report
    assert "frequency_hz" in report  # never measured: named, as is the missing temperature


def test_the_predictions_page_says_where_they_are(chained, artifacts, stack):
    out = chained.printed["results"]["predict"]["out"]
    assert f"`{out}`" in artifacts("predict-report")
    assert out == str(stack.files / "predictions" / "meter_units_predictions.csv")


def test_a_delivery_that_is_stopped_fails_the_run_and_says_why(emptied):
    assert (emptied.status, emptied.printed["state"]) == (1, "Failed")
    assert "cut.csv.gz" in emptied.printed["message"]
    assert "nobody" in emptied.printed["message"]
    assert "cut.csv.gz" in emptied.said
    assert "Traceback" not in emptied.said


def test_the_others_in_the_inbox_are_loaded_and_all_is_accounted_for(emptied, half_a_year, artifacts):
    result = emptied.printed["results"]["ingest"]
    lines = len(half_a_year.read_text().splitlines()) - 1
    assert {each["file"] for each in result["files"]} == {"again.csv", "cut.csv.gz", "a.csv"}
    assert (result["rows"], result["duplicates"]) == (lines, lines)
    assert result["rows"] == sum(result[name] for name in COUNTS[2:])
    report = artifacts("ingest-report")
    assert "| again.csv |" in report
    assert "## Stopped" in report


def test_the_inbox_is_empty_and_what_was_stopped_stands_aside_with_the_reason(emptied, stack):
    assert [path for path in (stack.files / "inbox").rglob("*") if path.is_file()] == []
    aside = stack.files / "inbox_stopped"
    assert {str(path.relative_to(aside)) for path in aside.rglob("*") if path.is_file()} == {
        "canonical/cut.csv.gz",
        "canonical/cut.csv.gz.reason.txt",
        "nobody/a.csv",
        "nobody/a.csv.reason.txt",
    }
    assert "nobody" in (aside / "nobody" / "a.csv.reason.txt").read_text()


def test_a_shard_that_is_killed_is_run_again_alone_and_the_whole_is_the_same(stack, api, emptied):
    window = {"since": "2009-07-01T00:00:00Z", "until": "2010-01-01T00:00:00Z"}
    alone = stack.run("predict_batch/when-new", **window)
    csv = stack.files / "predictions" / "meter_units_predictions_20090701T0000_20100101T0000.csv"
    whole = csv.read_bytes()
    with ThreadPoolExecutor() as pool:
        shared = pool.submit(stack.run, "predict_batch/when-new", **window, parallel=2)
        killed = eventually(lambda: next(iter(running_shards(api)), None))
        os.kill(int(killed.infrastructure_pid), signal.SIGKILL)
        ended = shared.result()
    assert (ended.status, ended.printed["state"]) == (0, "Completed"), ended.said
    assert csv.read_bytes() == whole
    assert ended.printed["results"]["predict"]["rows"] == alone.printed["results"]["predict"]["rows"]
    tries = Counter(run.name for run in api.read_flow_runs(limit=200) if run.name.startswith("predict reading "))
    assert tries == {killed.name: 2, f"predict reading {'21'[int(killed.name.split()[2]) - 1]} of 2": 1}


def test_a_backfill_goes_on_where_it_was_stopped(stack, emptied):
    options = ("flows.backfill", "--from=2009-09-01", "--until=2009-09-15", "--days=7", "--parallel=2")
    first = stack.command(*options)
    again = stack.command(*options)
    assert (first.status, first.printed["done"], first.printed["known"]) == (0, 2, 0), first.said
    assert first.printed["rows"] == 14 * 24
    assert (again.status, again.printed["done"], again.printed["known"], again.printed["rows"]) == (0, 2, 2, 14 * 24)
    other = stack.command("flows.backfill", "--from=2009-09-01", "--until=2009-09-02", "--key=another champion")
    assert (other.printed["done"], other.printed["known"]) == (1, 0)


@pytest.fixture(scope="module")
def registry(stack, chained, emptied):
    """Makes the champion's files a newer version that waits for a person; returns its number."""
    models = Models(stack.connections.mlflow_tracking_uri, MODEL)
    client = MlflowClient(stack.connections.mlflow_tracking_uri)

    def waiting():
        champion = next(each for each in models.versions() if CHAMPION in each.aliases)
        of = client.get_model_version(MODEL, champion.version)
        tags = {DIGEST_TAG: of.tags[DIGEST_TAG]}
        made = client.create_model_version(MODEL, of.source, of.run_id, tags, model_id=of.source.rpartition("/")[2])
        models.tag(made.version, {VERDICT_TAG: WAITING, AGAINST_TAG: champion.version})
        return str(made.version)

    return waiting


def test_a_person_decides_in_prefect_and_is_on_record(stack, api, registry, chained, mail):
    """One who says yes to a version that waits, and one who comes too late for another."""
    refused, waits = str(int(chained.printed["results"]["train"]["version"]) - 1), registry()
    asked = [begun_to_ask(api, version) for version in (refused, waits)]
    late, approved = [answered(api, run) for run in asked]
    assert (late.state.name, "does not wait for approval" in late.state.message) == ("Failed", True)
    assert (approved.state.name, approved.state.message.endswith("promoted by anna: seen the card")) == (
        "Completed",
        True,
    )
    newest = Store(stack.connections.database_url).promotions(MODEL)[0]
    decided = [newest[name] for name in ("model_version", "action", "who", "why")]
    assert decided == [waits, "promoted", "anna", "seen the card"]
    assert eventually(lambda: [text for _, text in mail.of("a model was promoted") if "anna: seen the card" in text])
    assert stack.meter("models").printed["champion"] == waits


def test_who_does_not_answer_in_time_has_not_promoted_which_is_on_record_and_told(stack, api, registry, mail):
    """The server itself ends the run: nothing of ours was running when the time was over."""
    version = registry()
    deployment = api.read_deployment_by_name("approve_model/when-asked")
    run = api.create_flow_run_from_deployment(
        deployment.id, parameters={"version": version}, state=Suspended(timeout_seconds=1)
    )
    assert eventually(lambda: api.read_flow_run(run.id).state.name == "Failed")
    text = eventually(lambda: mail.of("a model was not decided about"))[0][1]
    assert f"version {version} of {MODEL}: nobody decided within 7 days" in text
    newest = Store(stack.connections.database_url).promotions(MODEL)[0]
    decided = [newest[name] for name in ("model_version", "action", "who", "why")]
    assert decided == [version, "refused", "nobody", "nobody decided within 7 days"]
    assert stack.meter("models").printed["awaits_approval"] is None


def begun_to_ask(api, version):
    """Start the run that asks about a version."""
    deployment = api.read_deployment_by_name("approve_model/when-asked")
    return api.create_flow_run_from_deployment(deployment.id, parameters={"version": version, "why": "better"})


def answered(api, run):
    """Say yes once it waits; return it ended."""
    assert eventually(lambda: api.read_flow_run(run.id).state.name == "Suspended")
    assert api.read_flow_run(run.id).state.state_details.pause_timeout > datetime.now(UTC) + timedelta(days=6)
    api.resume_flow_run(run.id, run_input={"approve": True, "by": "anna", "because": "seen the card"})
    return eventually(lambda: (found := api.read_flow_run(run.id)).state.is_final() and found)


def test_a_training_compares_the_candidates_that_its_form_names(stack, chained, api):
    given = {"since": "2009-06-01T00:00:00Z", "until": "2010-01-01T00:00:00Z", "candidates": ["ridge"]}
    ended = stack.run("train_model/when-due", **given)
    compared = ended.printed["results"]["train"]["candidates"]
    assert [name for name in compared if "as in champion" not in name] == ["ridge"]
    assert api.read_flow_run(ended.printed["flow_run_id"]).parameters["candidates"] == ["ridge"]
    unknown = stack.run("train_model/when-due", candidates=["no-such"])
    assert (unknown.status, unknown.printed["state"]) == (2, "Failed")
    assert "candidate 'no-such' is unknown; known are boosting" in unknown.printed["message"]


def running_shards(api):
    found = [run for run in api.read_flow_runs(limit=200) if "number" in run.parameters and run.infrastructure_pid]
    return [run for run in found if run.state.name == "Running"]


@pytest.mark.parametrize(
    ("name", "parameter", "words"),
    [
        ("ingest_readings/nightly", "zone=UTC", "there is no deployment 'ingest_readings/nightly'"),
        ("ingest_readings/daily", "file=a.csv", "has no parameter file: it has files, source, zone, clock"),
        ("train_model/weekly", "task=tomorrow", "does not take these parameters"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(api, capsys, name, parameter, words):
    assert main([name, "--param", parameter]) == 2
    assert words in json.loads(capsys.readouterr().out)["message"]


def test_without_a_server_the_command_says_what_to_do(capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main(["train_model/weekly"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert "http://127.0.0.1:9/api does not answer" in told["message"]
    assert told["results"] == {}


def test_without_an_address_no_server_is_started_behind_ones_back(capsys):
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert main(["train_model/weekly"]) == 3
    assert "PREFECT_API_URL is not set" in capsys.readouterr().err
