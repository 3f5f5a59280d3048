"""A champion that looks at weather, in a real server: weather of a request, of the meter's stored place, and none."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from meter_core.calendar import DAY_S
from meter_core.contracts.forecasts import HistoryBatch
from meter_core.contracts.weather import OBSERVED_AFTER_S, Place, WeatherValues
from meter_core.features.readings import ReadingTable
from meter_core.features.weather import REACH_DAYS, weather_by_place
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.recipes import Recipe
from meter_core.sources import load_profile, read_delivery
from meter_core.store import Store
from tests.service.forecast_world import FITTED_UNTIL, FONTANA, HOME, ZONE, keep_forecaster, local, shipped
from tests.service.service_process import keep_as_last_copy, running_service

HOUR = 3_600
BEGIN_S = int(datetime(2016, 8, 1, tzinfo=UTC).timestamp())
END_S = max(shipped()) + HOUR
"""End of the home's data."""

PLACE = "fontana"
HOURS_S = BEGIN_S + HOUR * np.arange((END_S - BEGIN_S) // HOUR + 9 * 24)
MADE_UP_C = np.random.default_rng(5).uniform(5, 40, len(HOURS_S)).round(1)
"""Made up: nobody kept the weather of these homes."""


def values_of(valid_s, issued_s, temperature_c, observed):
    names = np.full(len(valid_s), PLACE, dtype=object)
    return WeatherValues("test", names, valid_s, issued_s, np.full(len(valid_s), observed), temperature_c)


def weather():
    """Measured until the data ends; of each hour a forecast two degrees too warm, issued eight days before."""
    past = HOURS_S < END_S
    measured = values_of(HOURS_S[past], HOURS_S[past] + OBSERVED_AFTER_S, MADE_UP_C[past], True)
    return WeatherValues.joined(
        "test", [measured, values_of(HOURS_S, HOURS_S - HOURS_S % DAY_S - 8 * DAY_S, MADE_UP_C + 2, False)]
    )


def between(first_s, until_s):
    return np.flatnonzero((first_s <= HOURS_S) & (until_s > HOURS_S))


def seen(first_s, until_s):
    """What counts of the hours now, by hand."""
    hours = between(first_s, until_s)
    return np.where(HOURS_S[hours] < END_S, MADE_UP_C[hours], MADE_UP_C[hours] + 2)


@pytest.fixture(scope="module")
def forecaster():
    frame = read_delivery(FONTANA, load_profile("fontana")).frame
    frame = frame[(frame["meter_id"] <= "FONTANA-03") & (frame["reading_ts"] < FITTED_UNTIL)]
    place = weather_by_place(weather())[PLACE]
    table = ReadingTable.of(frame, ZONE).with_weather(dict.fromkeys(frame["meter_id"].unique(), place))
    found = fit_forecaster(table, Recipe("linear", "ahead"), int(FITTED_UNTIL.timestamp())).predictor
    assert found.uses_weather
    return found


@pytest.fixture(scope="module")
def store(meter_database):
    """The shipped homes with the weather of the place where all of them stand."""
    store = Store(meter_database.url())
    store.record_weather(weather())
    store.record_place(Place(PLACE, is_default=True))
    yield store
    store.remove_place(PLACE, and_leave=True)


@pytest.fixture(scope="module")
def served(predictor, forecaster, store, meter_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("weather")
    keep_as_last_copy(predictor, home)
    keep_forecaster(forecaster, home)
    with running_service(home, settings={"METER_DATABASE_URL": meter_database.url()}) as running:
        yield running


def history():
    measured = shipped()
    return {ts: measured.get(ts) for ts in range(END_S - 1_344 * HOUR, END_S, HOUR)}


def posted(served, **more):
    values = [{"reading_ts": local(ts), "units_kwh": kwh} for ts, kwh in history().items()]
    asked = {"zone": ZONE, "interval_minutes": 60, "history": values, "horizon": "24h", "country": "US"}
    response = served.post("/forecast", asked | more)
    assert response.status_code == 200, response.text
    return response.json()


def given(first_s, until_s):
    """As a request says them."""
    stamps = HOURS_S[between(first_s, until_s)].tolist()
    return [
        {"reading_ts": local(ts), "temperature_c": c}
        for ts, c in zip(stamps, seen(first_s, until_s).tolist(), strict=True)
    ]


def by_hand(forecaster, with_weather):
    """What the forecaster says of the same history, with the temperatures put where they belong."""
    kwh = np.array([np.nan if each is None else each for each in history().values()])
    batch = HistoryBatch(np.array([END_S]), [ZONE], np.array([60]), kwh[None], holidays=["US"])
    if with_weather:
        past, reach_s = np.full((1, len(kwh)), np.nan), REACH_DAYS * DAY_S
        past[0, -reach_s // HOUR :] = seen(END_S - reach_s, END_S)
        coming = seen(END_S, END_S + DAY_S)[None]
        batch = replace(batch, past_temperature_c=past, temperature_c=coming)
    return numbers_of(forecaster.forecast(batch, 24))


def numbers_of(said):
    """(24, 4) mean and range, of a forecaster or an answer."""
    if isinstance(said, dict):
        names = ("units_kwh", "low_kwh", "median_kwh", "high_kwh")
        return np.array([[one[name] for name in names] for one in said["forecast"]])
    return np.column_stack([said.mean_kwh[0], said.quantiles_kwh[0]])


def stored(served):
    response = served.get(f"/meters/{HOME}/forecast?horizon=24h")
    assert response.status_code == 200, response.text
    return response.json()


def test_weather_of_a_request_is_used_bit_for_bit(served, forecaster):
    answer = posted(served, weather=given(END_S - REACH_DAYS * DAY_S, END_S + DAY_S))
    assert [one["path"] for one in answer["warnings"]] == []
    np.testing.assert_array_equal(numbers_of(answer), by_hand(forecaster, with_weather=True))


def test_without_weather_the_model_that_never_looks_at_it_answers_and_says_so(served, forecaster):
    answer = posted(served)
    (note,) = answer["warnings"]
    assert note["path"] == "weather"
    assert "uses the weather, and none is known: ranges are wider" in note["message"]
    np.testing.assert_array_equal(numbers_of(answer), by_hand(forecaster.dry, with_weather=False))
    assert not np.array_equal(numbers_of(answer), by_hand(forecaster, with_weather=True))


def test_hours_without_weather_are_answered_as_if_there_were_none(served, forecaster):
    half = posted(served, weather=given(END_S - REACH_DAYS * DAY_S, END_S + 12 * HOUR))
    assert [(one["path"], one["value"]) for one in half["warnings"]] == [("weather", 12)]
    np.testing.assert_array_equal(numbers_of(half)[:12], by_hand(forecaster, with_weather=True)[:12])
    np.testing.assert_array_equal(numbers_of(half)[12:], by_hand(forecaster, with_weather=False)[12:])


def test_the_weather_of_a_stored_place_is_used_as_it_is_known_now(served, forecaster, store):
    answer = stored(served)
    assert [one["path"] for one in answer["warnings"]] == ["data_known_until"]  # 2017 is long ago
    np.testing.assert_array_equal(numbers_of(answer), by_hand(forecaster, with_weather=True))

    coming = END_S + HOUR * np.arange(25)
    now_s = int(datetime.now(UTC).timestamp())
    for issued_s, changes in ((now_s + DAY_S, False), (now_s - HOUR, True)):
        store.record_weather(values_of(coming, np.full(25, issued_s), np.full(25, -20.0), False))
        assert np.array_equal(numbers_of(stored(served)), numbers_of(answer)) != changes


def test_a_meter_that_stands_nowhere_is_forecast_without(served, forecaster, meter_database):
    try:
        stand(meter_database, "false")
        answer = stored(served)
    finally:
        stand(meter_database, "true")
    assert {one["path"] for one in answer["warnings"]} == {"weather", "data_known_until"}
    np.testing.assert_array_equal(numbers_of(answer), by_hand(forecaster.dry, with_weather=False))


def stand(database, default):
    with psycopg.connect(database.url()) as connection:
        connection.execute(f"UPDATE weather_place SET is_default = {default}")
