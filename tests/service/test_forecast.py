"""`POST /forecast`: the forecaster's own numbers, sums from joint paths, and every gap and contradiction said."""

import asyncio
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest

from meter_core.contracts.forecasts import HistoryBatch
from tests.service.forecast_world import ZONE, local, shipped
from tests.service.test_problems import problem

HOUR = 3_600
DAY_OF_25_HOURS = datetime(2016, 11, 6, tzinfo=ZoneInfo(ZONE))
DAY_OF_23_HOURS = datetime(2017, 3, 12, tzinfo=ZoneInfo(ZONE))


def asked(values: dict[int, float | None], horizon="24h", **more) -> dict:
    history = [{"reading_ts": local(ts), "units_kwh": kwh} for ts, kwh in values.items()]
    return {"zone": ZONE, "interval_minutes": 60, "history": history, "horizon": horizon} | more


def before(origin: datetime, hours: int = 1_344) -> dict[int, float | None]:
    """The hours of the shipped home before an instant, null where there is none."""
    measured, end = shipped(), int(origin.timestamp())
    return {ts: measured.get(ts) for ts in range(end - hours * HOUR, end, HOUR)}


def row(values: dict[int, float | None]) -> np.ndarray:
    return np.array([np.nan if kwh is None else kwh for kwh in values.values()])


@pytest.mark.parametrize(("horizon", "steps"), [("24h", 24), (24, 24), ("7d", 168), (1, 1)])
def test_a_forecast_has_the_forecasters_numbers_bit_for_bit(known, forecaster, horizon, steps):
    origin = datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE))
    values = before(origin)
    response = known.post("/forecast", asked(values, horizon))
    assert response.status_code == 200, response.text
    answer = response.json()
    batch = HistoryBatch(np.array([int(origin.timestamp())]), [ZONE], np.array([60]), row(values)[None])
    said = forecaster.forecast(batch, steps)
    got = np.array([[one[name] for name in ("low_kwh", "median_kwh", "high_kwh")] for one in answer["forecast"]])
    assert np.array_equal(got, said.quantiles_kwh[0])
    assert [one["units_kwh"] for one in answer["forecast"]] == said.mean_kwh[0].tolist()
    assert [one["reading_ts"] for one in answer["forecast"]] == [
        local(int(origin.timestamp()) + step * HOUR) for step in range(steps)
    ]
    assert answer["origin_ts"] == answer["data_known_until"] == "2017-02-01T00:00:00-08:00"
    assert (answer["model_version"], answer["basis"], answer["zone"]) == ("3", "meter", ZONE)
    assert answer["warnings"] == []

    paths = said.paths_kwh()[0]
    total = answer["total"]
    assert total["units_kwh"] == pytest.approx(said.mean_kwh[0].sum(), rel=1e-12)
    expected = np.quantile(paths.sum(axis=1), [0.1, 0.5, 0.9])
    assert [total["low_kwh"], total["median_kwh"], total["high_kwh"]] == pytest.approx(expected.tolist(), rel=1e-12)
    assert sum(day["units_kwh"] for day in answer["days"]) == pytest.approx(total["units_kwh"], rel=1e-12)


def test_quantiles_of_a_day_are_not_sums_of_quantiles(known):
    day = known.post("/forecast", asked(before(datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE))))).json()
    added = sum(one["high_kwh"] - one["low_kwh"] for one in day["forecast"])
    assert day["total"]["high_kwh"] - day["total"]["low_kwh"] < 0.9 * added


@pytest.mark.parametrize(("midnight", "hours"), [(DAY_OF_25_HOURS, 25), (DAY_OF_23_HOURS, 23)])
def test_a_day_of_the_clock_change_has_its_own_hours(known, midnight, hours):
    answer = known.post("/forecast", asked(before(midnight), "48h")).json()
    first, second, *rest = answer["days"]
    assert (first["date"], first["intervals"], first["whole"]) == (f"{midnight:%Y-%m-%d}", hours, True)
    assert second["intervals"] == min(24, 48 - hours)
    assert second["whole"] == (hours == 23)
    assert len(rest) == (1 if hours == 23 else 0)
    assert first["units_kwh"] == pytest.approx(sum(one["units_kwh"] for one in answer["forecast"][:hours]))
    stamps = [one["reading_ts"] for one in answer["forecast"]]
    if hours == 25:
        assert stamps[1:3] == ["2016-11-06T01:00:00-07:00", "2016-11-06T01:00:00-08:00"]
    else:
        assert stamps[1:3] == ["2017-03-12T01:00:00-08:00", "2017-03-12T03:00:00-07:00"]


