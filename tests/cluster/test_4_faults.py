"""Pods killed under a steady client: predictions go on, flows recover by themselves, nothing is lost."""

import re

import pytest

from tests.cluster.conftest import RELEASE
from tests.cluster.kube import wait_for

NORMAL_TRIES = 4
"""Of HTTP clients that retry: after a broken connection, and after 502, 503 and 504."""


def killed(namespace, component: str, figure) -> None:
    gone = namespace.kill(RELEASE, component)

    def back() -> bool:
        pods = namespace.pods(RELEASE, component)
        return gone not in namespace.ready(RELEASE, component) or pods[0]["status"]["phase"] != "Running"

    wait_for(f"{component} is away", back, 60, every=0.2)
    took = wait_for(f"{component} is back", lambda: namespace.ready(RELEASE, component), 180)
    figure(f"{component} killed: ready again after {took:.0f} s")


@pytest.fixture
def training(desk):
    """A training run under way; its id. It is started and left alone: who waits for it loses the server too."""
    started = desk.run("prefect", "deployment", "run", "train_model/weekly").out
    flow_run_id = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", started).group()
    wait_for("the training runs", lambda: desk.flow_run(flow_run_id).get("state_type") == "RUNNING", 240)
    return flow_run_id


def test_postgres_mlflow_and_prefect_killed_while_a_model_is_trained(desk, namespace, training, figure):
    stored = desk.sql("SELECT count(*) FROM meter_reading")
    versions = len(desk.meter("models")["versions"])
    with desk.load() as load:
        for component in ("prefect", "mlflow", "postgres"):
            killed(namespace, component, figure)
        took = wait_for("the training is completed", lambda: completed(desk, training), 420, every=3)
    assert load.seen["failed"] == 0, load.seen
    assert load.seen["sent"] > 100
    figure(f"predictions meanwhile: {load.seen['sent']}, none failed, the slowest {load.seen['worst_s'] * 1000:.0f} ms")
    figure(f"the training under way ended {took:.0f} s after the last one was back")
    assert desk.sql("SELECT count(*) FROM meter_reading") == stored
    desk.meter(
        "models", "sync"
    )  # a run that MLflow was away for too long is kept, and delivered now or by the next one
    assert len(desk.meter("models")["versions"]) > versions


def completed(desk, flow_run_id):
    """Whether a run came to its end: one that crashed is started again, once, by the server."""
    state = desk.flow_run(flow_run_id).get("state_type")
    assert state not in ("FAILED", "CANCELLED"), state
    return state == "COMPLETED"


def test_a_serving_pod_killed_fails_no_request_of_a_client_that_retries(desk, namespace, figure):
    with desk.load(tries=NORMAL_TRIES) as load:
        gone = namespace.kill(RELEASE, "serving")
        took = wait_for(
            "two pods serve again",
            lambda: len(set(namespace.ready(RELEASE, "serving")) - {gone}) >= 2,
            120,
        )
    seen = load.seen
    figure(f"serving pod killed: two ready after {took:.0f} s; {seen['sent']} requests, {seen['retried']} retried")
    assert load.seen["failed"] == 0, load.seen
