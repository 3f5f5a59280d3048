"""Why a forecast is another one: each cause alone is seen as itself, and together they add up."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.evaluation.forecast_change import PARTS, forecast_change
from meter_core.features.origins import origins_of
from meter_core.features.weather import PlaceWeather
from meter_core.models.candidates import ahead_recipes
from meter_core.models.fit_ahead import fit_forecaster
from tests.shipped_sample import sample_table
from tests.unit.test_weather import fitted, warmed  # noqa: F401 - fixtures

HORIZON = 24


@pytest.fixture(scope="module")
def home():
    """Four months of the shipped home, every hour measured."""
    table = sample_table("2009-02-01", "2009-06-01")
    return table.take(~np.isnan(table.units_kwh))


@pytest.fixture(scope="module")
def models(home):
    until = int(home.available_s[-1])
    linear = ahead_recipes()["linear"]
    return [fit_forecaster(home, linear, moment).predictor for moment in (until - 28 * 86_400, until)]


def check_adds_up(change):
    parts = sum(getattr(change, name) for name in PARTS)
    assert change.then + parts == pytest.approx(change.now)
    assert len(change.now) == HORIZON


def only(change, name):
    """The names of the parts that are not zero, and how many values that is."""
    assert [part for part in PARTS if np.abs(getattr(change, part)).max() > 1e-9] == [name]
    return change.values


def test_nothing_is_another_where_nothing_changed(home, models):
    change = forecast_change(home, home, models[1], models[1], HORIZON)
    assert change.values == {"corrected": 0, "late": 0, "new": 0}
    assert change.total["now"] == change.total["then"]
    end = home.ts_s[-1:] + 3600
    said = models[1].forecast(origins_of(replace(home, available_s=home.ts_s + 3600), end, 1).batch, HORIZON)
    assert change.now.tolist() == said.mean_kwh[0].tolist()


def test_a_corrected_value_is_told_from_one_that_came_late_and_from_new_ones(home, models):
    wrong = home.units_kwh.copy()
    wrong[-30] *= 5
    corrected = forecast_change(replace(home, units_kwh=wrong), home, models[1], models[1], HORIZON)
    assert only(corrected, "corrected") == {"corrected": 1, "late": 0, "new": 0}
    late = forecast_change(home.take(np.arange(len(home)) != len(home) - 30), home, models[1], models[1], HORIZON)
    assert only(late, "late") == {"corrected": 0, "late": 1, "new": 0}
    new = forecast_change(home.take(np.arange(len(home) - 24)), home, models[1], models[1], HORIZON)
    assert only(new, "new") == {"corrected": 0, "late": 0, "new": 24}
    model = forecast_change(home, home, *models, HORIZON)
    assert only(model, "model") == {"corrected": 0, "late": 0, "new": 0}


def test_all_at_once_add_up(home, models):
    wrong = home.units_kwh.copy()
    wrong[-60] += 3
    then = replace(home, units_kwh=wrong).take(np.delete(np.arange(len(home) - 24), -10))
    change = forecast_change(then, home, *models, HORIZON)
    check_adds_up(change)
    assert change.values == {"corrected": 1, "late": 1, "new": 24}
    said = change.as_dict()
    assert sum(each["now"] for each in said["intervals"]) == pytest.approx(said["total"]["now"])
    assert said["known_then_ts"] == "2009-05-30T22:00:00Z"


def test_weather_that_is_forecast_otherwise_is_told_from_the_rest(warmed, fitted):  # noqa: F811 - fixtures
    """Each midnight's forecast is of the same values; here the newest says ten degrees more of the hours ahead."""
    home = warmed.take(warmed.meter_id == "m0")
    end_s = int(home.ts_s[-1]) + 3600
    whole = home.weather[0]
    warmer = whole.valid_s >= end_s
    issued = np.full(warmer.sum(), end_s)
    hot = PlaceWeather(
        np.concatenate([whole.valid_s, whole.valid_s[warmer]]),
        np.concatenate([whole.known_s, issued]),
        np.concatenate([whole.temperature_c, whole.temperature_c[warmer] + 10]),
        np.concatenate([whole.observed, np.zeros(warmer.sum(), dtype=bool)]),
    )
    now, model = home.with_weather({"m0": hot}), fitted.predictor
    change = forecast_change(home, now, model, model, HORIZON, (end_s, end_s))
    assert only(change, "weather") == {"corrected": 0, "late": 0, "new": 0}
    assert change.total["weather"] > 0.3 * 24  # 0.2 to 0.3 kWh for each degree above 20
    check_adds_up(change)
    earlier = forecast_change(now, now, model, model, HORIZON, (end_s - 1, end_s))
    assert only(earlier, "weather") == {"corrected": 0, "late": 0, "new": 0}  # it was stored, but not known yet
    dry = forecast_change(home, now, model.dry, model.dry, HORIZON, (end_s, end_s))
    assert dry.total["weather"] == 0
