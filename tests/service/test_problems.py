"""What is wrong with a request is said field by field: path, value, remedy, as problem+json."""

import http.client
import json

import httpx
import pytest

from tests.service.readings import SATURDAY_EVENING, WITHOUT_TIME, at


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def without(field):
    return {name: value for name, value in SATURDAY_EVENING.items() if name != field}


@pytest.mark.parametrize(
    ("reading", "path", "words"),
    [
        (SATURDAY_EVENING | {"voltage_v": "abc"}, "voltage_v", "'abc': not a number"),
        (SATURDAY_EVENING | {"voltage_v": None}, "voltage_v", "null: not a number"),
        (SATURDAY_EVENING | {"voltage_v": True}, "voltage_v", "true: not a number"),
        (SATURDAY_EVENING | {"voltage_v": -1}, "voltage_v", "less than 0 cannot be"),
        (SATURDAY_EVENING | {"load_kw": [1]}, "load_kw", "list of 1: not a number"),
        (SATURDAY_EVENING | {"power_factor": 1.01}, "power_factor", "more than 1 cannot be"),
        (SATURDAY_EVENING | {"temperature_c": 99}, "temperature_c", "more than 70 cannot be"),
        (SATURDAY_EVENING | {"frequency_hz": {"hz": 50}}, "frequency_hz", "not a number"),
        (SATURDAY_EVENING | {"local_hour": 24}, "local_hour", "more than 23 cannot be"),
        (SATURDAY_EVENING | {"local_hour": 12.5}, "local_hour", "not a whole number"),
        (SATURDAY_EVENING | {"local_day_of_week": 7}, "local_day_of_week", "more than 6 cannot be"),
        (SATURDAY_EVENING | {"interval_minutes": 15}, "interval_minutes", "the model was trained on 60"),
        (SATURDAY_EVENING | {"interval_minutes": 0}, "interval_minutes", "less than 1 cannot be"),
        (SATURDAY_EVENING | {"meter_id": 5}, "meter_id", "not text"),
        (SATURDAY_EVENING | {"recent_kwh": [0.1] * 1345}, "recent_kwh", "more than 1,344 values cannot be"),
        (SATURDAY_EVENING | {"recent_kwh": [0.1, "x"]}, "recent_kwh", "not a number"),
        (SATURDAY_EVENING | {"is_weekend": False}, "is_weekend", "it is true"),
        (SATURDAY_EVENING | {"voltage_flag": 1}, "voltage_flag", "it is false"),
        (SATURDAY_EVENING | {"load_intensity": 60}, "load_intensity", "gives 55.8"),
        (SATURDAY_EVENING | {"high_temp": False}, "high_temp", "nothing to derive it from"),
        (SATURDAY_EVENING | {"volts": 230}, "volts", "not a field"),
        (without("frequency_hz"), "frequency_hz", "is missing"),
        (WITHOUT_TIME, "reading_ts", "the time of the reading is missing"),
        (without("local_hour"), "local_hour", "is missing"),
        (at("2009-06-01T18:00:00+02:00", "Europe/Paris") | {"zone": None}, "zone", "missing beside reading_ts"),
        (at("2009-06-01T18:00:00+02:00", "Europe/Pari"), "zone", "not an IANA zone"),
        (at("2009-06-01T18:00:00+02:00", "../../etc/passwd"), "zone", "not an IANA zone"),
        (SATURDAY_EVENING | {"zone": "Europe/Pari"}, "zone", "not an IANA zone"),
        (at("2009-06-01T18:00:00", "Europe/Paris"), "reading_ts", "without an offset"),
        (at("yesterday", "Europe/Paris"), "reading_ts", "not a time"),
        (at("2090-01-01T00:00:00+00:00", "Europe/Paris"), "reading_ts", "no time a meter measures at"),
        (at("0001-01-01T00:00:00+14:00", "Europe/Paris"), "reading_ts", "no time a meter measures at"),
        (at("2009-06-01T18:00:00+02:00", "Europe/Paris", local_hour=17), "local_hour", "gives 18"),
        (at("2009-06-01T18:00:00+02:00", "Europe/Paris", local_day_of_week=1), "local_day_of_week", "gives 0"),
    ],
)
def test_one_wrong_value_is_one_entry(service, reading, path, words):
    errors = problem(service.post("/predict", reading), 422)["errors"]
    assert [error["path"] for error in errors] == [path]
    assert words in errors[0]["message"]
    assert errors[0]["remedy"]