def test_order_layout_and_equal_duplicates_change_nothing(known):
    values = before(datetime(2016, 11, 7, tzinfo=ZoneInfo(ZONE)))  # the hour that autumn repeats is in it
    plain = known.post("/forecast", asked(values)).json()
    turned = asked(dict(reversed(values.items())))
    turned["history"] += turned["history"][:5]
    column = asked({}) | {"history": {"start": local(next(iter(values))), "units_kwh": list(values.values())}}
    utc = asked(values)
    for one in utc["history"]:
        one["reading_ts"] = datetime.fromisoformat(one["reading_ts"]).astimezone(ZoneInfo("UTC")).isoformat()
    for other in (turned, column, utc):
        answer = known.post("/forecast", other).json()
        assert {**answer, "history": 0} == {**plain, "history": 0}
        assert answer["history"]["used"] == plain["history"]["used"] == sum(kwh is not None for kwh in values.values())


def test_gaps_and_delay_are_said_and_nothing_is_filled(known, forecaster):
    origin = datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE))
    values = before(origin, 240)
    stamps = list(values)
    gone = {*stamps[20:26], *stamps[-12:]}
    answer = known.post(
        "/forecast", asked({ts: kwh for ts, kwh in values.items() if ts not in gone}, origin_ts=origin.isoformat())
    ).json()
    nulls = known.post("/forecast", asked({ts: None if ts in gone else kwh for ts, kwh in values.items()})).json()
    assert nulls["forecast"] == answer["forecast"]
    history = answer["history"]
    assert {name: history[name] for name in ("given", "used", "missing", "needed", "most")} == {
        "given": 222,
        "used": 222,
        "missing": 18,
        "needed": 168,
        "most": 1_344,
    }
    assert nulls["history"]["given"] == 240
    assert "1,122 more measured values" in history["advice"]
    assert answer["data_known_until"] == "2017-01-31T12:00:00-08:00"
    assert [(one["path"], one["value"]) for one in answer["warnings"]] == [("history", 12), ("history", 6)]
    expected = np.array([np.nan if ts in gone else kwh for ts, kwh in values.items()], dtype=float)
    batch = HistoryBatch(np.array([int(origin.timestamp())]), [ZONE], np.array([60]), expected[None])
    assert [one["units_kwh"] for one in answer["forecast"]] == forecaster.forecast(batch, 24).mean_kwh[0].tolist()


def test_without_a_history_it_rests_on_the_population_and_says_so(known):
    answer = known.post("/forecast", asked({}, origin_ts="2017-02-01T00:00:00-08:00")).json()
    assert (answer["basis"], answer["data_known_until"]) == ("population", None)
    assert [one["value"] for one in answer["warnings"]] == [0]
    assert "168 more measured values" in answer["warnings"][0]["remedy"]


def test_weather_is_taken_and_that_it_is_not_used_is_said(known):
    values = before(datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE)))
    weather = [{"reading_ts": "2017-02-01T00:00:00-08:00", "temperature_c": 11.5}]
    answer = known.post("/forecast", asked(values, weather=weather)).json()
    assert [one["path"] for one in answer["warnings"]] == ["weather"]
    assert answer["forecast"] == known.post("/forecast", asked(values)).json()["forecast"]


FIRST = {"reading_ts": "2017-01-01T00:00:00-08:00", "units_kwh": 1.0}
SECOND = {"reading_ts": "2017-01-01T01:00:00-08:00", "units_kwh": 2.0}
THIRD = {"reading_ts": "2017-01-01T02:00:00-08:00", "units_kwh": None}
RIGHT = {"zone": ZONE, "interval_minutes": 60, "history": [FIRST, SECOND, THIRD], "horizon": "24h"}


