"""Known meters: what they used and will use, from a real PostgreSQL that may go away; every expected sum by hand."""

import csv
import io
import json
import threading
import time
from datetime import datetime

import httpx
import psycopg
import pytest

from meter_core.contracts.api_keys import new_key, write_keys
from tests.integration.postgres_server import WHEEL, postgres_server
from tests.service.forecast_world import HOME, ZONE, keep_forecaster, load_fontana, local, shipped
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import keep_as_last_copy, running_service
from tests.service.test_problems import problem

HOUR = 3_600
MADE_UP = "made up/1"
"""A meter with faults that the shipped homes do not have."""


def sum_of(first: str, until: str) -> float:
    """Energy of the shipped home between two instants, from the file."""
    begin, end = (datetime.fromisoformat(stamp).timestamp() for stamp in (first, until))
    return sum(kwh for ts, kwh in shipped().items() if begin <= ts < end)


@pytest.fixture(scope="module")
def made_up(meter_database, known):
    """Two days in Paris: a day of 23 hours with an estimated hour; one with an hour missing and a null."""
    insert = """INSERT INTO meter_reading (meter_id, channel, reading_ts, interval_minutes, units_kwh, quality,
                       source_version, available_ts, recorded_at, source_file_id, line)
                SELECT %(meter)s, channel, ts, 60, CASE WHEN ts = '2017-03-27T10:00Z' THEN NULL ELSE kwh END,
                       CASE WHEN ts = '2017-03-26T12:00Z' THEN 'estimated' ELSE quality END, 0, ts, ts, 1, 1
                  FROM generate_series('2017-03-25T23:00Z'::timestamptz, '2017-03-27T21:00Z', '1 hour') AS ts,
                       (VALUES ('import', 0.5, 'validated'), ('export', 99.0, 'measured')) AS v (channel, kwh, quality)
                 WHERE ts <> '2017-03-27T15:00Z'"""
    with psycopg.connect(meter_database.url()) as connection:
        connection.execute("INSERT INTO meter (meter_id, zone) VALUES (%s, 'Europe/Paris')", (MADE_UP,))
        connection.execute(insert, {"meter": MADE_UP})
    yield "/meters/made%20up%2F1"
    with psycopg.connect(meter_database.url()) as connection:
        for table in ("meter_reading", "meter"):
            connection.execute(f"DELETE FROM {table} WHERE meter_id = %s", (MADE_UP,))


def test_meters_are_listed_page_by_page(known):
    first = known.get("/meters?limit=4").json()
    second = known.get(f"/meters?limit=7&after={first['next']}").json()
    ids = [one["meter_id"] for one in first["meters"] + second["meters"]]
    assert ids == [f"FONTANA-{number:02}" for number in range(1, 11)]
    assert second["next"] is None
    assert first["meters"][1] == {
        "meter_id": HOME,
        "zone": ZONE,
        "interval_minutes": 60,
        "data_known_until": "2017-07-31T23:00:00-07:00",
    }
    assert known.get("/v1/meters").json() == known.get("/meters").json()


def test_the_last_days_are_shown_hour_by_hour_as_they_were_delivered(known):
    answer = known.get(f"/meters/{HOME}/consumption").json()
    assert (answer["interval"], answer["zone"]) == ("hour", ZONE)
    assert (answer["since"], answer["until"]) == ("2017-07-25T00:00:00-07:00", "2017-07-31T23:00:00-07:00")
    measured = shipped()
    assert {one["reading_ts"]: one["units_kwh"] for one in answer["values"]} == {
        local(ts): kwh for ts, kwh in measured.items() if ts >= max(measured) - 166 * HOUR
    }
    assert {(one["quality"], one["completeness"]) for one in answer["values"]} == {("measured", 1.0)}
    assert answer["total"]["units_kwh"] == pytest.approx(sum_of(answer["since"], answer["until"]), rel=1e-12)


def test_days_are_local_and_a_sum_stands_only_where_all_is_known(known):
    """2016-11-06 had 25 hours; the file has one of the two from 01:00 to 02:00. 2017-03-12 had 23, all there."""
    autumn = known.get(f"/meters/{HOME}/consumption?interval=day&from=2016-11-05&until=2016-11-08").json()
    assert [one["reading_ts"] for one in autumn["values"]] == [
        "2016-11-05T00:00:00-07:00",
        "2016-11-06T00:00:00-07:00",
        "2016-11-07T00:00:00-08:00",
    ]
    assert [one["completeness"] for one in autumn["values"]] == [1.0, 24 / 25, 1.0]
    assert autumn["values"][1]["units_kwh"] is None
    assert autumn["values"][2]["units_kwh"] == pytest.approx(
        sum_of("2016-11-07T00:00:00-08:00", "2016-11-08T00:00:00-08:00"), rel=1e-12
    )
    assert autumn["total"] == {"units_kwh": None, "quality": "measured", "completeness": 72 / 73}

    spring = known.get(f"/meters/{HOME}/consumption?interval=day&from=2017-03-12&until=2017-03-13").json()
    assert spring["values"][0]["completeness"] == 1.0
    whole = sum_of("2017-03-12T00:00:00-08:00", "2017-03-13T00:00:00-07:00")
    assert spring["values"][0]["units_kwh"] == spring["total"]["units_kwh"] == pytest.approx(whole, rel=1e-12)

    repeated = known.get(f"/meters/{HOME}/consumption?from=2016-11-06T01:00:00-07:00&until=2016-11-06T02:00:00-08:00")
    values = repeated.json()["values"]
    assert [one["reading_ts"] for one in values] == ["2016-11-06T01:00:00-07:00", "2016-11-06T01:00:00-08:00"]
    assert [one["completeness"] for one in values] == [1.0, 0.0]


