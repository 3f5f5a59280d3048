"""The chart as text: it lints, renders what Kubernetes takes to the last field, and refuses values that cannot be."""

import copy
import json
import os
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

from tests.cluster.conftest import NAME, values
from tests.cluster.kube import CHART, run

KUBERNETES = "1.34"
SETS = ("values-small.yaml", "values-production.yaml", "values.yaml")
OTHERS = {"ServiceMonitor", "PrometheusRule", "HTTPRoute", "GRPCRoute"}
"""Kinds of the Prometheus operator and the Gateway API, which Kubernetes itself does not know."""

PRODUCTION = f"--values={CHART / 'values-production.yaml'}"


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


def mlflow_options(*options):
    container = dict(pods(rendered(*options)))["meter-mlflow"]["containers"][0]
    return dict(argument[2:].split("=", 1) for argument in container["args"] if "=" in argument)


@pytest.mark.parametrize(
    ("more", "origin"),
    [
        ("ingress.tlsSecret=meter-tls", "https://mlflow.energy.example"),
        ("ingress.tlsSecret=", "http://mlflow.energy.example"),
        ("ingress.tlsSecret=,ingress.scheme=https", "https://mlflow.energy.example"),
    ],
)
def test_mlflow_takes_what_its_own_page_posts_from_outside(more, origin):
    from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

    given = mlflow_options(PRODUCTION, f"--set={more}")
    origins = given["cors-allowed-origins"].split(",")
    assert not should_block_cors_request(origin, "POST", origins)
    assert should_block_cors_request("https://elsewhere.example", "POST", origins)
    assert is_allowed_host_header(given["allowed-hosts"].split(","), "mlflow.energy.example")


def test_without_a_host_of_its_own_mlflow_allows_no_other_origin():
    assert "cors-allowed-origins" not in mlflow_options()


def test_alerts_on_backups_are_made_where_there_are_backups_and_see_that_none_ever_was_good():
    def backup_old(*options):
        rules = next(
            each for each in rendered("--set=monitoring.enabled=true", *options) if each["kind"] == "PrometheusRule"
        )
        return [each["expr"] for each in rules["spec"]["groups"][0]["rules"] if each["alert"] == "MeterBackupOld"]

    (expression,) = backup_old()
    assert "kube_cronjob_created" in expression
    assert backup_old("--set=backup.enabled=false") == []


def waiting(part, *options):
    """The container that waits, and the variables it gets."""
    (container,) = dict(pods(rendered(*options)))[part]["initContainers"]
    return container["command"][1:], {each["name"]: each.get("value", "") for each in container["env"]}


