"""The chart as text: it lints, renders what Kubernetes takes to the last field, and refuses values that cannot be."""

import copy

import kubernetes_validate
import pytest
import yaml

from tests.cluster.conftest import NAME, values
from tests.cluster.kube import CHART, run

KUBERNETES = "1.34"
SETS = ("values-small.yaml", "values-production.yaml", "values.yaml")
OTHERS = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of the Prometheus operator, which Kubernetes itself does not know."""


def rendered(*options: str):
    text = run("helm", "template", "meter", str(CHART), f"--namespace={NAME}", *options).out
    return [document for document in yaml.safe_load_all(text) if document]


def pods(documents):
    """The pod specs, whatever makes them."""
    for document in documents:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if document["kind"] == "Pod":
            yield document["kind"], spec
        elif "template" in spec:
            yield document["metadata"]["name"], spec["template"]["spec"]


@pytest.mark.parametrize("name", SETS)
def test_it_lints_without_a_warning(name):
    assert "0 chart(s) failed" in run("helm", "lint", "--strict", str(CHART), f"--values={CHART / name}").out


@pytest.mark.parametrize("name", SETS)
def test_what_it_renders_is_valid_in_strict_mode(name):
    documents = [each for each in rendered(f"--values={CHART / name}") if each["kind"] not in OTHERS]
    assert len(documents) > 20
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_strict_mode_finds_a_field_that_does_not_exist():
    wrong = copy.deepcopy(next(each for each in rendered() if each["kind"] == "Deployment"))
    wrong["spec"]["template"]["spec"]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", SETS)
def test_every_container_is_closed_and_bounded(name):
    found = list(pods(rendered(f"--values={CHART / name}")))
    assert len(found) > 5
    for _, spec in found:
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()


def test_only_the_worker_may_ask_the_cluster_and_only_in_its_namespace():
    documents = rendered()
    with_token = [name for name, spec in pods(documents) if spec["automountServiceAccountToken"]]
    assert with_token == ["meter-worker"]
    assert not [each for each in documents if each["kind"].startswith("ClusterRole")]


def test_no_hook_pod_carries_labels_that_a_service_selects():
    documents = rendered()
    selectors = [each["spec"]["selector"] for each in documents if each["kind"] == "Service"]
    hooks = [each for each in documents if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in hooks if each["kind"] == "Job"]
    assert len(labels) == 2
    assert not [(one, chosen) for one in labels for chosen in selectors if chosen.items() <= one.items()]


def test_production_names_secrets_and_holds_no_password():
    documents = rendered(f"--values={CHART / 'values-production.yaml'}")
    assert not [each for each in documents if each["kind"] in ("Secret", "StatefulSet", "PersistentVolumeClaim")]


def test_what_is_switched_on_appears_and_what_is_off_does_not():
    kinds = {"ServiceMonitor", "PrometheusRule", "Ingress", "NetworkPolicy", "HorizontalPodAutoscaler"}
    on = {each["kind"] for each in rendered(f"--values={CHART / 'values-production.yaml'}")}
    switches = ("networkPolicies.enabled", "serving.autoscaling.enabled", "backup.enabled")
    off = rendered(*(f"--set={switch}=false" for switch in switches))
    assert kinds <= on
    assert not kinds & {each["kind"] for each in off}
    assert not [name for name, _ in pods(off) if name.endswith(("backup", "restore"))]


def test_pods_scale_by_the_age_of_the_queue_where_a_metric_of_it_is_named():
    documents = rendered("--set=serving.autoscaling.queueAgeMetric=meter_queue_age")
    scaler = next(each for each in documents if each["kind"] == "HorizontalPodAutoscaler")
    kubernetes_validate.validate(scaler, KUBERNETES, strict=True)
    assert scaler["spec"]["metrics"][1]["pods"] == {
        "metric": {"name": "meter_queue_age"},
        "target": {"type": "AverageValue", "averageValue": "50m"},
    }


def test_keys_origins_and_traces_reach_the_service():
    options = (
        "secrets.apiKeys=keys",
        "serving.corsOrigins={https://a.example}",
        "serving.tracesEndpoint=http://otel:4318",
    )
    documents = rendered(*(f"--set={option}" for option in options))
    spec = dict(pods(documents))["meter-serving"]
    given = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    assert given["METER_API_KEYS_FILE"] == "/keys/keys.json"
    assert given["METER_CORS_ORIGINS"] == '["https://a.example"]'
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel:4318"
    assert {"name": "keys", "secret": {"secretName": "keys"}} in spec["volumes"]


def test_told_otherwise_an_uninstall_leaves_nothing():
    documents = rendered("--set=storage.keep=false")
    kept = [each for each in documents if "helm.sh/resource-policy" in each["metadata"].get("annotations", {})]
    postgres = next(each for each in documents if each["kind"] == "StatefulSet")
    assert (kept, postgres["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"]) == ([], "Delete")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("serving.replica=3", "replica"),
        ("serving.replicas=two", "integer"),
        ("serving.replicas=0", "minimum"),
        ("image.pullPolicy=Sometimes", "Always"),
        ("postgres.enabled=false", "secrets.jobs is empty"),
        ("secrets.jobs=mine", "secrets.mlflow is empty"),
        ("mlflow.enabled=false", "mlflow.trackingUri"),
        ("prefect.enabled=false", "prefect.apiUrl"),
        ("ingress.enabled=true", "ingress.pageHost"),
        ("serving.autoscaling.min=9", "serving.autoscaling.min is 9, more than max"),
        ("backup.schedule=nightly", "backup"),
        ("files.url=bucket/folder", "files"),
        ("prefect.apiUrl=http://prefect", "api"),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(wrong, words):
    refused = run("helm", "template", "meter", str(CHART), f"--set={wrong}", check=False)
    assert refused.status != 0
    assert words in refused.said


def test_the_server_takes_it(namespace):
    documents = run("helm", "template", "meter", str(CHART), f"--namespace={NAME}", *values()).out
    taken = namespace.kubectl("apply", "--dry-run=server", "--filename=-", stdin=documents)
    assert "Warning" not in taken.said