def test_estimated_values_are_marked_gaps_are_null_and_other_channels_are_not_mixed_in(known, made_up):
    days = known.get(f"{made_up}/consumption?interval=day").json()
    assert [one["completeness"] for one in days["values"]][-2:] == [1.0, 22 / 24]
    assert [one["units_kwh"] for one in days["values"]][-2:] == [11.5, None]  # 23 hours of 0.5
    assert [one["quality"] for one in days["values"]][-2:] == ["estimated", "validated"]
    hours = known.get(f"{made_up}/consumption?from=2017-03-26&until=2017-03-28").json()["values"]
    assert len(hours) == 47
    said = {one["reading_ts"]: (one["units_kwh"], one["quality"]) for one in hours}
    assert said["2017-03-26T14:00:00+02:00"] == (0.5, "estimated")
    assert said["2017-03-27T12:00:00+02:00"] == said["2017-03-27T17:00:00+02:00"] == (None, None)
    assert set(said.values()) == {(0.5, "validated"), (0.5, "estimated"), (None, None)}


@pytest.mark.parametrize("how", ["parameter", "header"])
def test_csv(known, made_up, how):
    address = f"{known.url}{made_up}/consumption?from=2017-03-27"
    answer = (
        httpx.get(f"{address}&format=csv") if how == "parameter" else httpx.get(address, headers={"accept": "text/csv"})
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 24
    assert rows[11] == {
        "reading_ts": "2017-03-27T11:00:00+02:00",
        "units_kwh": "0.5",
        "quality": "validated",
        "completeness": "1.0",
    }
    assert rows[12] == {
        "reading_ts": "2017-03-27T12:00:00+02:00",
        "units_kwh": "",
        "quality": "",
        "completeness": "0.0",
    }


def test_a_forecast_from_the_store_has_the_bits_of_the_same_history_posted(known):
    stored = known.get(f"/meters/{HOME}/forecast?horizon=7d").json()
    measured = shipped()
    last = max(measured)
    history = [
        {"reading_ts": local(ts), "units_kwh": measured.get(ts)} for ts in range(last - 1_343 * HOUR, last + 1, HOUR)
    ]
    request = {"zone": ZONE, "interval_minutes": 60, "history": history, "horizon": 168, "meter_id": HOME}
    request["country"] = "US"  # as the stored meter, whose days off are read from it
    posted = known.post("/forecast", request).json()
    assert [one["path"] for one in stored["warnings"]] == ["data_known_until"]  # 2017 is long ago
    assert "days old" in stored["warnings"][0]["message"]
    assert {**stored, "warnings": [], "history": 0} == {**posted, "history": 0}
    assert stored["history"]["used"] == posted["history"]["used"] == 1_344
    assert stored["data_known_until"] == "2017-07-31T23:00:00-07:00"


def test_a_forecast_sees_measured_values_only(known, made_up):
    stored = known.get(f"{made_up}/forecast").json()
    assert stored["history"]["used"] == 44  # of 47 hours one is missing, one null, one estimated
    assert stored["origin_ts"] == "2017-03-28T00:00:00+02:00"
    assert stored["basis"] == "population"
    assert {one["path"] for one in stored["warnings"]} == {"history", "data_known_until"}


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (f"/meters/{HOME}/consumption?interval=week", "interval"),
        (f"/meters/{HOME}/consumption?from=2017-01-01T00:00:00", "from"),
        (f"/meters/{HOME}/consumption?from=2017-13-01", "from"),
        (f"/meters/{HOME}/consumption?from=2017-02-01&until=2017-02-01", "until"),
        (f"/meters/{HOME}/consumption?from=2016-02-01&until=2017-02-01", "until"),
        (f"/meters/{HOME}/consumption?interval=day&from=1990-02-01&until=2017-02-01", "until"),
        (f"/meters/{HOME}/consumption?format=xml", "format"),
        (f"/meters/{HOME}/consumption?since=2017-01-01", "since"),
        (f"/meters/{HOME}/consumption?interval=day&interval=hour", "interval"),
        (f"/meters/{HOME}/forecast?horizon=169h", "horizon"),
        (f"/meters/{HOME}/forecast?horizon=-1", "horizon"),
        (f"/meters/{HOME}/forecast?origin=now", "origin"),
        ("/meters?limit=0", "limit"),
        ("/meters?limit=many", "limit"),
        ("/meters?after=%00", "after"),
    ],
)
def test_one_wrong_parameter_is_one_entry(known, path, where):
    errors = problem(known.get(path), 422)["errors"]
    assert [error["path"] for error in errors] == [where]
    assert errors[0]["remedy"]


