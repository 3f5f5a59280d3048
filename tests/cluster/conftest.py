"""A release in a fresh namespace, removed at the end with its volumes; what went wrong is shown with each failure."""

import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.desk import Desk
from tests.cluster.kube import CHART, ROOT, Namespace, run, wait_for

NAME = "meter-test"
RELEASE = "meter"
REGISTRY, TAG = os.environ.get("IMAGE_REGISTRY", "localhost"), os.environ.get("IMAGE_TAG", "dev")
INSTALL_SECONDS = 480
SAMPLE = ROOT / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"

figures: list[str] = []


def values(*more: str) -> list[str]:
    """Options of helm: small, with the images that were built."""
    given = [f"image.registry={REGISTRY}", f"image.tag={TAG}", *more]
    return [f"--values={CHART / 'values-small.yaml'}", *(f"--set={each}" for each in given)]


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    there = Namespace(NAME)
    if run("kubectl", "get", "namespace", NAME, check=False).status == 0:
        remove(there)
    run("kubectl", "create", "namespace", NAME)
    for mode in ("enforce", "warn"):
        run("kubectl", "label", "namespace", NAME, f"pod-security.kubernetes.io/{mode}=restricted")
    yield there
    if not os.environ.get("KEEP_NAMESPACE"):
        remove(there)


@pytest.fixture(scope="session")
def desk(namespace: Namespace) -> Desk:
    """The release, installed, and its desk; only the tests start trainings: no schedule does, and no delivery."""
    command = ["install", RELEASE, str(CHART), *values(), "--wait", f"--timeout={INSTALL_SECONDS}s"]
    namespace.helm(*command, seconds=INSTALL_SECONDS + 30)
    opened = Desk(namespace, RELEASE)
    opened.open()
    opened.run("prefect", "--no-prompt", "deployment", "schedule", "pause", "--all")
    opened.switch_off("meter: readings lead to training")
    return opened


@pytest.fixture(scope="session")
def half_years() -> dict[str, str]:
    """Two deliveries of the shipped sample: the second half of 2009, and the first."""
    header, *lines = gzip.decompress(SAMPLE.read_bytes()).decode().splitlines()
    halves = {"second": ("2009-07-01", "2010"), "first": ("2009-01-01", "2009-07-01")}
    return {
        name: "\n".join([header, *(line for line in lines if since <= line.split(",")[1] < until)]) + "\n"
        for name, (since, until) in halves.items()
    }


@pytest.fixture(scope="session")
def figure():
    """Note a figure to be shown at the end."""
    return figures.append


def remove(there: Namespace) -> None:
    """Remove releases, namespace and volumes; a volume that stays is emptied for the next release."""
    states = ("--deployed", "--failed", "--pending", "--superseded", "--uninstalling")
    for release in there.helm("list", "--short", *states).out.split():
        there.helm("uninstall", release, "--wait", "--timeout=120s", check=False)
    there.kubectl(
        "delete", "jobs,pods", "--all", "--grace-period=1", "--wait=true", "--timeout=120s", check=False, seconds=150
    )
    claims = [each["metadata"]["name"] for each in there.get("pvc")["items"] if each["status"]["phase"] == "Bound"]
    if claims:
        empty(there, claims)
    run("kubectl", "delete", "namespace", there.name, "--timeout=180s", seconds=200)
    for volume in run("kubectl", "get", "pv", "--output=json").json()["items"]:
        of = volume["spec"].get("claimRef", {})
        if of.get("namespace") == there.name and of.get("name") in claims:
            run("kubectl", "patch", "pv", volume["metadata"]["name"], "--patch", '{"spec": {"claimRef": null}}')


def empty(there: Namespace, claims: list[str]) -> None:
    """Empty volumes, each as the user who wrote to it."""
    there.kubectl("apply", "--filename=-", stdin=json.dumps(emptying_pod(claims)))
    wait_for("the volumes are empty", lambda: there.get("pod", "emptying")["status"]["phase"] == "Succeeded", 120)


def emptying_pod(claims: list[str]) -> dict[str, Any]:
    closed = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    containers = [
        {
            "name": f"empty-{n}",
            "image": "postgres:15",
            "imagePullPolicy": "IfNotPresent",
            "command": ["find", "/volume", "-mindepth", "1", "-delete"],
            "volumeMounts": [{"name": f"volume-{n}", "mountPath": "/volume"}],
            "resources": {"limits": {"memory": "64Mi"}},
            "securityContext": {**closed, "runAsUser": 999 if "postgres" in claim else 10001},
        }
        for n, claim in enumerate(claims)
    ]
    volumes = [{"name": f"volume-{n}", "persistentVolumeClaim": {"claimName": c}} for n, c in enumerate(claims)]
    spec = {"restartPolicy": "Never", "containers": containers, "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "emptying"}, "spec": spec}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed and run("kubectl", "get", "namespace", NAME, check=False).status == 0:
        report.sections.append(("the namespace", Namespace(NAME).state()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)
