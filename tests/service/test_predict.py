"""`/predict` and `/predict_batch`: the same numbers as the predictor itself gives, whoever comes with them."""

import asyncio

import bentoml
import httpx
import pytest

from tests.service.readings import SATURDAY_EVENING, as_columns, at, batch_of, made_up

METER = "UCI-SCEAUX-01"
COMPARED = ("units_kwh", "low_kwh", "high_kwh", "usual_low_kwh", "usual_high_kwh", "status", "basis")


def of_predictor(predictor, *batch):
    """What the predictor says, as the API names it."""
    said = predictor.predict(batch_of(*batch))
    return {name: getattr(said, name).tolist()[0] for name in COMPARED}


def same(answer, expected):
    return {name: answer[name] for name in COMPARED} == expected


@pytest.mark.parametrize("meter", [None, METER])
def test_one_reading_gets_the_predictors_numbers_bit_for_bit(service, predictor, meter):
    asked = SATURDAY_EVENING | ({"meter_id": meter} if meter else {})
    response = service.post("/predict", asked)
    assert response.status_code == 200
    answer = response.json()
    assert same(answer, of_predictor(predictor, asked, 18, 5, meter))
    assert answer["basis"] == ("meter" if meter else "population")
    assert answer["meter_id"] == meter
    assert answer["model_version"] == "7"
    assert answer["warnings"] == []
    assert answer["low_kwh"] <= answer["units_kwh"] <= answer["high_kwh"]


# Local hour and weekday (Monday 0) by hand. Paris: UTC+2 from 2009-03-29 01:00 to 2009-10-25 01:00 UTC, else UTC+1.
@pytest.mark.parametrize(
    ("stamp", "zone", "hour", "weekday"),
    [
        ("2009-03-29T00:30:00+00:00", "Europe/Paris", 1, 6),
        ("2009-03-29T01:00:00+00:00", "Europe/Paris", 3, 6),
        ("2009-10-25T00:00:00Z", "Europe/Paris", 2, 6),
        ("2009-10-25T02:00:00+01:00", "Europe/Paris", 2, 6),
        ("2009-12-31T23:30:00+00:00", "Europe/Paris", 0, 4),
        ("2020-01-05T18:29:59Z", "Asia/Kolkata", 23, 6),
        ("2020-01-05T18:30:00Z", "Asia/Kolkata", 0, 0),
    ],
)
def test_a_stamp_is_read_on_the_meters_clock(service, predictor, stamp, zone, hour, weekday):
    reading = at(stamp, zone)
    answer = service.post("/predict", reading).json()
    assert same(answer, of_predictor(predictor, reading, hour, weekday))


def test_agreeing_derived_values_and_times_are_welcome(service):
    given = {"is_weekend": 1, "voltage_flag": False, "pf_issue": 0, "load_intensity": 55.8, "high_temp": None}
    asked = at("2006-12-16T18:00:00+01:00", "Europe/Paris", local_hour=18, local_day_of_week=5, **given)
    assert service.post("/predict", asked).json() == service.post("/predict", SATURDAY_EVENING).json()


@pytest.mark.parametrize("size", [1, 7, 256])
def test_a_batch_of_any_size_gives_each_reading_the_same_bits(service, size):
    readings = made_up(256)
    alone = [service.post("/predict", reading).json() for reading in readings[:16]]
    answers = []
    for start in range(0, 256, size):
        response = service.post("/predict_batch", {"readings": readings[start : start + size]})
        assert response.status_code == 200, response.text
        answers += response.json()["predictions"]
    whole = service.post("/predict_batch", {"readings": readings}).json()
    without_path = [{**answer, "warnings": []} for answer in answers]
    assert without_path == [{**answer, "warnings": []} for answer in whole["predictions"]]
    assert without_path[:16] == [{**answer, "warnings": []} for answer in alone]
    assert whole["model_version"] == "7"
    assert {answer["used_history"] for answer in answers} == {True, False}
    assert {len(answer["warnings"]) > 0 for answer in answers} == {True, False}