def test_an_unescaped_plus_is_understood(known):
    plain = known.get(f"/meters/{HOME}/consumption?from=2017-03-01T00:00:00+01:00&until=2017-03-02").json()
    assert plain["since"] == "2017-02-28T15:00:00-08:00"


@pytest.mark.parametrize(
    "name", ["nobody", "%00", "x" * 300, "' OR true --", "%27%20OR%20%27%27%3D%27", "FONTANA-01%00"]
)
@pytest.mark.parametrize("what", ["consumption", "forecast"])
def test_a_meter_that_is_not_there(known, name, what):
    assert "GET /meters" in problem(known.get(f"/meters/{name}/{what}"), 404)["detail"]


def test_a_key_sees_its_meters_and_learns_of_no_other(predictor, forecaster, meter_database, tmp_path):
    """The same words for a meter that is there but not its own as for one that is not there."""
    key, kept = new_key("page", ["FONTANA-03", "FONTANA-05", "nobody"], "2026-01-01T00:00:00Z")
    write_keys(tmp_path / "keys.json", [kept])
    keep_as_last_copy(predictor, tmp_path)
    keep_forecaster(forecaster, tmp_path)
    settings = {"METER_DATABASE_URL": meter_database.url(), "METER_API_KEYS_FILE": str(tmp_path / "keys.json")}
    with running_service(tmp_path, settings=settings) as service:
        assert service.get("/meters").status_code == 401
        service.client.headers.update({"authorization": f"Bearer {key}", "x-request-id": "same"})
        assert [one["meter_id"] for one in service.get("/meters").json()["meters"]] == ["FONTANA-03", "FONTANA-05"]
        for what in ("consumption", "forecast"):
            assert service.get(f"/meters/FONTANA-05/{what}").status_code == 200
            others, nobody = (service.get(f"/meters/{name}/{what}") for name in (HOME, "FONTANA-99"))
            assert others.content == nobody.content == service.get(f"/meters/nobody/{what}").content
            assert problem(others, 404)
        request = {
            "zone": ZONE,
            "interval_minutes": 60,
            "horizon": 1,
            "origin_ts": "2017-01-01T00:00:00Z",
            "history": [],
        }
        assert service.post("/forecast", request | {"meter_id": "FONTANA-03"}).status_code == 200
        problem(service.post("/forecast", request | {"meter_id": HOME}), 403)


def test_without_a_database_it_is_said_how_to_name_one(service):
    for path in ("/meters", f"/meters/{HOME}/consumption"):
        assert "METER_DATABASE_URL" in problem(service.get(path), 503)["detail"]


def test_a_database_that_goes_away_under_load_takes_nothing_else_with_it(predictor, forecaster, tmp_path):
    keep_as_last_copy(predictor, tmp_path)
    keep_forecaster(forecaster, tmp_path)
    with postgres_server(WHEEL) as server:
        load_fontana(server.url())
        settings = {"METER_DATABASE_URL": server.url()}
        with running_service(tmp_path, settings=settings) as service, predicting(service.url) as load:
            path = f"/meters/{HOME}/consumption"
            assert service.get(path).status_code == 200
            server.kill()
            for address in (path, f"/meters/{HOME}/forecast", "/meters"):
                predicted = len(load.statuses)
                assert "cannot be reached" in problem(service.get(address), 503)["detail"]
                assert len(load.statuses) > predicted  # while that question waited
            assert service.get("/readyz").status_code == 200
            server.start()
            service.wait_for(lambda: service.get(path).status_code == 200)
            load.wait_for_more(100)
        said = service.log.read_text()
        assert said.count("cannot be reached or went away") == 1
        assert "the database answers again" in said
    assert set(load.statuses) == {200}


class predicting:  # noqa: N801 - reads as what it does
    """Single readings one after the other, beside whatever else happens."""

    def __init__(self, url: str) -> None:
        self.url, self.statuses = url, []
        self._thread, self._ended = threading.Thread(target=self._ask), threading.Event()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(30)

    def wait_for_more(self, count: int) -> None:
        enough, deadline = len(self.statuses) + count, time.monotonic() + 30
        while len(self.statuses) < enough and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.statuses) >= enough

    def _ask(self) -> None:
        body = json.dumps(SATURDAY_EVENING)
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self._ended.is_set():
                self.statuses.append(client.post("/predict", content=body).status_code)
