"""What GET answers, and that the API's description tells the truth."""

import json
import re

import pytest

from bento.frame import PAGE_FOLDER, PAGES
from bento.notes import UNITS
from bento.openapi import openapi
from meter_core.contracts.features import FEATURES, POSSIBLE_RANGE
from tests.service.measured_hours import FORTNIGHT, PRESETS, fortnight, presets
from tests.service.readings import SATURDAY_EVENING


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/batch", "/page/style.css", "/page/predict.js", "/page/presets.json", "/favicon.svg"]
)
def test_pages_come_with_a_policy_and_are_not_sent_twice(service, path):
    import httpx

    first = service.get(path)
    assert first.status_code == 200
    assert "default-src 'none'" in first.headers["content-security-policy"]
    again = httpx.get(service.url + path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(service.url + path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(first.content)))


def test_no_page_names_another_server(service):
    """The namespace of SVG is a name, not an address."""
    files = [file.name for file in PAGE_FOLDER.iterdir() if file.suffix in (".js", ".css")]
    for path in [page.path for page in PAGES] + [f"/page/{name}" for name in files]:
        text = service.get(path).text.replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", text) == [], path


def test_every_module_that_a_page_loads_is_there(service):
    """Whatever an `import`, a `src` or an `href` names; modules are small enough to be read at once."""
    for page in PAGES:
        for found in re.findall(r'(?:src|href)="(/page/[^"]+)"', service.get(page.path).text):
            assert service.get(found).status_code == 200, found
    for file in PAGE_FOLDER.glob("*.js"):
        text = file.read_text()
        assert text.count("\n") < 200, file.name
        assert [name for name in re.findall(r'from "\./([^"]+)"', text) if not (PAGE_FOLDER / name).is_file()] == []


def test_probes(service):
    for path in ("/livez", "/readyz"):
        assert service.get(path).status_code == 200


def test_metrics_count_what_was_asked(service):
    def counted(status):
        found = re.search(
            rf'meter_requests_total{{route="/predict",status="{status}"}} (\S+)', service.get("/metrics").text
        )
        return float(found[1]) if found else 0.0

    right, wrong = counted(200), counted(422)
    for _ in range(3):
        service.post("/predict", SATURDAY_EVENING | {"meter_id": "secret-meter"})
    service.post("/predict", {})
    assert (counted(200) - right, counted(422) - wrong) == (3, 1)
    assert "secret-meter" not in service.get("/metrics").text
    assert 'meter_readings_total{model_version="7"}' in service.get("/metrics").text


def test_the_card_says_what_the_model_is(service, predictor):
    card = service.get("/model").json()
    assert card["model"] == "meter_consumption_v1"
    assert card["model_version"] == "7"
    assert card["interval_minutes"] == [60]
    # The shipped file has neither temperature nor frequency, and so nothing to derive `high_temp` from.
    assert set(card["empty_features"]) == {"temperature_c", "frequency_hz", "high_temp"}
    assert set(FEATURES) <= set(card["features"])
    assert card["data_window"] == {"since": "2009-01-01T00:00:00Z", "until": "2009-12-31T23:00:00Z"}
    assert card["metrics"]["rmse"] == 0.46
    assert card["baselines"]["blend"]["rmse"] == 0.5
    assert card["limits"]


def test_every_example_of_the_description_is_answered(known):
    description = known.get("/docs.json").json()
    assert description == json.loads(json.dumps(openapi()))
    tried = 0
    for path, methods in description["paths"].items():
        for example in (
            methods.get("post", {})
            .get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("examples", {})
            .values()
        ):
            assert known.post(path, example["value"]).status_code == 200
            tried += 1
        if "get" in methods:
            named = {one["name"]: one["example"] for one in methods["get"].get("parameters", ()) if "example" in one}
            assert known.get(path.format_map(named)).status_code == 200
    assert tried == 7


def test_the_description_has_the_bounds_of_the_contracts():
    properties = openapi()["components"]["schemas"]["Reading"]["properties"]
    for name in UNITS:
        bounds = next(one for one in [properties[name], *properties[name].get("anyOf", [])] if "minimum" in one)
        assert (bounds["minimum"], bounds["maximum"]) == POSSIBLE_RANGE[name]


def test_the_measured_hours_are_those_of_the_shipped_sample():
    assert json.loads(PRESETS.read_text()) == presets()
    assert FORTNIGHT.read_text() == fortnight()
