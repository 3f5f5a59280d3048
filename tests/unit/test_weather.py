"""Weather as it was known: which temperature counts when, and that nothing which came later is seen."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.calendar import DAY_S
from meter_core.contracts.forecasts import HistoryBatch
from meter_core.contracts.weather import WeatherValues
from meter_core.evaluation.ahead_leaks import HOURS, ahead_leak_findings, features_ahead, meter_of
from meter_core.evaluation.fit_leaks import ahead_fit_findings
from meter_core.evaluation.leak_linter import Features
from meter_core.evaluation.splits import split_at
from meter_core.evaluation.weather_leaks import weather_leak_findings
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.ahead_weather import WEATHER_FEATURES
from meter_core.features.availability import AHEAD_NEEDS
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import Origins, daily_origins, origins_of
from meter_core.features.weather import REACH_DAYS, PlaceWeather, seen_temperatures, weather_by_place
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.recipes import Recipe
from tests.unit.test_forecaster import FIRST_S, FIT_UNTIL_S, synthetic

H = 3600
DAY = 24 * H


def place_weather(*rows):
    """From (valid, known, temperature), hours."""
    valid, known, temperature = np.array(rows, dtype=float).T
    times = (valid * H).astype(np.int64), (known * H).astype(np.int64)
    return PlaceWeather(*times, temperature, np.zeros(len(valid), dtype=bool))


def test_the_newest_that_was_known_counts_and_what_came_later_does_not():
    weather = place_weather((10, 0, 1.0), (10, 6, 2.0), (10, 11, 3.0), (11, 0, 5.0))
    at = np.array([10 * H])
    assert [weather.at(moment * H, at)[0] for moment in (0, 5, 6, 10, 11, 99)] == [1, 1, 2, 2, 3, 3]
    assert np.isnan(weather.at(-1, at)).all()


def test_between_neighbours_lies_a_line_and_over_a_gap_nothing():
    weather = place_weather((0, 0, 10.0), (3, 0, 16.0), (7, 0, 20.0))
    asked = (np.array([-1, 0, 0.5, 2, 3, 5, 7, 8]) * H).astype(np.int64)
    expected = [np.nan, 10, 11, 14, 16, np.nan, 20, np.nan]  # 4 hours from 3 to 7 are too far
    np.testing.assert_allclose(weather.at(0, asked), expected)


def test_a_measurement_known_at_the_same_moment_stands_before_the_forecast():
    rows = {"valid_s": [0, 0], "issued_s": [H, H], "temperature_c": [4.0, 9.0], "observed": [True, False]}
    columns = {name: np.array(values) for name, values in rows.items()}
    found = weather_by_place(WeatherValues("test", place=np.array(["x", "x"], dtype=object), **columns))
    assert found["x"].at(H, np.array([0]))[0] == 4.0


def test_a_measurement_stays_where_a_forecast_was_issued_later():
    rows = {"valid_s": [0] * 4, "issued_s": [-H, H, 2 * H, 6 * H], "temperature_c": [1.0, 4.0, 5.0, 9.0]}
    columns = {name: np.array(values) for name, values in rows.items()}
    observed = np.array([False, True, True, False])
    found = weather_by_place(WeatherValues("test", np.array(["x"] * 4, dtype=object), observed=observed, **columns))
    assert [found["x"].at(known, np.array([0]))[0] for known in (0, H, 2 * H, 9 * H)] == [1, 4, 5, 5]


def test_an_hour_has_the_temperature_of_its_start_and_a_day_the_mean_of_its_hours():
    rows = [(hour, -100, float(hour)) for hour in range(-240, 100)]
    weather = place_weather(*rows)
    hourly = seen_temperatures(weather, 0, 0, 60, "UTC", before=3, after=2)
    np.testing.assert_allclose(hourly, [-3, -2, -1, 0, 1])
    daily = seen_temperatures(weather, 0, 0, 1440, "UTC", before=2, after=2)
    np.testing.assert_allclose(daily, [np.mean(range(-48, -24)), np.mean(range(-24, 0)), 11.5, np.mean(range(24, 48))])
    far = seen_temperatures(weather, 0, 0, 60, "UTC", before=24 * 20, after=0)
    assert np.isnan(far[: 24 * (20 - REACH_DAYS)]).all()
    assert not np.isnan(far[24 * (20 - REACH_DAYS) :]).any()


def test_a_day_of_25_hours_is_the_mean_of_its_first_24():
    """Paris, 2021-10-31: 22:00Z of the 30th to 23:00Z of the 31st."""
    origin = 1_635_631_200
    at = origin // H
    weather = place_weather(*[(at + hour, at - 99, float(hour)) for hour in range(60)])
    days = seen_temperatures(weather, origin, origin, 1440, "Europe/Paris", before=0, after=2)
    np.testing.assert_allclose(days, [11.5, 25 + 11.5])


@pytest.fixture(scope="module")
def warmed():
    """Two synthetic homes that use 0.3 kWh more for each degree above 20, in weather without a memory.

    Each midnight has a forecast of all hours of the week ahead, half a degree off; an hour after each its true value.
    """
    table, draws = synthetic(), np.random.default_rng(5)
    table = table.take(np.isin(table.meter_id, ["m0", "m1"]))
    hours = np.arange(FIRST_S, FIRST_S + 162 * DAY_S, H)
    outside = np.repeat(draws.uniform(10, 35, len(hours) // 12), 12)
    forecast = outside + draws.choice([-0.5, 0.5], len(hours))
    issued = [(hours // DAY_S - n) * DAY_S for n in range(8)]  # each midnight, a week ahead
    weather = PlaceWeather(
        np.concatenate([hours, *[hours] * len(issued)]),
        np.concatenate([hours + H, *issued]),
        np.concatenate([outside, *[forecast] * len(issued)]),
        np.arange(len(hours) * (1 + len(issued))) < len(hours),
    )
    warm = np.maximum(outside - 20, 0)[(table.ts_s - FIRST_S) // H]
    table = replace(table, units_kwh=table.units_kwh + 0.3 * warm)
    return table.with_weather(dict.fromkeys(set(table.meter_id.tolist()), weather))


def later_origins(table, known=True):
    table = table if known else table.without_weather()
    each = [
        origins_of(group, daily_origins(group, FIT_UNTIL_S, FIRST_S + 150 * DAY_S), 24)
        for group in (table.take(span) for span in table.groups())
    ]
    batch = HistoryBatch.stacked([one.batch for one in each])
    return Origins(batch, *(np.concatenate([getattr(one, n) for one in each]) for n in ("measured_kwh", "available_s")))


@pytest.fixture(scope="module")
def fitted(warmed):
    return fit_forecaster(warmed, Recipe("linear", "ahead"), FIT_UNTIL_S)


def test_a_forecaster_trained_with_weather_is_far_better_with_it_and_honest_without(warmed, fitted):
    forecaster = fitted.predictor
    assert forecaster.uses_weather
    errors, covered, widths = {}, {}, {}
    for known in (True, False):
        origins = later_origins(warmed, known)
        said = forecaster.forecast(origins.batch, 24)
        low, high = said.quantiles_kwh[:, :, 0], said.quantiles_kwh[:, :, 2]
        covered[known] = ((origins.measured_kwh >= low) & (origins.measured_kwh <= high)).mean()
        errors[known] = np.abs(said.mean_kwh - origins.measured_kwh).mean()
        widths[known] = (high - low).mean()
    assert errors[True] < 0.75 * errors[False]
    assert widths[True] < 0.85 * widths[False]
    assert covered[True] == pytest.approx(0.8, abs=0.07)
    assert covered[False] == pytest.approx(0.8, abs=0.07)


def test_without_weather_it_answers_bit_for_bit_as_the_model_that_never_saw_any(warmed, fitted):
    batch = later_origins(warmed, known=False).batch
    dry = fit_forecaster(warmed.without_weather(), fitted.recipe, FIT_UNTIL_S).predictor
    assert not dry.uses_weather
    np.testing.assert_array_equal(fitted.predictor.forecast(batch, 24).mean_kwh, dry.forecast(batch, 24).mean_kwh)
    paths = fitted.predictor.forecast(batch, 24).paths_kwh(3)
    np.testing.assert_array_equal(paths, dry.forecast(batch, 24).paths_kwh(3))


def test_hours_beyond_the_weather_forecast_are_those_without(warmed, fitted):
    batch = later_origins(warmed).batch
    short = replace(batch, temperature_c=batch.temperature_c[:, :6])
    said, dry = fitted.predictor.forecast(short, 24), fitted.predictor.dry.forecast(batch, 24)
    np.testing.assert_array_equal(said.quantiles_kwh[:, 6:], dry.quantiles_kwh[:, 6:])
    whole = fitted.predictor.forecast(batch, 24)
    np.testing.assert_array_equal(said.quantiles_kwh[:, :6], whole.quantiles_kwh[:, :6])


def test_it_comes_back_from_disk_with_both_halves(warmed, fitted, tmp_path):
    fitted.predictor.save(tmp_path)
    loaded = type(fitted.predictor).load(tmp_path)
    for known in (True, False):
        batch = later_origins(warmed, known).batch
        expected = fitted.predictor.forecast(batch, 24).quantiles_kwh
        np.testing.assert_array_equal(loaded.forecast(batch, 24).quantiles_kwh, expected)


def test_coming_temperatures_alone_help_too(warmed, fitted):
    origins = later_origins(warmed)
    said = fitted.predictor.forecast(replace(origins.batch, past_temperature_c=None), 24)
    without = fitted.predictor.dry.forecast(origins.batch, 24)
    error, dry = (np.abs(each.mean_kwh - origins.measured_kwh).mean() for each in (said, without))
    assert error < 0.8 * dry
    covered = (origins.measured_kwh >= said.quantiles_kwh[:, :, 0]) & (
        origins.measured_kwh <= said.quantiles_kwh[:, :, 2]
    )
    assert covered.mean() == pytest.approx(0.8, abs=0.08)


def test_weather_of_less_than_half_of_the_past_makes_no_model(warmed):
    whole = warmed.weather[0]
    late = whole.valid_s > FIT_UNTIL_S - 40 * DAY_S
    few = PlaceWeather(whole.valid_s[late], whole.known_s[late], whole.temperature_c[late], whole.observed[late])
    table = warmed.with_weather({"m0": few, "m1": few})
    assert not fit_forecaster(table, Recipe("linear", "ahead"), FIT_UNTIL_S).predictor.uses_weather


def test_no_feature_and_no_fit_sees_weather_that_came_later(warmed):
    assert ahead_leak_findings(warmed) == []
    split = split_at(FIT_UNTIL_S + DAY_S, FIT_UNTIL_S + 29 * DAY_S)
    assert ahead_fit_findings(warmed, split, Recipe("linear", "ahead")) == []


def test_weather_that_was_issued_after_the_origin_is_found(warmed):
    def leaking(asked, row):
        """What was issued in the day after the origin is seen as if it had been known."""
        group = meter_of(asked, row)
        batch = origins_of(group, asked.ts_s[[row]], HOURS, made_s=int(asked.ts_s[row]) + DAY_S).batch
        days = clock_days(batch)
        return ahead_features(days, targets(days, HOURS), 1.0).matrix.reshape(-1, len(AHEAD_FEATURES))

    honest = Features(AHEAD_FEATURES, features_ahead, AHEAD_NEEDS)
    assert weather_leak_findings(warmed, honest) == []
    found = weather_leak_findings(warmed, replace(honest, build=leaking))
    assert {finding.where for finding in found} == set(WEATHER_FEATURES)
    assert "issued later" in found[0].message
    assert found[0].evidence["issued_at"] > found[0].evidence["origin_ts"]


def test_a_fit_that_sees_later_weather_is_found(warmed, monkeypatch):
    split = split_at(FIT_UNTIL_S + DAY_S, FIT_UNTIL_S + 29 * DAY_S)
    real = PlaceWeather.at
    monkeypatch.setattr(PlaceWeather, "at", lambda self, known, at: real(self, known + 2 * DAY_S, at))
    found = ahead_fit_findings(warmed, split, Recipe("linear", "ahead"))
    assert "prediction_saw_the_test" in {finding.what for finding in found}