def test_columns_are_answered_as_columns_with_the_same_numbers(service):
    readings = made_up(40, history=False)
    names = list(readings[0])
    table = service.post("/predict_batch", as_columns(readings, names)).json()
    objects = service.post("/predict_batch", {"readings": readings}).json()["predictions"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert [{**row, "warnings": len(row["warnings"])} for row in rows] == [
        {**one, "warnings": len(one["warnings"])} for one in objects
    ]
    assert set(table) == {"columns", "rows", "model_version"}


def test_columns_may_hold_text_and_history_in_any_order(service):
    row = {"meter_id": METER, **at("2009-06-01T18:00:00+02:00", "Europe/Paris"), "recent_kwh": [0.5] * 1344}
    names = list(row)
    first = service.post("/predict_batch", as_columns([row], names)).json()
    turned = service.post("/predict_batch", as_columns([row], names[::-1])).json()
    single = service.post("/predict", row).json()
    assert first == turned
    assert dict(zip(first["columns"], first["rows"][0], strict=True)) == single
    assert single["used_history"] is True
    assert (
        single["usual_low_kwh"] == single["usual_high_kwh"] == 0.5
    )  # a history that is always 0.5 has only one quartile


def test_ten_thousand_at_once(service):
    row = list(SATURDAY_EVENING.values())
    answer = service.post("/predict_batch", {"columns": list(SATURDAY_EVENING), "rows": [row] * 10_000})
    assert answer.status_code == 200
    assert len(answer.json()["rows"]) == 10_000


def test_readings_that_come_together_do_not_touch_each_other(service):
    """300 clients at once, every seventh with a wrong value: each gets the answer it would get alone."""
    readings = made_up(60)
    for number in range(0, 60, 7):
        readings[number] = readings[number] | {"interval_minutes": 15}
    same_id = {"x-request-id": "together"}
    expected = [service.client.post("/predict", json=reading, headers=same_id) for reading in readings]

    async def all_at_once():
        limits = httpx.Limits(max_connections=300)
        async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits) as client:
            asked = [client.post("/predict", json=one, headers=same_id) for _ in range(5) for one in readings]
            return await asyncio.gather(*asked)

    before = batches_of_more_than_one(service)
    for number, response in enumerate(asyncio.run(all_at_once())):
        alone = expected[number % 60]
        assert (response.status_code, response.content) == (alone.status_code, alone.content)
    assert {response.status_code for response in expected} == {200, 422}
    assert batches_of_more_than_one(service) > before


def batches_of_more_than_one(service):
    lines = dict(
        line.rsplit(" ", 1) for line in service.get("/metrics").text.splitlines() if line.startswith("meter_batch")
    )
    return float(lines["meter_batch_size_count"]) - float(lines['meter_batch_size_bucket{le="1.0"}'])


def test_bentomls_own_client_and_batching_work_too(service):
    """The declared `@bentoml.api(batchable=True)`, with a wrong reading among the right ones."""
    with bentoml.SyncHTTPClient(service.url) as client:
        right, wrong = client.predict(readings=[SATURDAY_EVENING, SATURDAY_EVENING | {"power_factor": 2}])
    assert right == service.post("/predict", SATURDAY_EVENING).json()
    assert wrong["status"] == 422
    assert wrong["errors"][0]["path"] == "power_factor"


def test_unusual_values_are_answered_with_a_warning(service):
    answer = service.post("/predict", SATURDAY_EVENING | {"voltage_v": 253.2, "load_kw": 5.4}).json()
    assert [warning["path"] for warning in answer["warnings"]] == ["voltage_v", "load_kw"]
    assert "253.2" in answer["warnings"][0]["message"]
    assert "180 to 250 V" in answer["warnings"][0]["message"]
