"""Pods killed under a steady client: predictions go on, flows recover by themselves, nothing is lost."""

import json

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


def test_postgres_mlflow_and_prefect_killed_while_a_model_is_trained(desk, namespace, figure):
    stored = desk.sql("SELECT count(*) FROM meter_reading")
    training = desk.start_flow("train_model/weekly")
    with desk.load(tries=1) as load:
        for component in ("prefect", "mlflow", "postgres"):
            killed(namespace, component, figure)
        out, said = training.communicate(timeout=300)
    assert load.seen["failed"] == 0, load.seen
    assert load.seen["sent"] > 100
    figure(f"predictions meanwhile: {load.seen['sent']}, none failed, the slowest {load.seen['worst_s'] * 1000:.0f} ms")
    assert desk.sql("SELECT count(*) FROM meter_reading") == stored
    trained = json.loads(out)
    assert trained["state"] in ("Completed", "Refused"), said
    assert trained["results"]["train"]["version"] is not None


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
