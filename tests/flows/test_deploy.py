"""What `python -m flows.deploy` puts on a server."""

import subprocess

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deploy import APP, Pool, job_template, main, make_pool, names
from meter_core.contracts.errors import UsageError

TEMPLATE = APP / "k8s" / "base-job-template.json"
CRONS = {
    "ingest_readings/daily": "0 2 * * *",
    "upkeep/each-morning": "30 5 * * *",
    "train_model/weekly": "0 3 * * 1",
    "train_model/weekly-ahead": "0 4 * * 1",
    "predict_batch/six-hourly": "0 */6 * * *",
    "predict_batch/six-hourly-ahead": "30 */6 * * *",
    "fetch_weather/six-hourly": "15 */6 * * *",
}
STARTED = (
    "predict_batch/backfill",
    "predict_shard/shard",
    "approve_model/when-asked",
    "lapse_approval/when-failed",
    "tune_model/on-demand",
    "restart_run/when-crashed",
)
CHAINED = ("train_model/when-due", "predict_batch/when-new")
ON_DEMAND = "ingest_train_predict/on-demand"


def test_every_flow_of_the_design_is_deployed(stack):
    assert set(names()) == {*CRONS, *CHAINED, *STARTED, ON_DEMAND}


@pytest.mark.parametrize("name", CRONS)
def test_schedules_stand_in_a_named_zone_and_runs_do_not_pile_up(api, name):
    deployment = api.read_deployment_by_name(name)
    assert [(each.schedule.cron, each.schedule.timezone, each.active) for each in deployment.schedules] == [
        (CRONS[name], "Europe/Paris", True)
    ]
    assert deployment.work_pool_name == "process"
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.collision_strategy == "CANCEL_NEW"


def test_the_whole_chain_runs_on_demand_and_is_never_cancelled_for_a_run_that_was_killed(api):
    deployment = api.read_deployment_by_name(ON_DEMAND)
    assert (deployment.schedules, deployment.global_concurrency_limit) == ([], None)


@pytest.mark.parametrize("name", CHAINED)
def test_what_follows_from_something_waits_for_its_turn_and_is_not_dropped(api, name):
    deployment = api.read_deployment_by_name(name)
    assert (deployment.schedules, deployment.global_concurrency_limit.limit) == ([], 1)
    assert deployment.concurrency_options.collision_strategy == "ENQUEUE"


@pytest.mark.parametrize(
    ("name", "task"), [("train_model/weekly-ahead", "ahead"), ("predict_batch/six-hourly-ahead", "ahead")]
)
def test_forecasts_have_schedules_of_their_own(api, name, task):
    assert api.read_deployment_by_name(name).parameters == {"task": task}


def test_each_deployment_names_the_version_of_its_code_and_the_heartbeat_of_its_runs(api):
    described = subprocess.run(["git", "describe", "--tags", "--always"], cwd=APP, capture_output=True, text=True)
    for name in names():
        deployment = api.read_deployment_by_name(name)
        assert deployment.version.removesuffix("-dirty") == described.stdout.strip()
        assert deployment.job_variables["env"] == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}


@pytest.mark.parametrize("name", [*CRONS, *CHAINED, *STARTED, ON_DEMAND])
def test_forms_say_what_each_parameter_is(api, name):
    deployment = api.read_deployment_by_name(name)
    parameters = deployment.parameter_openapi_schema["properties"]
    assert parameters
    assert [key for key, each in parameters.items() if len(each.get("description", "")) < 15] == []
    assert len(deployment.description) > 50


def test_code_runs_where_it_lies(api):
    step = api.read_deployment_by_name("train_model/weekly").pull_steps[0]
    folder = step["prefect.deployments.steps.set_working_directory"]["directory"]
    assert (folder != "", "{{" in folder) == (True, False)


def test_the_same_again_leaves_alone_what_somebody_set(stack, api):
    before = api.read_deployment_by_name("train_model/weekly")
    api.request(
        "PATCH",
        "/deployments/{id}/schedules/{schedule_id}",
        path_params={"id": before.id, "schedule_id": before.schedules[0].id},
        json={"active": False},
    )
    again = stack.command("flows.deploy")
    after = api.read_deployment_by_name("train_model/weekly")
    assert (again.status, after.id, after.schedules[0].active) == (0, before.id, False)


def test_without_a_server_the_command_says_what_to_do(capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main([]) == 3
    told = capsys.readouterr().err
    assert "http://127.0.0.1:9/api does not answer" in told
    assert "meter up" in told


def test_a_pool_of_kubernetes_jobs_gets_the_template_and_its_next_version(api):
    template = job_template(str(TEMPLATE))
    pool = Pool("k8s-tried", "kubernetes", template)
    make_pool(api, pool)
    template["variables"]["properties"]["image"]["default"] = "meter-jobs:next"
    make_pool(api, pool)
    made = api.read_work_pool("k8s-tried")
    assert (made.type, made.base_job_template) == ("kubernetes", template)


def test_a_pool_of_another_type_is_not_taken_over(api):
    with pytest.raises(UsageError, match="'process' is of type process, not kubernetes"):
        make_pool(api, Pool("process", "kubernetes", job_template(str(TEMPLATE))))


@pytest.mark.parametrize(("content", "words"), [("{}", "it needs job_configuration"), ("no", "cannot be read as JSON")])
def test_a_file_that_is_no_job_template_is_refused(tmp_path, capsys, content, words):
    file = tmp_path / "template.json"
    file.write_text(content)
    with pytest.raises(SystemExit, match="2"):
        main(["--job-template", str(file)])
    assert words in capsys.readouterr().err
