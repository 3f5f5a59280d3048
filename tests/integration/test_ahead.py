"""The task `ahead` on four measured homes, against a real PostgreSQL and a real MLflow: train, look, forecast."""

import csv
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import psycopg
import pytest
from sklearn.metrics import mean_pinball_loss, root_mean_squared_error

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.readings import CANONICAL_COLUMNS
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.clock_days import clock_days, targets
from meter_core.jobs import training_forecasts
from meter_core.jobs.explain_change import explain_change
from meter_core.jobs.models import list_models
from meter_core.jobs.predict import predict
from meter_core.jobs.predict_shards import combined, cut
from meter_core.jobs.train import train
from meter_core.models.candidates import ahead_recipes
from meter_core.models.candidates.boosting import Boosting
from meter_core.models.forecast_golden import golden_histories
from meter_core.models.forecast_range import Outline
from meter_core.models.forecaster import Forecaster
from meter_core.models.outline import ERROR, LINE
from meter_core.models.recipes import Recipe
from meter_core.registry.rest import Registry
from tests.integration.model_world import QUICK, load, new_world

FONTANA = Path(__file__).parents[2] / "data" / "fontana_10_homes_hourly_2016-17.csv.gz"
HOMES = 4
MODEL = "meter_forecast_v1"
ZONE = "America/Los_Angeles"
SINCE = datetime(2016, 8, 1, 7, tzinfo=UTC)
UNTIL = datetime(2017, 3, 11, 8, tzinfo=UTC)  # local midnight


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    """Twenty trees in place of sixty: what is tested here is not how accurate they are."""
    small = ahead_recipes() | {
        "boosting": Recipe("boosting", "ahead", {**Boosting.ahead, "max_iter": 20, "learning_rate": 0.25})
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_forecasts, "ahead_recipes", lambda *_: small)
        yield


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    made = new_world(postgres, tmp_path_factory.mktemp("ahead home"), "test_ahead")

    def few(frame):
        others = frame["meter_id"] > f"FONTANA-{HOMES:02d}"
        frame.drop(index=frame.index[others | (frame["reading_ts"] < SINCE)], inplace=True)
        frame.reset_index(drop=True, inplace=True)

    load(made.store, FONTANA, "fontana", few)
    return made


@pytest.fixture(scope="module")
def trained(world):
    with pytest.raises(RefusedError, match="no champion yet; `meter train --task ahead`"):
        predict("ahead", None, None, world.settings, world.connections)
    return train("ahead", None, UNTIL, world.settings, world.connections, retries=QUICK)


@pytest.fixture(scope="module")
def measured():
    """The file as it is, read without the product: energy of each local hour, a column a home."""
    raw = pd.read_csv(FONTANA).pivot_table(index="reading_ts", columns="meter_id", values="units_kwh")
    raw.index = pd.to_datetime(raw.index)
    return raw.iloc[:, :HOMES]


def test_forecasts_that_beat_the_baselines_are_registered_and_promoted(world, trained):
    assert trained.as_dict()["decision"] == "promoted", trained.why
    assert trained.model == MODEL
    assert "pinball" in trained.why
    assert trained.recipe == min(trained.candidates, key=lambda name: trained.candidates[name]["pinball"])
    for score in ("pinball", "mae", "rmse"):
        assert trained.metrics[score] < min(each[score] for each in trained.baselines.values() if each), score
    listed = list_models(world.settings, world.connections, "ahead")
    assert (listed.model, listed.champion) == (MODEL, trained.version)
    assert list_models(world.settings, world.connections).versions == []


def test_baselines_are_what_pandas_says(trained, measured):
    """28 local midnights, a day each, scored per home and averaged."""
    until = pd.Timestamp(UNTIL).tz_convert(ZONE).tz_localize(None)
    test = measured[(measured.index >= until - timedelta(days=28)) & (measured.index < until)]
    assert trained.rows == test.size
    before = measured.shift(24).loc[test.index]
    yesterday = np.mean([root_mean_squared_error(test[home], before[home]) for home in test])
    assert trained.baselines["same_hour_yesterday"]["rmse"] == pytest.approx(yesterday, rel=1e-9)
    profile = sum(measured.shift(24 * day) for day in range(1, 29)).loc[test.index] / 28
    month = np.mean([root_mean_squared_error(test[home], profile[home]) for home in test])
    assert trained.baselines["hour_profile_28d"]["rmse"] == pytest.approx(month, rel=1e-9)
    residual = measured - sum(measured.shift(24 * day) for day in range(1, 29)) / 28
    past = np.stack([residual.shift(24 * day).loc[test.index] for day in range(1, 57)])
    losses = []
    for level in (0.1, 0.5, 0.9):
        quantile = profile + np.quantile(past, level, axis=0, method="weibull")
        losses.append([mean_pinball_loss(test[home], quantile[home], alpha=level) for home in test])
    assert trained.baselines["hour_profile_28d"]["pinball"] == pytest.approx(np.mean(losses), rel=1e-9)


def test_the_same_readings_register_nothing_new(world, trained):
    again = train("ahead", None, UNTIL, world.settings, world.connections, retries=QUICK)
    assert (again.as_dict()["decision"], again.version) == ("unchanged", trained.version)