def without(name):
    return {field: value for field, value in RIGHT.items() if field != name}


def third(**more):
    return RIGHT | {"history": [FIRST, SECOND, THIRD | more]}


@pytest.mark.parametrize(
    ("request_", "path", "words"),
    [
        (third(reading_ts="2017-01-01T02:00:00"), "history[2].reading_ts", "without an offset"),
        (third(reading_ts="soon"), "history[2].reading_ts", "not a time"),
        (third(reading_ts="2090-01-01T00:00:00Z"), "history[2].reading_ts", "no time a meter measures at"),
        (third(reading_ts="2017-01-01T02:10:00-08:00"), "history[2].reading_ts", "between the intervals of 60 minutes"),
        (third(reading_ts="2017-01-01T01:00:00-08:00"), "history[2].reading_ts", "another energy for the same time"),
        (third(units_kwh="much"), "history[2].units_kwh", "not a number"),
        (third(units_kwh=1e12), "history[2].units_kwh", "more than 1,000,000,000 cannot be"),
        (third(kwh=1), "history[2].kwh", "none of the fields"),
        (RIGHT | {"history": [FIRST, 5]}, "history[1]", "not an object"),
        (RIGHT | {"history": [FIRST, {"reading_ts": FIRST["reading_ts"]}]}, "history[1].units_kwh", "is missing"),
        (RIGHT | {"history": 5}, "history", "not an object"),
        (RIGHT | {"history": {"start": "soon", "units_kwh": [1]}}, "history.start", "not a time"),
        (RIGHT | {"history": {"start": FIRST["reading_ts"]}}, "history.units_kwh", "is missing"),
        (
            RIGHT | {"history": {"start": FIRST["reading_ts"], "units_kwh": [1, True]}},
            "history.units_kwh[1]",
            "not a number",
        ),
        (RIGHT | {"history": []}, "origin_ts", "nothing says where the forecast begins"),
        (RIGHT | {"origin_ts": "2017-01-01T01:00:00-08:00"}, "origin_ts", "ends at 2017-01-01T03:00:00-08:00"),
        (RIGHT | {"origin_ts": "2017-01-01T03:30:00-08:00"}, "origin_ts", "a whole number of intervals later"),
        (RIGHT | {"zone": "America/Los_Angele"}, "zone", "not an IANA zone"),
        (RIGHT | {"interval_minutes": 15}, "interval_minutes", "the model was trained on 60"),
        (RIGHT | {"horizon": 169}, "horizon", "more than 168 cannot be"),
        (RIGHT | {"horizon": "169h"}, "horizon", "1 to 168 hours"),
        (RIGHT | {"horizon": "0h"}, "horizon", "1 to 168 hours"),
        (RIGHT | {"horizon": "24 hours"}, "horizon", "not written as it should be"),
        (RIGHT | {"horizon": True}, "horizon", "not"),
        (RIGHT | {"weather": [{"reading_ts": "2017-01-02", "temperature_c": 5}]}, "weather[0].reading_ts", "offset"),
        (
            RIGHT | {"weather": [{"reading_ts": FIRST["reading_ts"], "temperature_c": 99}]},
            "weather[0].temperature_c",
            "70",
        ),
        (RIGHT | {"weather": 5}, "weather", "not"),
        (RIGHT | {"model": 5}, "model", "none of the fields"),
        (without("horizon"), "horizon", "is missing"),
        (without("zone"), "zone", "is missing"),
    ],
)
def test_one_wrong_value_is_one_entry(known, request_, path, words):
    errors = problem(known.post("/forecast", request_), 422)["errors"]
    assert [error["path"] for error in errors] == [path], errors
    assert words in errors[0]["message"]
    assert errors[0]["remedy"]


