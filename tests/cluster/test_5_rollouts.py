"""Upgrade, rollback, a new champion and more load, under a steady client."""

import json
import os

import pytest

from tests.cluster.conftest import REGISTRY, RELEASE, values
from tests.cluster.kube import CHART, run, wait_for

NEXT = os.environ.get("IMAGE_TAG_NEXT", "next")


def secrets(namespace):
    return {
        each["metadata"]["name"]: each["data"] for each in namespace.get("secrets")["items"] if each["type"] == "Opaque"
    }


def served_images(namespace):
    return {pod["spec"]["containers"][0]["image"] for pod in namespace.pods(RELEASE, "serving")}


def rolled_out(namespace):
    namespace.kubectl("rollout", "status", f"deployment/{RELEASE}-serving", "--timeout=180s", seconds=200)


@pytest.fixture(scope="module")
def newer_chart(tmp_path_factory):
    """The chart as its next release will be: another version, which no field that cannot change may hold."""
    folder = tmp_path_factory.mktemp("chart")
    packed = run("helm", "package", str(CHART), "--version", "999.0.0", "--destination", str(folder)).out
    return packed.rsplit(": ", 1)[1].strip()


def test_upgrade_and_rollback_fail_no_request_and_keep_data_and_passwords(desk, namespace, newer_chart, figure):
    before, stored = secrets(namespace), desk.sql("SELECT count(*) FROM meter_reading")
    image = f"{REGISTRY}/meter-serving:{NEXT}"
    with desk.load() as load:
        command = ["upgrade", RELEASE, newer_chart, *values(f"serving.image={image}"), "--wait", "--timeout=300s"]
        namespace.helm(*command)
        rolled_out(namespace)
        assert served_images(namespace) == {image}
        assert namespace.helm("list", "--output=json").json()[0]["chart"] == "meter-999.0.0"
        namespace.helm("rollback", RELEASE, "1", "--wait", "--timeout=300s")
        rolled_out(namespace)
    assert image not in served_images(namespace)
    assert load.seen["failed"] == 0, load.seen
    figure(
        f"upgrade and rollback: {load.seen['sent']} requests, none failed, slowest {load.seen['worst_s'] * 1000:.0f} ms"
    )
    assert secrets(namespace) == before
    assert desk.sql("SELECT count(*) FROM meter_reading") == stored


@pytest.fixture
def challenger(desk):
    """A version that is not champion, and the champion."""
    models = desk.meter("models")
    others = [each["version"] for each in models["versions"] if each["version"] != models["champion"]]
    assert others, models
    return others[0], models["champion"]


def test_a_new_champion_reaches_every_replica_within_a_minute(desk, challenger, figure):
    new, before = challenger
    with desk.load() as load:
        desk.meter("promote", new, "--by", "the test", "--why", "tried on the cluster")
        took = wait_for("every replica answers with it", lambda: desk.served_versions() == {new}, 60)
    assert load.seen["failed"] == 0, load.seen
    assert set(load.seen["versions"]) <= {new, before}
    figure(f"a promoted model answered on every replica after {took:.0f} s")


def test_more_load_brings_more_pods_and_they_go_again(desk, namespace, figure):
    with desk.load(per_second=1000, tries=4, readings=1000):
        took = wait_for("a third pod serves", lambda: len(namespace.ready(RELEASE, "serving")) >= 3, 180)
    figure(f"third pod under load after {took:.0f} s")
    back = wait_for("two pods are left", lambda: len(namespace.pods(RELEASE, "serving")) == 2, 300)
    figure(f"back to two {back:.0f} s after the load")
    assert json.dumps(namespace.get("hpa", f"{RELEASE}-serving")["status"]["desiredReplicas"]) == "2"