def test_mlflow_has_the_run_and_data_scientists_load_the_models(world, trained, tmp_path):
    run = world.client.get_run(trained.run_id)
    assert world.client.get_experiment(run.info.experiment_id).name == "meter_units_forecast"
    assert run.data.metrics["pinball"] == pytest.approx(trained.metrics["pinball"])
    assert {"skill_pinball", "candidate/linear/pinball", "baseline/hour_profile_ew7/mae"} <= set(run.data.metrics)
    mlflow.set_tracking_uri(world.connections.mlflow_tracking_uri)
    with Registry(world.connections.mlflow_tracking_uri, MODEL) as registry:
        forecaster = Forecaster.load(registry.fetch(registry.champion(), tmp_path))
    days = clock_days(golden_histories(60))
    matrix = np.concatenate(ahead_features(days, targets(days, 24), forecaster.usual_kw).matrix)
    outline = forecaster.models.outline(matrix)
    frame = pd.DataFrame(matrix, columns=list(AHEAD_FEATURES))
    main = "mean" if forecaster.models.has_median else LINE
    places = {name: f"{MODEL}/{trained.version}/{name}" for name in forecaster.models.models} | {
        main: f"{MODEL}@champion"
    }
    said = {name: mlflow.sklearn.load_model(f"models:/{place}").predict(frame) for name, place in places.items()}
    if not forecaster.models.has_median:
        line, error = said[LINE], said[ERROR]
        said = {"mean": line, "low": line - error, "middle": line, "high": line + error, "line": line}
    for name, expected in asdict(outline).items():
        np.testing.assert_allclose(asdict(Outline.ordered(**said))[name], expected, rtol=0, atol=1e-5, err_msg=name)
    card = json.loads(Path(world.client.download_artifacts(trained.run_id, "model_card.json")).read_text())
    assert card["about"]["task"] == "ahead"


def test_each_home_is_forecast_from_its_newest_reading(world, trained):
    result = predict("ahead", None, None, world.settings, world.connections, hours=48)
    assert (result.rows, result.in_training, result.findings) == (HOMES * 48, 0, ())
    assert Path(result.out).name == "meter_units_forecasts.csv"
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        stored = connection.execute(
            "SELECT meter_id, origin_ts, reading_ts, horizon_minutes, units_kwh, low_kwh, high_kwh, data_known_until, "
            "in_training, basis, model_name, made_at FROM prediction ORDER BY meter_id, reading_ts"
        ).fetchall()
        newest = dict(connection.execute("SELECT meter_id, max(reading_ts) FROM meter_reading GROUP BY 1").fetchall())
    assert len(stored) == HOMES * 48
    for place, (meter, origin, at, horizon, mean, low, high, known, seen, basis, model, _) in enumerate(stored):
        assert origin == known == newest[meter] + timedelta(hours=1)
        assert at == origin + timedelta(hours=place % 48)
        assert horizon == place % 48 * 60
        assert 0 <= low <= high
        assert mean > 0
        assert (seen, basis, model) == (False, "meter", MODEL)
    with Path(result.out).open(newline="") as lines:
        written = list(csv.DictReader(lines))
    assert [float(row["units_kwh"]) for row in written] == [row[4] for row in stored]
    again = predict("ahead", None, None, world.settings, world.connections, hours=48)
    assert (again.rows, again.mean) == (result.rows, result.mean)


def test_what_a_task_does_not_know_is_refused(world):
    for wrong, says in (
        ({"task": "ahead", "since": UNTIL}, "leave --since out"),
        ({"task": "reading", "hours": 48}, "say --task ahead"),
        ({"task": "ahead", "hours": 169}, "say 1 to 168"),
    ):
        asked = {"task": "ahead", "since": None, "out": None, **wrong}
        with pytest.raises(UsageError, match=says):
            predict(settings=world.settings, connections=world.connections, **asked)


def test_shards_forecast_the_same_as_one_run(world, trained, tmp_path):
    whole = predict("ahead", None, tmp_path / "whole.csv", world.settings, world.connections)
    out = tmp_path / "shards.csv"
    shards = cut("a-run", world.store.meter_ids(), 3)
    parts = [predict("ahead", None, out, world.settings, world.connections, shard=each).as_dict() for each in shards]
    made = combined(parts, str(out))
    assert out.read_bytes() == Path(whole.out).read_bytes()
    assert [made[name] for name in ("rows", "min", "max")] == [whole.rows, whole.min, whole.max]
    assert made["mean"] == pytest.approx(whole.mean)


def test_why_a_forecast_changed_is_told_from_what_was_stored_then(world, trained, tmp_path):
    """Last in this file: it corrects one value of a home, and brings three hours more."""
    home = "FONTANA-02"
    stored = world.store.readings(meters=[home])
    newest, before = stored["reading_ts"].iloc[-1], stored["units_kwh"].iloc[-1]
    moment = datetime.now(UTC)
    rows = [(newest, before + 2), *((newest + timedelta(hours=hour), 1.0) for hour in (1, 2, 3))]
    lines = [f"{home},{at.isoformat()},60,{kwh},,,,," for at, kwh in rows]
    (tmp_path / "more.csv").write_text("\n".join([",".join(CANONICAL_COLUMNS), *lines]) + "\n")
    load(world.store, tmp_path / "more.csv", "canonical")
    result = explain_change(home, moment, world.settings, world.connections).as_dict()
    assert result["values"] == {"corrected": 1, "late": 0, "new": 3}
    total = result["total"]
    assert total["now"] - total["then"] == pytest.approx(total["corrected"] + total["new"])
    assert (total["model"], result["model_then"], result["model_now"]) == (0.0, trained.version, trained.version)
    predict("ahead", None, tmp_path / "f.csv", world.settings, world.connections)
    with (tmp_path / "f.csv").open(newline="") as written:
        said = [float(row["units_kwh"]) for row in csv.DictReader(written) if row["meter_id"] == home]
    assert [each["now"] for each in result["intervals"]] == said
    with pytest.raises(RefusedError, match="nothing of the meter 'FONTANA-02' was stored at"):
        explain_change(home, datetime(2020, 1, 1, tzinfo=UTC), world.settings, world.connections)
