"""`POST /explain`: the answer of `/predict` with what moved it, checked alike."""

import pytest

from meter_core.models.explain import GROUPS
from tests.service.measured_hours import presets
from tests.service.readings import SATURDAY_EVENING, at
from tests.service.service_process import running_service

EVENING = presets()["presets"][0]
WITH_HISTORY = {name: EVENING[name] for name in (*SATURDAY_EVENING, "meter_id", "recent_kwh")}


@pytest.mark.parametrize("reading", [SATURDAY_EVENING, WITH_HISTORY, at("2010-01-05T18:00:00+01:00", "Europe/Paris")])
def test_it_is_the_prediction_and_its_shares_add_up(service, reading):
    plain, explained = (service.post(path, reading).json() for path in ("/predict", "/explain"))
    assert {name: explained[name] for name in plain} == plain
    total = explained["reference_kwh"] + sum(one["kwh"] for one in explained["contributions"])
    assert total == pytest.approx(plain["units_kwh"], abs=1e-9)
    groups = [one["group"] for one in explained["contributions"]]
    assert set(groups) == set(GROUPS) - {"temperature", "frequency"} - (set() if plain["used_history"] else {"recent"})


def test_it_says_so_in_words(service):
    load = next(
        one for one in service.post("/v1/explain", WITH_HISTORY).json()["contributions"] if one["group"] == "load"
    )
    assert (load["value"], load["words"]) == ("3.29 kW", f"Load 3.29 kW: {load['kwh']:+.2f} kWh")


def test_what_predict_refuses_is_refused_in_the_same_words(service):
    for wrong in ({}, SATURDAY_EVENING | {"voltage_v": -5}, SATURDAY_EVENING | {"interval_minutes": 7}, [1]):
        plain, explained = (service.post(path, wrong) for path in ("/predict", "/explain"))
        assert (plain.status_code, explained.status_code) == (422, 422)
        for answer in (plain, explained):
            assert answer.headers["content-type"] == "application/problem+json"
        assert explained.json() | {"request_id": ""} == plain.json() | {"request_id": ""}


def test_without_a_model_it_says_so(tmp_path):
    with running_service(tmp_path) as service:
        answer = service.post("/explain", SATURDAY_EVENING)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
