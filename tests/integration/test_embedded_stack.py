"""MLflow, Prefect, its worker and the page as real processes, started once for this module."""

import sqlite3
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import Need, running, services


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("stack") / "with space"


@pytest.fixture(scope="module")
def stack(home, embedded_settings):
    settings = embedded_settings(home)
    told: list[str] = []
    with services(settings, {Need.WORKER, Need.PAGE}, progress=told.append) as connections:
        yield settings, connections, told


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False)


def test_everything_that_the_worker_needs_comes_along(stack, home):
    settings, connections, told = stack
    states = {state.name: state for state in running(settings)}
    assert set(states) == {"postgres", "mlflow", "prefect", "worker", "page"}
    assert all(state.healthy for state in states.values())
    assert all(state.log.is_file() and state.log.parent == home / "logs" for state in states.values())
    assert sum("ready after" in text for text in told) == 5
    assert get(f"{connections.page_url}/livez").status_code == 200
    with grpc.insecure_channel(connections.grpc_address) as channel:
        assert HealthStub(channel).Check(HealthCheckRequest(), timeout=10).status == HealthCheckResponse.SERVING


def test_mlflow_keeps_artifacts_in_the_home_through_its_server(stack, home):
    _, connections, _ = stack
    created = httpx.post(
        f"{connections.mlflow_tracking_uri}/api/2.0/mlflow/experiments/create", json={"name": "one"}, trust_env=False
    )
    assert created.status_code == 200, created.text
    number = created.json()["experiment_id"]
    found = get(f"{connections.mlflow_tracking_uri}/api/2.0/mlflow/experiments/get?experiment_id={number}").json()
    assert found["experiment"]["artifact_location"] == f"mlflow-artifacts:/{number}", "no path of this machine in it"
    url = f"{connections.mlflow_tracking_uri}/api/2.0/mlflow-artifacts/artifacts/{number}/note.txt"
    assert httpx.put(url, content=b"kept", trust_env=False).status_code == 200
    assert (home / "mlflow" / "artifacts" / number / "note.txt").read_bytes() == b"kept"
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as database:
        assert database.execute("SELECT name FROM experiments WHERE name = 'one'").fetchone() == ("one",)


def test_prefect_has_its_page_and_a_worker_for_the_pool(stack, home):
    _, connections, _ = stack
    browser = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    page = httpx.get(connections.prefect_ui_url, headers=browser, follow_redirects=True, timeout=10, trust_env=False)
    assert page.status_code == 200
    assert '<script type="module"' in page.text
    assert any((home / "prefect" / "ui").rglob("*.js"))
    settings = get(f"{connections.prefect_ui_url}/ui-settings").json()
    assert settings["api_url"] == connections.prefect_api_url
    pool = get(f"{connections.prefect_api_url}/work_pools/process").json()
    assert (pool["type"], pool["status"]) == ("process", "READY")


def test_the_worker_passes_on_where_everything_is(stack, home):
    settings, connections, _ = stack
    (worker,) = [state for state in running(settings) if state.name == "worker"]
    process = psutil.Process(worker.pid)
    environment = process.environ()
    assert environment["METER_DATABASE_URL"] == connections.database_url.get_secret_value()
    assert environment["MLFLOW_TRACKING_URI"] == connections.mlflow_tracking_uri
    assert environment["PREFECT_API_URL"] == connections.prefect_api_url
    assert environment["METER_HOME"] == str(home)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert (Path(process.cwd()) / "flows").is_dir()


def test_the_page_alone_is_shared_with_one_that_has_everything(stack):
    settings, connections, _ = stack
    with services(settings, {Need.PAGE}) as few:
        assert few.page_url == connections.page_url
        assert few.prefect_api_url is None
        (page,) = [state for state in running(settings) if state.name == "page"]
    environment = psutil.Process(page.pid).environ()
    assert environment["MLFLOW_TRACKING_URI"] == connections.mlflow_tracking_uri
    assert environment["METER_DATABASE_URL"] == connections.database_url.get_secret_value()
    assert "PREFECT_API_URL" not in environment, "the page has no business with Prefect"


def test_they_listen_on_this_machine_alone(stack):
    settings, _, _ = stack
    family = [psutil.Process(s.pid) for s in running(settings)]
    family += [child for process in family for child in process.children(recursive=True)]
    listening = [c for p in family for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    remote = [c for p in family for c in p.net_connections("inet") if c.raddr and not c.raddr.ip.startswith("127.")]
    assert remote == [], "nobody is called at home"


def test_mlflow_is_killed_and_its_child_holds_the_port(stack):
    settings, connections, _ = stack
    (before,) = [state for state in running(settings) if state.name == "mlflow"]
    process = psutil.Process(before.pid)
    children = process.children(recursive=True)
    assert children, "this test is about what is left when the first process is killed"
    process.kill()
    with services(settings, {Need.MLFLOW}) as again:
        (after,) = [state for state in running(settings) if state.name == "mlflow"]
        assert after.pid != before.pid
        assert again.mlflow_tracking_uri == connections.mlflow_tracking_uri, "pages and workers find it where it was"
        assert get(f"{again.mlflow_tracking_uri}/health").status_code == 200
        assert not any(child.is_running() for child in children)


def test_a_server_with_other_settings_is_not_taken_from_its_users(stack, embedded_settings, home):
    settings, _, _ = stack
    other = embedded_settings(home, mlflow_tracking_uri="http://mlflow.example")
    with (
        pytest.raises(UnavailableError, match=r"was started with other settings, and another meter process uses it"),
        services(other, {Need.PAGE}),
    ):
        pass
    assert {state.name for state in running(settings)} >= {"mlflow", "page"}
