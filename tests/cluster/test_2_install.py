"""Installed on an empty cluster: it waits for nothing that comes later, and every part answers."""

import subprocess

import httpx

from tests.cluster.conftest import RELEASE
from tests.cluster.kube import ROOT


def test_install_returned_before_any_model_exists(desk, namespace):
    assert desk.meter("models")["champion"] is None
    assert len(namespace.ready(RELEASE, "serving")) == 2


def test_helm_test_finds_every_part(desk, namespace):
    tried = namespace.helm("test", RELEASE, "--logs", "--timeout=120s", check=False)
    assert tried.status == 0, tried.out + tried.said


def test_no_part_crashed_on_the_way(desk, namespace):
    restarts = {
        pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", []))
        for pod in namespace.get("pods")["items"]
    }
    assert not {name: count for name, count in restarts.items() if count}


def test_the_jobs_image_can_fit_every_candidate(desk):
    said = desk.run("python", "-c", "import lightgbm; print(lightgbm.__version__)").out
    assert said.strip() in (ROOT / "requirements" / "jobs.txt").read_text()


def test_the_pool_has_the_shipped_template(desk):
    pool = desk.run("prefect", "work-pool", "inspect", "k8s", "--output", "json").json()
    made = pool["base_job_template"]["variables"]["properties"]
    assert (pool["type"], made["release"]["default"]) == ("kubernetes", RELEASE)


def test_passwords_are_wanted(desk, namespace):
    with (
        namespace.forwarded(f"{RELEASE}-mlflow", 5000) as mlflow,
        namespace.forwarded(f"{RELEASE}-prefect", 4200) as prefect,
    ):
        assert httpx.get(f"http://{mlflow}/api/2.0/mlflow/experiments/search?max_results=1").status_code == 401
        assert httpx.post(f"http://{prefect}/api/flows/filter", json={}).status_code == 401


def test_without_a_model_the_answer_says_what_to_do(desk, namespace):
    with namespace.forwarded(f"{RELEASE}-serving", 5501) as serving:
        answer = httpx.get(f"http://{serving}/v1/model")
    assert (answer.status_code, "meter train" in answer.text) == (503, True)


def test_secrets_stand_in_no_manifest(desk, namespace):
    password = namespace.kubectl(
        "get", "secret", f"{RELEASE}-jobs", "--output=jsonpath={.data.MLFLOW_TRACKING_PASSWORD}"
    ).out
    plain = subprocess.run(["base64", "-d"], input=password, capture_output=True, text=True, check=True).stdout
    shown = namespace.kubectl("get", "deployments,statefulsets,cronjobs,configmaps,pods", "--output=yaml").out
    assert len(plain) >= 20
    assert plain not in shown
