"""Weather and holidays from the store into forecasts: batch, the service and a backtest say the same bits."""

import asyncio
import csv
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import psycopg
import pytest

from bento.asked import asked_by, asked_of
from bento.forecast_answers import forecast_each
from bento.forecast_schemas import ForecastRequest
from meter_core.calendar import DAY_S
from meter_core.contracts.readings import CANONICAL_COLUMNS, TARGET_QUALITIES
from meter_core.contracts.weather import OBSERVED_AFTER_S, Place, WeatherValues
from meter_core.features.origins import origins_of
from meter_core.features.weather import REACH_DAYS
from meter_core.jobs.ingest import ingest
from meter_core.jobs.predict_forecasts import forecast_frame
from meter_core.jobs.stored_readings import stored_table
from meter_core.jobs.stored_weather import with_stored_weather
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.recipes import Recipe
from meter_core.settings import Settings
from meter_core.store import Store
from meter_core.store.lookups import Lookups
from tests.integration.model_world import new_database

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 184
END = BEGIN + timedelta(days=DAYS)  # 2026-07-04, a holiday in the United States, which is a Saturday; seen on the third
METERS = ("A", "B")
HOUR = timedelta(hours=1)


def warmth(count):
    """Temperatures without a memory, so that only a forecast of them helps."""
    return np.repeat(np.random.default_rng(3).uniform(5, 35, -(-count // 6)), 6)[:count].round(2)


def weather_of(place, warm):
    """Each midnight a forecast of the week, half a degree too warm; an hour after each hour what it was.

    Another hour later comes a wrong forecast of that past hour, which must not replace what was measured.
    """
    begin_s = int(BEGIN.timestamp())
    at = begin_s + 3600 * np.arange(len(warm))
    issued = [at - at % DAY_S - n * DAY_S for n in range(8)]
    known = int(END.timestamp())
    valid = np.tile(at, 10)
    values = WeatherValues(
        "test",
        np.full(len(valid), place, dtype=object),
        valid,
        np.concatenate([at + OBSERVED_AFTER_S, *issued, at + 2 * OBSERVED_AFTER_S]),
        np.concatenate([np.ones(len(at), dtype=bool), np.zeros(9 * len(at), dtype=bool)]),
        np.concatenate([warm, *[warm + 0.5] * 8, warm + 9]),
    )
    kept = values.issued_s <= known  # nothing that came after the last midnight
    columns = (getattr(values, n)[kept] for n in ("place", "valid_s", "issued_s", "observed", "temperature_c"))
    return WeatherValues("test", *columns)


@pytest.fixture(scope="module")
def url(postgres, tmp_path_factory):
    """Two meters in Chicago that cool, half a year of hours; B keeps still on public holidays."""
    found = new_database(postgres, "test_weather_ahead")
    Store(found).upgrade()
    folder = tmp_path_factory.mktemp("weather")
    warm, draws = warmth((DAYS + 8) * 24), np.random.default_rng(4)
    with (folder / "half.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(CANONICAL_COLUMNS)
        for meter in METERS:
            for hour in range(DAYS * 24):
                kwh = 1 + 0.3 * np.sin(hour * np.pi / 12) + 0.2 * max(0.0, warm[hour] - 20) + 0.1 * draws.random()
                lines.writerow([meter, (BEGIN + hour * HOUR).isoformat(), 60, round(kwh, 4)] + [""] * 5)
    ingest([folder / "half.csv"], "canonical", "America/Chicago", Settings(home=folder), found)
    with psycopg.connect(found) as connection:
        connection.execute("UPDATE meter SET country = 'US'")
    store = Store(found)
    store.record_weather(weather_of("chicago", warm))
    store.record_place(Place("chicago", 41.9, -87.6, is_default=True))
    return found


@pytest.fixture(scope="module")
def forecaster(url):
    store = Store(url)
    table = with_stored_weather(stored_table(store.readings(), store.interval_means()), store)
    return fit_forecaster(table, Recipe("linear", "ahead"), int(END.timestamp())).predictor


def said(answer):
    columns = ("units_kwh", "low_kwh", "high_kwh")
    return np.array([[getattr(each, name) for name in columns] for each in answer.forecast])


def batch(store, forecaster, meter="B", hours=48):
    frame, findings = forecast_frame(store, forecaster, hours, [meter])
    return frame[["units_kwh", "low_kwh", "high_kwh"]].to_numpy(), findings


def from_store(url, forecaster, meter="B"):
    """As `GET /meters/{meter_id}/forecast` answers."""

    async def asked():
        lookups = Lookups(url)
        await lookups.open()
        try:
            known = await lookups.meter(meter, None, TARGET_QUALITIES)
            stamps_s, kwh = await lookups.history(known)
            now_s = datetime.now(UTC).timestamp()
            return known, stamps_s, kwh, now_s, await lookups.weather(known, now_s)
        finally:
            await lookups.close()

    known, stamps_s, kwh, now_s, weather = asyncio.run(asked())
    one = asked_of(known, stamps_s, kwh, "48h", forecaster.intervals, now_s, weather, forecaster.uses_weather)
    return forecast_each([one], forecaster, "1")[0]


def body(store, **more):
    """As a client asks who has the same history and the same weather."""
    readings = store.readings(meters=["B"])
    history = [
        {"reading_ts": at.isoformat(), "units_kwh": kwh}
        for at, kwh in zip(readings["reading_ts"], readings["units_kwh"], strict=True)
    ][-1344:]
    about = {"zone": "America/Chicago", "interval_minutes": 60, "horizon": "48h", "history": history}
    return about | more


def posted(forecaster, body):
    request = msgspec.convert(body, ForecastRequest)
    now_s = datetime.now(UTC).timestamp()
    return forecast_each([asked_by(request, forecaster.intervals, now_s, forecaster.uses_weather)], forecaster, "1")[0]


def coming_weather(url, past_days=10):
    """The temperatures of the store as a request gives them: measured before the end, forecast after it."""
    warm = warmth((DAYS + 8) * 24)
    first = (DAYS - past_days) * 24
    stamps = [BEGIN + hour * HOUR for hour in range(first, (DAYS + 3) * 24)]
    # of the very last hour nothing was measured by midnight: its forecast stands
    known = np.concatenate([warm[first : DAYS * 24], warm[DAYS * 24 :] + 0.5])
    return [
        {"reading_ts": at.isoformat(), "temperature_c": float(c)}
        for at, c in zip(stamps, known[: len(stamps)], strict=True)
    ]


def test_three_ways_to_one_forecast_with_weather_and_holidays(url, forecaster):
    store = Store(url)
    assert forecaster.uses_weather
    from_batch, findings = batch(store, forecaster)
    stored = from_store(url, forecaster)
    request = posted(forecaster, body(store, weather=coming_weather(url), country="US"))
    np.testing.assert_array_equal(said(stored), from_batch)
    np.testing.assert_array_equal(said(request), from_batch)
    assert [note.path for note in request.warnings] == []
    assert [note.path for note in stored.warnings] in ([], ["data_known_until"])
    assert [(each.what, str(each.severity)) for each in findings] == [("weather_used", "info")]

    group = stored_table(store.readings(meters=["B"]), store.interval_means())
    end = np.array([int(END.timestamp())])
    backtested = origins_of(with_stored_weather(group, store), end, 48).batch
    np.testing.assert_array_equal(forecaster.forecast(backtested, 48).mean_kwh[0], from_batch[:, 0])


def test_no_weather_is_read_that_no_forecast_looks_at(url):
    store, end_s = Store(url), int(END.timestamp())
    table = stored_table(store.readings(meters=["B"]), store.interval_means())
    whole, late = (with_stored_weather(table, store, first_s).weather[0] for first_s in (None, end_s))
    assert late.valid_s.min() == end_s - REACH_DAYS * DAY_S
    assert whole.valid_s.min() == int(BEGIN.timestamp())


def test_batch_reads_of_each_hour_the_one_temperature_that_counts_now(url, forecaster, monkeypatch):
    store, read = Store(url), []
    expected, _ = batch(store, forecaster)
    now_s, end_s = int(datetime.now(UTC).timestamp()), int(END.timestamp())
    coming = end_s + 3600 * np.arange(48)
    later = np.full(48, now_s + 3600)  # issued after the forecasts are made, as by a clock that is ahead
    hot = WeatherValues(
        "t", np.full(48, "chicago", dtype=object), coming, later, np.zeros(48, dtype=bool), later * 0 + 60.0
    )
    store.record_weather(hot)
    whole = Store.weather
    monkeypatch.setattr(Store, "weather", lambda self, wanted: read.append(whole(self, wanted)) or read[-1])
    try:
        found, _ = batch(store, forecaster)
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM weather WHERE temperature_c = 60")
    np.testing.assert_array_equal(found, expected)
    (values,) = read
    assert values.issued_s.max() <= now_s
    assert len(np.unique(values.valid_s)) == len(values), "an instant's older issues are read too"
    assert set(coming.tolist()) <= set(values.valid_s.tolist())


def test_the_holiday_counts_in_all_of_them(url, forecaster):
    """Independence Day 2026 is a Saturday, kept on Friday 3 July: the local days of these hours."""
    store, weather = Store(url), coming_weather(url)
    with_holiday = said(posted(forecaster, body(store, weather=weather, country="US")))
    without = said(posted(forecaster, body(store, weather=weather)))
    assert not np.array_equal(with_holiday, without)
    np.testing.assert_array_equal(with_holiday, batch(store, forecaster)[0])


def test_without_weather_it_answers_wider_and_says_so(url, forecaster):
    store = Store(url)
    with_weather = said(posted(forecaster, body(store, weather=coming_weather(url), country="US")))
    dry = posted(forecaster, body(store, country="US"))
    assert [(note.path, "ranges are wider" in note.message) for note in dry.warnings] == [("weather", True)]
    assert np.diff(said(dry)[:, 1:]).mean() > 1.5 * np.diff(with_weather[:, 1:]).mean()
    np.testing.assert_array_equal(said(dry), said(posted(forecaster.dry, body(store, country="US"))))
    half = posted(forecaster, body(store, weather=coming_weather(url)[: 10 * 24 + 24], country="US"))
    (note,) = half.warnings
    assert (note.path, note.value) == ("weather", 24)
    np.testing.assert_array_equal(said(half)[24:], said(dry)[24:])
    np.testing.assert_array_equal(said(half)[:24], with_weather[:24])


def test_a_model_without_weather_says_that_it_ignores_it(url, forecaster):
    answer = posted(forecaster.dry, body(Store(url), weather=coming_weather(url), country="US"))
    (note,) = answer.warnings
    assert note.path == "weather"
    assert "trained without weather and ignores it" in note.message


def test_batch_says_where_the_weather_is_not_known(url, forecaster):
    store = Store(url)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE weather_place SET is_default = false")
    try:
        without, findings = batch(store, forecaster)
    finally:
        store.record_place(Place("chicago", is_default=True))
    assert [str(each.severity) for each in findings] == ["warning"]
    assert findings[0].evidence == {"with_weather": 0, "without_weather": 1}
    assert np.diff(without[:, 1:]).mean() > 1.5 * np.diff(batch(store, forecaster)[0][:, 1:]).mean()
