"""The chart, as far as it can be checked without helm: schema, values, table, and that every value is used."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

CHART = Path(__file__).parents[2] / "helm" / "meter"
sys.path.insert(0, str(CHART.parent))

from values_table import README, table  # noqa: E402 - a script beside the chart

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def leaves(node, prefix=()):
    """Names of the values that stand in templates as one."""
    for key, value in node.items():
        path = (*prefix, key)
        if isinstance(value, dict) and value and key not in ("resources", "workerResources"):
            yield from leaves(value, path)
        else:
            yield path


def merged(name):
    values = json.loads(json.dumps(VALUES))
    overlay(values, yaml.safe_load((CHART / name).read_text()))
    return values


def overlay(values, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            overlay(values[key], value)
        else:
            values[key] = value


@pytest.mark.parametrize("name", ["values.yaml", "values-small.yaml", "values-production.yaml"])
def test_shipped_values_fit_the_schema(name):
    assert [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(merged(name))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"servin": {}},
        {"serving": {"replicas": 0}},
        {"postgres": {"size": "much"}},
        {"image": {"tag": "a b"}},
        {"files": {"url": "gs://bucket"}},
        {"jobs": {"deadlineSeconds": 5}},
        {"jobs": {"keepMonths": 3}},
        {"backup": {"schedule": "every night at half past one"}},
        {"backup": {"schedule": "30 25 * * *"}},
        {"backup": {"schedule": "30 1 * *"}},
        {"networkPolicies": {"allowFrom": [{}]}},
        {"networkPolicies": {"allowFrom": [{"matchLabels": {"a": "b"}}]}},
        {"networkPolicies": {"allowFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}},
    ],
)
def test_a_slip_does_not_fit(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


@pytest.mark.parametrize(
    "right",
    [
        {"serving": {"autoscaling": {"cpuPercent": 150}}},
        {"image": {"tag": 20261124}},
        {"backup": {"schedule": "*/15 1-5,22 ? jan-MAR mon"}},
        {"backup": {"schedule": "@daily"}},
        {"jobs": {"keepMonths": 36}},
        {"networkPolicies": {"allowFrom": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}},
        {"networkPolicies": {"allowFrom": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"a": "b"}}}]}},
        {"prefect": {"apiUrl": "https://api.prefect.cloud/api/accounts/1a-2b/workspaces/3c-4d"}},
    ],
)
def test_what_kubernetes_takes_fits(right):
    assert [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(right)] == []


def test_every_value_is_used_by_a_template():
    templates = "".join(path.read_text() for path in sorted((CHART / "templates").rglob("*")) if path.is_file())
    unused = [path for path in leaves(VALUES) if not re.search(rf"[.]{path[-1]}\b|of\" \"{path[-1]}\"", templates)]
    assert unused == []


def test_the_table_of_values_is_current():
    assert README.read_text().endswith(table()), "run `make chart-docs`"


def test_every_alert_is_explained():
    alerts = re.findall(r"alert: (\w+)", (CHART / "files" / "alerts.yaml").read_text())
    pages = (CHART.parents[1] / "docs" / "operations.md").read_text()
    assert len(alerts) > 5
    assert [alert for alert in alerts if f"`{alert}`" not in pages] == []


def test_metrics_in_alerts_and_dashboard_are_our_own():
    sources = ("bento/metrics.py", "meter_core/jobs/flow_metrics.py")
    metrics = "".join((CHART.parents[1] / source).read_text() for source in sources)
    named = set()
    for file in ("alerts.yaml", "dashboard.json"):
        named |= set(re.findall(r"\bmeter_[a-z_]+", (CHART / "files" / file).read_text()))
    stems = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named}
    assert stems
    assert [stem for stem in stems if f'"{stem}"' not in metrics] == []