def waits(code, **env):
    return subprocess.run(
        [sys.executable, *code], env={**os.environ, **env}, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize("password", ["ab/xyz", "ab#xyz", "ab?xyz", "12/xyz"])
def test_a_password_that_is_not_encoded_is_named_by_its_key_and_not_shown(password):
    code, env = waiting("meter-mlflow")
    ended = waits(code, **env | {"URL": f"postgresql://mlflow:{password}@127.0.0.1/mlflow"})
    assert ended.returncode == 1
    assert "MLFLOW_BACKEND_STORE_URI in the Secret meter-mlflow" in ended.stderr
    assert not any(part in ended.stdout + ended.stderr for part in ("xyz", "ab", "12"))


def test_the_port_of_an_address_without_one_is_that_of_its_scheme():
    code, _ = waiting("meter-worker")
    for scheme, port in {"https": 443, "http": 80, "postgresql+psycopg": 5432}.items():
        told = code[1].replace("socket.create_connection(", "sys.exit('%s port %d' % ").replace(", 3).close()", ")")
        assert f"db.example port {port}" in waits(["-c", told], URL=f"{scheme}://db.example/api", NAMED="it").stderr


def test_prefect_cloud_is_reached_with_its_key():
    cloud = "https://api.prefect.cloud/api/accounts/1/workspaces/2"
    options = ("prefect.enabled=false", f"prefect.apiUrl={cloud}", "ingress.prefectHost=")
    env = dict(pods(rendered(PRODUCTION, *(f"--set={each}" for each in options))))["meter-worker"]["containers"][0][
        "env"
    ]
    given = {each["name"]: each for each in env}
    assert given["PREFECT_API_KEY"]["valueFrom"]["secretKeyRef"]["key"] == "PREFECT_API_KEY"
    assert given["PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_KEY_SECRET_KEY"]["value"] == "PREFECT_API_KEY"
    assert not [name for name in given if "AUTH_STRING" in name]


def test_files_in_a_bucket_reach_the_desk_and_are_served_from_it():
    specs = dict(pods(rendered(PRODUCTION)))
    for part in ("meter-desk", "meter-data-docs"):
        container = specs[part]["containers"][0]
        assert {"secretRef": {"name": "meter-bucket"}} in container["envFrom"]
    assert specs["meter-data-docs"]["containers"][0]["command"][2] == "s3://energy-meter/files/data_docs"


def test_what_shares_volumes_of_one_node_is_put_on_the_node_of_the_database():
    specs = dict(pods(rendered()))
    beside = {name for name, spec in specs.items() if "podAffinity" in spec.get("affinity", {})}
    assert {"meter-mlflow", "meter-data-docs", "meter-backup", "meter-restore"} <= beside
    documents = rendered()
    docs = next(
        each for each in documents if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("docs")
    )
    assert docs["spec"]["strategy"] == {"type": "Recreate"}


def test_the_database_starts_without_the_volume_of_copies():
    postgres = dict(pods(rendered()))["meter-postgres"]
    assert not [volume for volume in postgres["volumes"] if "persistentVolumeClaim" in volume]
    assert {"name": "shm", "mountPath": "/dev/shm"} in postgres["containers"][0]["volumeMounts"]


def test_the_service_may_have_credentials_that_only_read():
    def secrets(*options):
        env = dict(pods(rendered(*options)))["meter-serving"]["containers"][0]["env"]
        return {each["valueFrom"]["secretKeyRef"]["name"] for each in env if "valueFrom" in each}

    assert secrets() == {"meter-jobs"}
    assert secrets("--set=secrets.serving=reader") == {"reader"}


def test_only_the_hook_that_deploys_the_flows_knows_whom_to_notify():
    with_it = [
        name
        for name, spec in pods(rendered("--set=secrets.notify=addresses"))
        if {"secretRef": {"name": "addresses"}} in spec["containers"][0].get("envFrom", [])
    ]
    assert with_it == ["meter-deploy"]


def test_each_part_goes_to_its_nodes():
    options = ("placement.nodeSelector.pool=base", "serving.nodeSelector.pool=front", "jobs.nodeSelector.pool=batch")
    specs = dict(pods(rendered(*(f"--set={each}" for each in options))))
    pools = {name: spec.get("nodeSelector", {}).get("pool") for name, spec in specs.items()}
    assert pools.pop("meter-serving") == "front"
    assert set(pools.values()) == {"base"}


def test_what_uses_buckets_runs_as_an_account_with_the_role():
    documents = rendered("--set=serviceAccount.annotations.role=meter-buckets")
    specs = dict(pods(documents))
    accounts = {name for name, spec in specs.items() if spec.get("serviceAccountName") == "meter"}
    assert accounts == {"meter-mlflow", "meter-data-docs", "meter-desk"}
    templates = [
        each["data"]["base-job-template.json"]
        for each in documents
        if each["kind"] == "ConfigMap" and "base-job-template.json" in each["data"]
    ]
    account = json.loads(templates[0])["variables"]["properties"]["service_account_name"]
    assert account["default"] == "meter"


def test_routes_of_a_gateway_lead_where_the_ingress_does():
    gateway = ("gateway.enabled=true", "gateway.parentRefs[0].name=edge", "gateway.grpcHost=grpc.energy.example")
    documents = rendered(PRODUCTION, "--set=ingress.enabled=false", *(f"--set={each}" for each in gateway))
    services = {each["metadata"]["name"]: each for each in documents if each["kind"] == "Service"}
    routes = [each for each in documents if each["kind"].endswith("Route")]
    hosts = {host for route in routes for host in route["spec"]["hostnames"]}
    assert hosts == {f"{name}.energy.example" for name in ("meter", "mlflow", "prefect", "grpc")}
    targets = [ref for route in routes for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    assert len(targets) == 5
    for target in targets:
        assert target["port"] in [port["port"] for port in services[target["name"]]["spec"]["ports"]]


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
        ("files.url=gs://bucket/folder", "files"),
        ("prefect.apiUrl=http://prefect", "api"),
        ("mlflow.enabled=false,mlflow.trackingUri=http://mine:5000", "secrets.jobs"),
        ("prefect.enabled=false,prefect.apiUrl=http://mine/api", "secrets.jobs"),
        ("gateway.enabled=true,ingress.pageHost=a.example", "gateway.parentRefs"),
        ("gateway.grpcHost=a.example", "gateway.enabled"),
        ("serving.resources.requests.cpu=null", "serving.autoscaling"),
        ("jobs.deadlineSeconds=30", "minimum"),
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


def test_a_host_of_a_part_that_is_off_is_refused():
    off = ("--set=mlflow.enabled=false", "--set=mlflow.trackingUri=https://mlflow.example")
    refused = run("helm", "template", "meter", str(CHART), PRODUCTION, *off, check=False)
    assert refused.status != 0
    assert "ingress.mlflowHost" in refused.said


def test_a_tag_of_digits_stays_as_it_is(tmp_path):
    (tmp_path / "values.yaml").write_text("image: {tag: 20261124}")
    specs = dict(pods(rendered(f"--values={tmp_path / 'values.yaml'}")))
    assert specs["meter-serving"]["containers"][0]["image"] == "meter-serving:20261124"