def test_all_that_is_wrong_is_said_at_once(service):
    reading = SATURDAY_EVENING | {"voltage_v": "abc", "power_factor": 7, "local_hour": -1, "lod_kw": 2}
    errors = {error["path"]: error for error in problem(service.post("/predict", reading), 422)["errors"]}
    assert set(errors) == {"voltage_v", "power_factor", "local_hour", "lod_kw"}
    assert errors["voltage_v"]["value"] == "abc"
    assert errors["power_factor"]["value"] == 7
    assert errors["lod_kw"]["remedy"] == "did you mean load_kw?"
    assert "0 to 23" in errors["local_hour"]["remedy"]


def test_contradictions_are_all_said_too(service):
    reading = at("2009-06-01T18:00:00+02:00", "Europe/Paris", local_hour=3, pf_issue=True, interval_minutes=30)
    paths = [error["path"] for error in problem(service.post("/predict", reading), 422)["errors"]]
    assert sorted(paths) == ["interval_minutes", "local_hour", "pf_issue"]


@pytest.mark.parametrize(
    ("batch", "paths"),
    [
        (
            {"readings": [SATURDAY_EVENING, SATURDAY_EVENING | {"load_kw": "x"}, 5]},
            ["readings[1].load_kw", "readings[2]"],
        ),
        ({"readings": [SATURDAY_EVENING, SATURDAY_EVENING | {"is_weekend": False}]}, ["readings[1].is_weekend"]),
        ({"readings": []}, ["readings"]),
        ({"readings": 5}, [""]),
        ({"readings": [SATURDAY_EVENING], "model": 2}, ["model"]),
        ({"columns": list(SATURDAY_EVENING)}, ["rows"]),
        ({"columns": list(SATURDAY_EVENING), "rows": [[1], [230, None, 9, 1, None, 1, 1]]}, ["rows[0]", "rows[1][2]"]),
        ({"columns": ["voltage_v", "volts"], "rows": []}, ["columns[1]"] + ["columns"] * 4),
        ({"columns": ["voltage_v", *SATURDAY_EVENING], "rows": []}, ["columns"]),
        ({"rows": [], "columns": list(SATURDAY_EVENING)}, ["rows"]),
        ({"columns": 5, "rows": 5}, ["columns"]),
    ],
)
def test_a_batch_says_where_it_is_wrong(service, batch, paths):
    errors = problem(service.post("/predict_batch", batch), 422)["errors"]
    assert [error["path"] for error in errors] == paths


@pytest.mark.parametrize("body", ["null", "[1, 2]", "7", '"text"', '{"reading": {}}'])
def test_a_body_of_another_shape_is_told_in_the_words_of_json(service, body):
    for route in ("/predict", "/predict_batch"):
        said = problem(httpx.post(service.url + route, content=body), 422)
        assert all(error["message"] and error["remedy"] for error in said["errors"])
        assert not any(word in json.dumps(said) for word in ("NoneType", "dict", '"str"', '"int"'))


@pytest.mark.parametrize(
    "batch",
    [
        {"readings": [SATURDAY_EVENING | {"load_kw": "x"}] * 2_000},
        {"readings": [SATURDAY_EVENING | {f"voltage_{n}": 1 for n in range(2_000)}]},
        {"columns": [f"voltage_{n}" for n in range(2_000)], "rows": [[1]]},
        {"columns": list(SATURDAY_EVENING), "rows": [["x"]] * 2_000},
    ],
)
def test_errors_without_end_are_not_looked_for_without_end(service, batch):
    body = problem(service.post("/predict_batch", batch), 422)
    assert len(body["errors"]) == 100
    assert body["detail"] == "over 1,000 values are wrong; the first 100 are listed"


