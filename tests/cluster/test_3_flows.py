"""The main job: a delivery becomes readings, a champion, predictions, pages and answers, by Jobs of the deployments."""

import httpx
import pytest

from tests.cluster.conftest import RELEASE
from tests.cluster.kube import wait_for
from tests.service.grpc_client import client, message

READING = {"local_hour": 18, "local_day_of_week": 2, "voltage_v": 231, "temperature_c": None, "power_factor": 0.97}
READING |= {"load_kw": 1.2, "frequency_hz": None}


@pytest.fixture(scope="module")
def ingested(desk, half_years):
    desk.deliver("uci_sceaux", "second.csv", half_years["second"])
    return desk.flow("ingest_readings/daily")


@pytest.fixture(scope="module")
def trained(desk, ingested):
    return desk.flow("train_model/weekly")


@pytest.fixture(scope="module")
def predicted(desk, trained):
    return desk.flow("predict_batch/six-hourly")


def test_a_delivery_in_the_inbox_becomes_readings(desk, ingested, half_years):
    delivered = half_years["second"].count("\n") - 1
    result = ingested["results"]["ingest"]
    assert (ingested["state"], result["rows"], result["loaded"]) == ("Completed", delivered, delivered)
    assert desk.sql("SELECT count(*) FROM meter_reading") == str(delivered)


def test_the_runs_were_jobs_that_the_worker_made(namespace, ingested):
    jobs = namespace.get("jobs", "--selector=app.kubernetes.io/component=job")["items"]
    assert ingested["flow_run_id"] in {job["metadata"]["labels"]["prefect.io/flow-run-id"] for job in jobs}
    assert all(job["spec"]["ttlSecondsAfterFinished"] for job in jobs)


def test_jobs_hold_secrets_by_reference_only(namespace, ingested):
    job = namespace.get("jobs", "--selector=app.kubernetes.io/component=job")["items"][0]
    given = {each["name"]: each for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert given["PREFECT_API_AUTH_STRING"]["valueFrom"]["secretKeyRef"]["name"] == f"{RELEASE}-jobs"


def test_training_makes_a_champion(desk, trained):
    assert trained["results"]["train"]["promoted"] is True
    assert desk.meter("models")["champion"] == trained["results"]["train"]["version"]


def test_predictions_stand_in_postgres(desk, predicted, half_years):
    """The promotion has led to an inference of its own by now: whichever run was first, each row is predicted once."""
    assert predicted["state"] == "Completed"
    rows = half_years["second"].count("\n") - 1
    wait_for("each row is predicted", lambda: desk.sql("SELECT count(*) FROM prediction") == str(rows), 120)


def test_the_page_of_that_delivery_opens(namespace, ingested):
    with namespace.forwarded(f"{RELEASE}-data-docs", 8080) as docs:
        listed = httpx.get(f"http://{docs}/data_docs/index.html")
        other = httpx.get(f"http://{docs}/data_docs/../deliveries/")
    assert (listed.status_code, "second.csv" in listed.text) == (200, True)
    assert other.status_code == 404


def test_the_champion_reaches_every_replica_and_answers_over_http(desk, namespace, trained, figure):
    version = trained["results"]["train"]["version"]
    wait_for("every replica answers with the champion", lambda: desk.served_versions() == {version}, 60)
    with namespace.forwarded(f"{RELEASE}-serving", 5501) as serving:
        answer = httpx.post(f"http://{serving}/v1/predict", json=READING)
    assert (answer.status_code, answer.json()["model_version"]) == (200, version)
    assert 0 < answer.json()["units_kwh"] < 5


def test_it_answers_the_same_over_grpc(namespace, predicted):
    with namespace.forwarded(f"{RELEASE}-serving", 5501) as http:
        wanted = httpx.post(f"http://{http}/v1/predict", json=READING).json()
    with namespace.forwarded(f"{RELEASE}-serving-grpc", 5502) as address:
        channel, stub = client(address)
        with channel:
            answer = stub.Predict(message(READING), timeout=20)
    assert (answer.units_kwh, answer.model_version) == (wanted["units_kwh"], wanted["model_version"])


def test_a_job_that_was_killed_half_way_is_made_good_exactly(desk, namespace, predicted, half_years, figure):
    desk.deliver("uci_sceaux", "first.csv", half_years["first"])
    run = desk.start_flow("ingest_readings/daily")
    selector = "--selector=app.kubernetes.io/component=job"

    def half_way() -> bool:
        pods = namespace.get("pods", selector)["items"]
        running = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]
        return any("first.csv: reading" in namespace.kubectl("logs", pod).out for pod in running) and bool(
            namespace.kubectl("delete", "pod", *running, "--grace-period=1", "--wait=false")
        )

    wait_for("the run is half way", half_way, 120, every=0.3)
    took = wait_for("the run is over", lambda: run.poll() is not None, 180)
    figure(f"a job's pod killed while it read the delivery: done {took:.0f} s later")
    delivered = sum(half_years[half].count("\n") - 1 for half in half_years)
    quarantined = int(desk.sql("SELECT count(*) FROM quarantined_reading"))
    assert int(desk.sql("SELECT count(*) FROM meter_reading")) + quarantined == delivered
    assert quarantined == 1  # spring skips an hour
