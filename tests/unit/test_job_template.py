"""The base job template: rendered as Prefect's worker does it, and valid for Kubernetes to the last field."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import kubernetes_validate
import pytest
from prefect.client.schemas.objects import Flow, FlowRun
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

TEMPLATE = Path(__file__).parents[2] / "k8s" / "base-job-template.json"
KUBERNETES = "1.34"


def job(**values):
    """The Job that the worker would make of a flow run whose deployment sets these job variables."""
    template = json.loads(TEMPLATE.read_text())
    no_server = object()  # only block references would be asked for, and the template has none
    configuration = asyncio.run(
        KubernetesWorkerJobConfiguration.from_template_and_values(template, values, client=no_server)
    )
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4(), name="steady-otter"), flow=Flow(name="train_model"))
    return configuration.job_manifest


@pytest.fixture(scope="module")
def pod():
    return job()["spec"]["template"]["spec"]


def test_it_is_valid_in_strict_mode():
    assert kubernetes_validate.validate(job(), KUBERNETES, strict=True) == KUBERNETES


def test_it_is_valid_with_every_option_in_use():
    options = {
        "node_selector": {"pool": "batch"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "priority_class_name": "low",
        "image_pull_secrets": [{"name": "registry"}],
        "labels": {"team": "grid"},
        "annotations": {"note": "by hand"},
        "env": {"A": "b"},
    }
    made = job(**options)
    kubernetes_validate.validate(made, KUBERNETES, strict=True)
    spec = made["spec"]["template"]["spec"]
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"pool": "batch"}, "low")
    assert {"name": "A", "value": "b"} in spec["containers"][0]["env"]
    assert made["spec"]["template"]["metadata"]["labels"]["team"] == "grid"


def test_the_validation_would_find_a_field_in_the_wrong_place():
    wrong = job()
    wrong["spec"]["template"]["spec"]["parallelism"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_its_pods_keep_to_the_restricted_standard(pod):
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    own = pod["containers"][0]["securityContext"]
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_secrets_come_by_reference_and_the_labels_that_policies_go_by_stay(pod):
    made = job(labels={"team": "grid"})
    assert {"secretRef": {"name": "meter-jobs"}} in pod["containers"][0]["envFrom"]
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert (labels["app.kubernetes.io/component"], labels["app.kubernetes.io/instance"]) == ("job", "meter")


def test_a_job_ends_and_goes_and_a_killed_pod_comes_back():
    spec = job()["spec"]
    assert all(spec[key] > 0 for key in ("activeDeadlineSeconds", "ttlSecondsAfterFinished", "backoffLimit"))
