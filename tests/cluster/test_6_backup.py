"""A copy restored into an empty release, and what is left when a release goes."""

import pytest

from tests.cluster.conftest import RELEASE, values
from tests.cluster.desk import Desk
from tests.cluster.kube import CHART, wait_for

OTHER = "meter-other"
ASK = """
import httpx, sys
reading = {"local_hour": 18, "local_day_of_week": 2, "voltage_v": 231, "temperature_c": None, "power_factor": 0.97}
print(httpx.post(sys.argv[1] + "/v1/predict", json=reading | {"load_kw": 1.2, "frequency_hz": None}).text)
"""
COUNTED = ("meter_reading", "meter_reading_history", "quarantined_reading", "source_file", "prediction", "promotion")


def counts(desk):
    return {table: desk.sql(f"SELECT count(*) FROM {table}") for table in COUNTED}


def prediction(desk):
    """The answer of a release; none while its pods wait for a registry that restarts."""
    asked = desk.run("python", "-c", ASK, f"http://{desk.release}-serving:5501", check=False)
    answer = asked.json() if asked.status == 0 else {}
    return {key: answer.get(key) for key in ("units_kwh", "low_kwh", "high_kwh", "model_version", "status")}


def done(namespace, release, part, figure):
    """Run a copy or a restore now."""
    job = f"{release}-{part}-now"
    namespace.kubectl("create", "job", job, f"--from=cronjob/{release}-{part}")
    took = wait_for(f"{job} is over", lambda: namespace.get("job", job)["status"].get("conditions"), 180)
    log = namespace.kubectl("logs", f"job/{job}").out
    assert namespace.get("job", job)["status"].get("succeeded") == 1, log
    figure(f"{part}: {log.strip().splitlines()[-1]}, {took:.0f} s")


@pytest.fixture(scope="module")
def restored(desk, namespace, figure):
    done(namespace, RELEASE, "backup", figure)
    more = ("backup.existingClaim=meter-backup", "serving.autoscaling.enabled=false", "serving.replicas=1")
    namespace.helm("install", OTHER, str(CHART), *values(*more), "--wait", "--timeout=300s")
    other = Desk(namespace, OTHER)
    other.open()
    assert other.sql("SELECT count(*) FROM meter_reading") == "0"
    done(namespace, OTHER, "restore", figure)
    namespace.kubectl("rollout", "restart", f"deployment/{OTHER}-mlflow", f"deployment/{OTHER}-prefect")
    for part in ("mlflow", "prefect"):
        namespace.kubectl("rollout", "status", f"deployment/{OTHER}-{part}", "--timeout=180s", seconds=200)
    namespace.helm("upgrade", OTHER, str(CHART), *values(*more), "--wait", "--timeout=300s")
    return other


def test_counts_and_a_prediction_are_the_same_after_a_restore(desk, restored):
    assert counts(restored) == counts(desk)
    wanted = prediction(desk)
    assert wanted["units_kwh"] > 0
    wait_for("the restored champion answers", lambda: prediction(restored) == wanted, 90)


def test_the_files_are_back_too(desk, restored):
    listed = "cd /files && find . -type f -not -path './undelivered/*' | sort"
    assert restored.run("sh", "-c", listed).out == desk.run("sh", "-c", listed).out != ""


def test_flows_of_the_restored_release_run_as_its_own_jobs(namespace, restored):
    ran = restored.flow("ingest_readings/daily")
    assert ran["state"] == "Completed"
    job = namespace.get("jobs", f"--selector=prefect.io/flow-run-id={ran['flow_run_id']}")["items"][0]
    given = {each["name"]: each for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert given["PREFECT_API_AUTH_STRING"]["valueFrom"]["secretKeyRef"]["name"] == f"{OTHER}-jobs"


def test_uninstall_leaves_volumes_and_passwords(namespace, restored):
    namespace.kubectl("delete", "job", restored.job, "--wait=true")
    namespace.helm("uninstall", OTHER, "--wait", "--timeout=180s")
    claims = {each["metadata"]["name"] for each in namespace.get("pvc")["items"]}
    assert {f"data-{OTHER}-postgres-0", f"{OTHER}-files", f"{OTHER}-mlflow"} <= claims
    kept = {each["metadata"]["name"] for each in namespace.get("secrets")["items"]}
    assert {f"{OTHER}-postgres", f"{OTHER}-jobs"} <= kept
    assert not namespace.pods(OTHER, "serving")