def test_all_that_is_wrong_is_said_at_once(known):
    wrong = third(units_kwh="x") | {"horizon": "x", "zone": 5, "weather": [7]}
    paths = [error["path"] for error in problem(known.post("/forecast", wrong), 422)["errors"]]
    assert sorted(paths) == ["history[2].units_kwh", "horizon", "weather[0]", "zone"]
    wrong = third(reading_ts="soon") | {"horizon": "200h", "zone": "x", "interval_minutes": 30}
    paths = [error["path"] for error in problem(known.post("/forecast", wrong), 422)["errors"]]
    assert sorted(paths) == ["history[2].reading_ts", "horizon", "interval_minutes", "zone"]


def test_errors_and_bodies_without_end_end(known):
    many = RIGHT | {"history": [FIRST | {"units_kwh": "x"}] * 2_000}
    assert len(problem(known.post("/forecast", many), 422)["errors"]) == 100
    too_many = RIGHT | {"history": {"start": FIRST["reading_ts"], "units_kwh": [1] * 80_641}}
    assert "more than 80,640 values" in problem(known.post("/forecast", too_many), 422)["errors"][0]["message"]
    assert "bytes" in problem(httpx.post(f"{known.url}/forecast", content=b" " * 8_400_000), 413)["detail"]


def test_who_comes_together_is_computed_together_and_gets_the_same_bits(known):
    values = before(datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE)))
    stamps = list(values)
    requests = [asked({ts: values[ts] for ts in stamps[skip:]}, horizon) for skip in range(4) for horizon in (24, 48)]
    requests.insert(3, RIGHT | {"interval_minutes": 30})
    same_id = {"x-request-id": "together"}
    alone = [known.client.post("/forecast", json=one, headers=same_id) for one in requests]

    async def all_at_once():
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=known.url, timeout=60, limits=limits) as client:
            calls = [client.post("/forecast", json=one, headers=same_id) for _ in range(5) for one in requests]
            return await asyncio.gather(*calls)

    before_count = computed_together(known)
    answers = asyncio.run(all_at_once())
    for number, answer in enumerate(answers):
        expected = alone[number % len(requests)]
        assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    assert {one.status_code for one in alone} == {200, 422}
    assert computed_together(known) > before_count


def computed_together(service) -> float:
    lines = dict(line.rsplit(" ", 1) for line in service.get("/metrics").text.splitlines() if line[:1] != "#")
    return float(lines["meter_forecast_batch_size_count"]) - float(lines['meter_forecast_batch_size_bucket{le="1.0"}'])


def test_too_many_at_once_are_refused_and_the_others_answered(known):
    """300 clients that have sent all but the last byte, which then comes from all of them at once."""
    request = asked(before(datetime(2017, 2, 1, tzinfo=ZoneInfo(ZONE))), "7d")
    body = json.dumps(request).encode()
    port = int(known.url.rsplit(":", 1)[1])
    head = f"POST /forecast HTTP/1.1\r\nhost: here\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"

    async def burst():
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for _, writer in streams:
            writer.write(head.encode() + body[:-1])
            await writer.drain()
        for _, writer in streams:
            writer.write(body[-1:])
        answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
        for _, writer in streams:
            writer.close()
        return answers

    answers = asyncio.run(burst())
    statuses = [int(answer.split(b" ", 2)[1]) for answer in answers]
    assert set(statuses) == {200, 429}
    said = {answer.split(b"\r\n\r\n", 1)[1] for answer in answers if b" 200 " in answer[:20]}
    assert said == {known.post("/forecast", request).content}
    assert all(b"retry-after: 1" in answer for answer in answers if b" 429 " in answer[:20])


def test_without_a_forecast_model_it_is_said_how_to_get_one(service):
    response = service.post("/forecast", RIGHT)
    assert "meter train --task ahead" in problem(response, 503)["detail"]
    assert response.headers["retry-after"]
    assert service.get("/readyz").status_code == 200


def test_no_value_and_no_meter_is_written_to_the_log(known):
    known.post("/forecast", third(units_kwh=98765.4321) | {"meter_id": "secret-meter"})
    known.post("/forecast", third(units_kwh="98765.4321") | {"meter_id": "secret-meter"})
    known.get("/meters/secret-meter/forecast")
    for text in (known.log.read_text(), known.get("/metrics").text):
        assert "secret-meter" not in text
        assert "98765.4321" not in text