def test_a_name_as_long_as_a_page_is_compared_with_nothing(service):
    errors = problem(service.post("/predict", SATURDAY_EVENING | {"voltage_v" * 9_000: 1}), 422)["errors"]
    assert errors[0]["path"] == ("voltage_v" * 9)[:80] + "..."
    assert errors[0]["remedy"] == "leave it out; /docs lists the fields"


def test_a_hundred_errors_are_enough(service):
    batch = {"readings": [SATURDAY_EVENING | {"load_kw": "x"}] * 150}
    body = problem(service.post("/predict_batch", batch), 422)
    assert len(body["errors"]) == 100
    assert "150 values are wrong" in body["detail"]


@pytest.mark.parametrize("layout", ["objects", "columns"])
def test_more_than_ten_thousand_is_too_many(service, layout):
    rows = [list(SATURDAY_EVENING.values())] * 10_001
    table = {"columns": list(SATURDAY_EVENING), "rows": rows}
    asked = table if layout == "columns" else {"readings": [SATURDAY_EVENING] * 10_001}
    said = problem(service.post("/predict_batch", asked), 413)
    assert "10,000" in said["detail"]
    assert [error["path"] for error in said["errors"]] == ["rows" if layout == "columns" else "readings"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"voltage_v": NaN}', json.dumps(SATURDAY_EVENING).encode() + b"x"],
)
def test_what_is_not_json_is_said_so(service, body):
    for route in ("/predict", "/predict_batch"):
        assert "could not be read as JSON" in problem(httpx.post(service.url + route, content=body), 400)["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_who_sends_no_number_is_told_to_send_null(service, number):
    body = json.dumps(SATURDAY_EVENING).replace("237.52", number).encode()
    said = problem(httpx.post(f"{service.url}/predict", content=body), 400)
    assert "give null" in said["errors"][0]["remedy"]


def test_a_number_that_no_machine_holds_is_a_wrong_value(service):
    body = json.dumps(SATURDAY_EVENING).replace("237.52", "1e400").encode()
    errors = problem(httpx.post(f"{service.url}/predict", content=body), 422)["errors"]
    assert errors[0]["path"] == "voltage_v"


def test_a_body_beyond_the_limit_is_not_read(service):
    body = b'{"voltage_v": ' + b"1" * 300_000 + b"}"
    assert "bytes" in problem(httpx.post(f"{service.url}/predict", content=body), 413)["detail"]

    def chunks():  # without a content-length
        for _ in range(30):
            yield b" " * 10_000

    assert "bytes" in problem(httpx.post(f"{service.url}/predict", content=chunks()), 413)["detail"]


def test_who_sends_ten_megabytes_gets_to_read_why_not(service):
    """A client that sends all before it reads: an answer given before would be lost with the connection."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=30)
    connection.request("POST", "/predict", b'"' + b"x" * 10_000_000 + b'"')
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (413, "application/problem+json")
    assert "bytes" in json.loads(answer.read())["detail"]
    connection.close()


@pytest.mark.parametrize("path", ["/nothing", "/predict/", "/page/../service.py"])
def test_what_is_not_there_is_said_as_everything_else(service, path):
    for answer in (service.get(path), service.post(path, {})):
        assert "/docs" in problem(answer, 404)["detail"]


def test_a_page_of_the_data_docs_that_is_not_there(service):
    path = "/data_docs/" + "a" * 5_000
    assert "/data_docs/index.html" in problem(service.get(path), 404)["detail"]
    assert service.post(path, {}).headers["allow"] == "GET, HEAD"


def test_a_method_that_bentoml_refuses_is_said_as_everything_else(service):
    response = service.post("/livez", {})
    assert "GET" in problem(response, 405)["detail"]
    assert "GET" in response.headers["allow"]


def test_another_method_is_told_which_one(service):
    response = service.get("/predict")
    assert problem(response, 405)["detail"] == "use POST"
    assert response.headers["allow"] == "POST"


def test_no_value_and_no_meter_is_written_to_the_log(service):
    service.post("/predict", SATURDAY_EVENING | {"meter_id": "secret-meter", "voltage_v": 98765.4321})
    service.post("/predict", SATURDAY_EVENING | {"meter_id": "secret-meter", "voltage_v": "98765.4321"})
    log = service.log.read_text()
    assert "secret-meter" not in log
    assert "98765.4321" not in log
