"""Backtests of forecasts on the shipped homes, and the leak check with leaks planted."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.evaluation.ahead import Ahead, evaluate_ahead
from meter_core.evaluation.ahead_leaks import ahead_leak_findings, meter_of
from meter_core.evaluation.leak_linter import Features, lint
from meter_core.evaluation.splits import hold_out
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.availability import AHEAD_NEEDS
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import origins_of
from meter_core.features.readings import ReadingTable
from meter_core.jobs import backtest as job
from meter_core.models.candidates import ahead_recipes
from tests.unit.test_backtest import KEYS
from tests.unit.test_forecaster import synthetic

FONTANA = Path(__file__).parents[2] / "data" / "fontana_10_homes_hourly_2016-17.csv.gz"
HOMES = 3


@pytest.fixture(scope="module", autouse=True)
def linear_alone():
    """Without trees: what is tested here is not how accurate they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "ahead_recipes", lambda *_: {"linear": ahead_recipes()["linear"]})
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Three of the homes since December."""
    rows = pd.read_csv(FONTANA, dtype=str)
    few = rows[(rows["meter_id"] <= f"FONTANA-{HOMES:02d}") & (rows["reading_ts"] >= "2016-12-01")]
    path = tmp_path_factory.mktemp("few") / "few.csv"
    few.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def raw(file):
    """The file read without the product: energy of each local hour, a column a home."""
    found = pd.read_csv(file).pivot_table(index="reading_ts", columns="meter_id", values="units_kwh")
    return found.set_axis(pd.to_datetime(found.index))


def run(file, **more):
    asked = {"test_from": date(2017, 5, 8), "until": date(2017, 5, 22), **more}
    return job.backtest(file, "fontana", "ahead", **asked)


@pytest.fixture(scope="module")
def result(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    return run(file, out=out), out


def test_each_day_of_each_home_is_scored_from_its_midnight(result):
    content = result[0].as_dict()
    assert set(content) >= KEYS
    assert (content["rows"], content["origins"]) == (HOMES * 14 * 24, 14)
    assert set(content["skill"]) == {"rmse", "mae", "pinball"}
    assert content["protocol"]["test_from_ts"] == "2017-05-08T07:00:00Z"
    assert content["protocol"]["fit_until_ts"] == "2017-05-07T07:00:00Z"
    assert not result[0].leaking
    assert content["skill"]["rmse"] > 0


def test_the_sum_of_homes_comes_from_joint_paths(result):
    total = result[0].as_dict()["total"]
    assert (total["rows"], total["paths"]) == (14 * 24, 200)
    assert 0.6 < total["coverage"] < 0.95
    assert total["whole_forecast"]["rmse"] > total["rmse"]


def test_baselines_are_what_pandas_says(result, raw):
    window = (raw.index >= "2017-05-08") & (raw.index < "2017-05-22")
    for name, before in (("same_hour_last_week", raw.shift(168)), ("same_hour_yesterday", raw.shift(24))):
        error = (raw - before)[window]
        expected = float(np.sqrt((error**2).mean()).mean())
        assert result[0].as_dict()["baselines"][name]["rmse"] == pytest.approx(expected, rel=1e-9)


def test_the_report_says_when_each_was_forecast(result):
    rows = pd.read_csv(result[1] / "scored_rows.csv", parse_dates=["origin_ts", "reading_ts"])
    ahead = (rows["reading_ts"] - rows["origin_ts"]).dt.total_seconds() / 3600
    assert sorted(ahead.unique()) == list(range(24))
    assert (rows["origin_ts"].dt.tz_convert("America/Los_Angeles").dt.hour == 0).all()


def test_a_late_forecast_is_scored_on_the_hours_that_were_asked(file, raw):
    content = run(file, horizon="15h-38h", origin_hour=10, delay_hours=10, until=date(2017, 5, 20)).as_dict()
    # Twelve origins at ten o'clock; the last one's next day lies behind the end.
    assert (content["rows"], content["origins"]) == (HOMES * 11 * 24, 11)
    assert (content["protocol"]["hours"], content["protocol"]["delay_hours"]) == (38, 10)
    # Known until midnight: the latest value at each clock time is of the day before the origin's, two days back.
    error = (raw - raw.shift(48))[(raw.index >= "2017-05-09") & (raw.index < "2017-05-20")]
    expected = float(np.sqrt((error**2).mean()).mean())
    assert content["baselines"]["same_hour_yesterday"]["rmse"] == pytest.approx(expected, rel=1e-9)


def test_a_feature_that_knows_a_day_too_much_is_found():
    table = synthetic()

    def leaking(asked, row):
        days = clock_days(origins_of(meter_of(asked, row), asked.ts_s[[row]] + 86_400, 48).batch)
        return ahead_features(days, targets(days, 48), 1.0).matrix.reshape(-1, len(AHEAD_FEATURES))

    assert ahead_leak_findings(table) == []
    found = {finding.where for finding in lint(table, Features(AHEAD_FEATURES, leaking, AHEAD_NEEDS))}
    assert {"latest_at_clock", "profile_28d", "last_day"} <= found
    assert found <= set(AHEAD_FEATURES)


def test_a_length_that_first_appears_in_the_test_is_named_and_the_rest_is_scored():
    table = synthetic()
    split = hold_out(table)
    rows = (table.meter_id == "m0") & (table.ts_s >= split.test_from_s)
    odd = table.take(rows)
    odd = replace(odd, meter_id=np.full(len(odd), "A", dtype=object), interval_minutes=np.full(len(odd), 15))
    every = ReadingTable(**{n: np.concatenate([getattr(odd, n), getattr(table, n)]) for n in table.__slots__})
    linear = {"linear": ahead_recipes()["linear"]}
    evaluation = evaluate_ahead(every, [split], linear, Ahead())
    [finding] = [each for each in evaluation.findings if each.what == "length_not_learnt"]
    assert finding.evidence["interval_minutes"] == [15]
    assert "intervals of 15 minutes are not scored" in finding.message
    assert len(evaluation.rows) == int(split.test_rows(table).sum())
    assert np.isfinite(evaluation.candidate_scores["linear"]["pinball"])


@pytest.fixture(scope="module")
def heated(tmp_path_factory):
    """A home that only heats, 1 kWh for each degree below 18, in weather that nobody could have foreseen."""
    hours = pd.date_range("2020-01-01", periods=100 * 24, freq="h", tz="UTC")
    outside = np.repeat(np.random.default_rng(2).uniform(0, 18, len(hours) // 12), 12).round(1)
    rows = pd.DataFrame({"meter_id": "H1", "reading_ts": hours.strftime("%Y-%m-%dT%H:%M:%SZ"), "interval_minutes": 60})
    rows["units_kwh"], rows["temperature_c"] = 18 - outside, outside
    for name in ("voltage_v", "power_factor", "load_kw", "frequency_hz"):
        rows[name] = ""
    path = tmp_path_factory.mktemp("heated") / "heated.csv"
    rows.to_csv(path, index=False)
    return path


def test_weather_that_is_known_is_used_and_without_it_nothing_is_seen_of_it(heated):
    asked = {"test_from": date(2020, 3, 25), "until": date(2020, 4, 1), "zone": "UTC"}
    scores = {
        weather: job.backtest(heated, "canonical", "ahead", weather=weather, **asked).as_dict()
        for weather in ("actual", "none")
    }
    assert scores["actual"]["protocol"]["weather"] == "actual"
    assert scores["actual"]["metrics"]["rmse"] < 0.8
    assert scores["none"]["metrics"]["rmse"] > 3  # of such weather no day before says anything
    assert 0 < scores["actual"]["total"]["mape"] < scores["none"]["total"]["mape"]


def test_as_known_sees_the_forecast_of_the_day_before_and_not_the_right_one_that_came_later(heated, tmp_path):
    """Midnights forecast two days, each by chance two degrees too warm or too cold; an hour later they are right."""
    outside = pd.read_csv(heated)["temperature_c"].to_numpy()
    hours = pd.date_range("2020-01-01", periods=len(outside), freq="h", tz="UTC")
    wrong = outside + np.repeat(np.random.default_rng(7).choice([-2.0, 2.0], len(outside) // 24), 24)
    parts = [(hours.floor("D") - pd.Timedelta(days=n), wrong) for n in range(2)]
    parts.append((hours.floor("D") + pd.Timedelta(hours=1), outside))
    rows = [
        pd.DataFrame({"place": "x", "issued_at": issued, "valid_at": hours, "temperature_c": known})
        for issued, known in parts
    ]
    (weather := tmp_path / "weather.csv").write_text(pd.concat(rows).to_csv(index=False))
    asked = {"test_from": date(2020, 3, 25), "until": date(2020, 4, 1), "zone": "UTC"}
    found = job.backtest(heated, "canonical", "ahead", weather="as_known", weather_file=weather, **asked)
    content = found.as_dict()
    assert content["protocol"]["weather"] == "as_known"
    assert 1.8 < content["metrics"]["rmse"] < 2.9  # two degrees are two kWh; without weather it is over 3
    assert not found.leaking
    (two := tmp_path / "two.csv").write_text(pd.concat([rows[0], rows[1].assign(place="y")]).to_csv(index=False))
    with pytest.raises(UsageError, match=r"two.csv holds 2 places, x, y among them"):
        job.backtest(heated, "canonical", "ahead", weather="as_known", weather_file=two, **asked)


@pytest.mark.parametrize(
    ("weather", "words"),
    [
        ("actual", "few.csv holds none; say --weather none"),
        ("as_known", "say --weather as_known together with --weather-file FILE"),
    ],
)
def test_weather_that_a_file_does_not_hold_is_refused(file, weather, words):
    with pytest.raises(UsageError, match=words):
        run(file, weather=weather)
