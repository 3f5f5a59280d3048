"""Training on the shipped measured file, against a real PostgreSQL and a real MLflow."""

import csv
import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib.image
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import meter_core.sources
from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.contracts.features import FEATURES
from meter_core.features.history import HISTORY_FEATURES
from meter_core.features.readings import ReadingTable, table_features
from meter_core.jobs.models import list_models, promote, rollback, sync
from meter_core.jobs.train import train
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import Registry
from tests.integration.model_world import MODEL, QUICK, UCI, load, new_world

FLEET = Path(__file__).parents[3] / "shared" / "data" / "ceew_mathura_fleet_hourly_2020-01.csv"
SINCE = datetime(2008, 12, 1, tzinfo=UTC)
UNTIL = datetime(2009, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    made = new_world(postgres, tmp_path_factory.mktemp("train home"), "test_train")
    load(made.store)
    return made


@pytest.fixture(scope="module")
def trained(world):
    return train("reading", SINCE, UNTIL, world.settings, world.connections, retries=QUICK)


@pytest.fixture(scope="module")
def run(world, trained):
    return world.client.get_run(trained.run_id)


@pytest.fixture(scope="module")
def measured():
    """The file as it is, read without the product: UTC start and energy of each hour of the window."""
    raw = pd.read_csv(UCI)
    local = pd.to_datetime(raw["reading_ts"])
    at = local.dt.tz_localize("Europe/Paris", ambiguous=np.ones(len(raw), dtype=bool), nonexistent="NaT")
    raw["at"] = at.dt.tz_convert("UTC")
    return raw[(raw["at"] >= SINCE) & (raw["at"] < UNTIL)].set_index("at").sort_index()


def test_the_first_model_that_beats_the_baselines_is_champion(world, trained):
    assert trained.promoted
    assert not trained.refused
    assert world.versions() == {trained.version: ["champion"]}
    assert trained.metrics["rmse"] < min(scores["rmse"] for scores in trained.baselines.values() if scores)
    assert world.waiting == []
    [record] = world.store.promotions(MODEL)
    assert (record["action"], record["who"], record["model_version"]) == ("promoted", "meter train", trained.version)
    assert record["why"] == trained.why
    assert record["predictor_digest"] == world.client.get_model_version(MODEL, trained.version).tags["predictor_digest"]


def test_the_same_readings_and_recipes_register_nothing_new(world, trained):
    again = train("reading", SINCE, UNTIL, world.settings, world.connections, retries=QUICK)
    assert (trained.as_dict()["decision"], again.as_dict()["decision"]) == ("promoted", "unchanged")
    assert (again.run_id, again.version) == (trained.run_id, trained.version)
    assert (again.promoted, again.refused) == (True, False)
    assert again.why.startswith(f"Nothing is new: the same readings and the same recipes give champion {again.version}")
    assert again.metrics["rmse"] == trained.metrics["rmse"]
    assert world.versions() == {trained.version: ["champion"]}
    assert len(world.store.promotions(MODEL)) == 1
    assert world.waiting == []


def test_baselines_are_what_pandas_says(trained, measured):
    hold_out = measured[measured.index >= UNTIL - timedelta(days=28)]["units_kwh"]
    fitted = measured[measured.index < UNTIL - timedelta(days=29)]["units_kwh"]
    assert trained.rows == int(hold_out.notna().sum())
    mean = root_mean_squared_error(hold_out.dropna(), np.full(trained.rows, fitted.mean()))
    assert trained.baselines["mean"]["rmse"] == pytest.approx(mean, rel=1e-9)
    every_hour = measured["units_kwh"].resample("h").first()
    before = every_hour.ffill().shift(1).reindex(hold_out.index)  # one that was not measured steps back an hour
    known = hold_out.notna()
    persistence = root_mean_squared_error(hold_out[known], before[known])
    assert trained.baselines["persistence"]["rmse"] == pytest.approx(persistence, rel=1e-9)


def test_the_random_split_is_scikit_learns(trained, measured):
    """Linear regression on what the file delivers, split as published solutions split it."""
    rows = measured[measured["units_kwh"].notna()]
    local, volts, factor = rows.index.tz_convert("Europe/Paris"), rows["voltage_v"], rows["power_factor"]
    features = pd.DataFrame(
        {
            "voltage_v": volts,
            "power_factor": factor,
            "load_kw": rows["load_kw"],
            "hour": local.hour,
            "weekday": local.dayofweek,
            "weekend": local.dayofweek >= 5,
            "voltage_flag": ((volts < 180) | (volts > 250)).where(volts.notna()),
            "pf_issue": (factor < 0.85).where(factor.notna()),
            "load_intensity": (rows["load_kw"] * 20).clip(0, 100),
        }
    ).astype(float)
    fit, test, target, truth = train_test_split(features, rows["units_kwh"], test_size=0.3, random_state=42)
    said = make_pipeline(SimpleImputer(), LinearRegression()).fit(fit, target).predict(test)
    got = trained.random_split["linear"]
    assert got["rmse"] == pytest.approx(root_mean_squared_error(truth, said), rel=1e-6)
    assert got["mae"] == pytest.approx(mean_absolute_error(truth, said), rel=1e-6)
    assert got["r2"] == pytest.approx(r2_score(truth, said), rel=1e-6)
    assert "comparison with published figures only" in trained.random_split["note"]


def test_mlflow_has_parameters_figures_and_data(trained, run, world):
    params, metrics = run.data.params, run.data.metrics
    assert run.info.status == "FINISHED"
    assert world.client.get_experiment(run.info.experiment_id).name == "meter_units_regression"
    assert params["embargo_hours"] == "24"
    assert params["hold_out_from"] == "2009-11-03T00:00:00Z"
    assert params["trained_until"] == "2009-12-01T00:00:00Z"
    assert params["empty_features"].split(",") == ["temperature_c", "frequency_hz", "high_temp"]
    for name in ("rmse", "mae", "r2", "pinball", "coverage", "training_seconds", "skill_rmse"):
        assert name in metrics
    assert metrics["rmse"] == pytest.approx(trained.metrics["rmse"])
    assert metrics["baseline/persistence/rmse"] == pytest.approx(trained.baselines["persistence"]["rmse"])
    assert {"candidate/linear/rmse", "candidate/boosting/rmse", "random_split_70_30/linear/r2"} <= set(metrics)
    [data] = run.inputs.dataset_inputs
    assert trained.data["digest"].removeprefix("sha256:").startswith(data.dataset.digest)
    assert json.loads(data.dataset.source)["since"] == "2008-12-01T00:00:00Z"
    assert "| **boosting** |" in run.data.tags["mlflow.note.content"]


def test_plots_and_tables_are_artifacts(world, trained, tmp_path):
    folder = Path(world.client.download_artifacts(trained.run_id, "", str(tmp_path)))
    for name in ("residuals.png", "actual_vs_predicted.png"):
        picture = matplotlib.image.imread(folder / "plots" / name)
        assert min(picture.shape[:2]) > 500
        assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 50, "an empty picture"
    scores = {row["name"]: row for row in csv.DictReader(io.StringIO((folder / "scores.csv").read_text()))}
    assert float(scores["persistence"]["rmse"]) == pytest.approx(trained.baselines["persistence"]["rmse"])
    coefficients = list(csv.DictReader(io.StringIO((folder / "coefficients.csv").read_text())))
    by_name = {row["feature"]: row["kw_per_unit"] for row in coefficients if row["part"] == "snapshot"}
    assert float(by_name["load_kw"]) != 0
    assert by_name["frequency_hz"] == "", "a feature without a value has no weight"
    card = json.loads((folder / "model_card.json").read_text())
    assert card["about"]["metrics"]["rmse"] == pytest.approx(trained.metrics["rmse"])
    words = (folder / "model_card.md").read_text()
    for name, scores in trained.baselines.items():
        assert f"| {name} | {scores['rmse']:.4f} |" in words
    assert "| previous_kw | units_kwh | yes |" in words
    assert "| frequency_hz | frequency_hz | no value in the training window |" in words


def test_data_scientists_load_the_champion_as_they_know_it(world, trained, tmp_path):
    mlflow.set_tracking_uri(world.connections.mlflow_tracking_uri)
    uri = f"models:/{MODEL}@champion"
    model, generic = mlflow.sklearn.load_model(uri), mlflow.pyfunc.load_model(uri)
    alone = mlflow.sklearn.load_model(f"models:/{MODEL}/{trained.version}/snapshot")
    names = generic.metadata.get_input_schema().input_names()
    assert names == [*FEATURES, *HISTORY_FEATURES]
    assert list(generic.input_example.columns) == names
    assert generic.input_example["load_kw"].tolist() == pytest.approx([0.3 * n for n in range(8)]), (
        "somebody's readings"
    )
    with Registry(world.connections.mlflow_tracking_uri, MODEL) as registry:
        predictor = Predictor.load(registry.fetch(registry.champion(), tmp_path))
    table = ReadingTable.of(world.store.readings(SINCE, UNTIL))
    rows = np.arange(len(table) - 200, len(table))
    frame = pd.DataFrame(table_features(table, "history", rows), columns=names)
    part = predictor.history.mean_kw(np.ascontiguousarray(frame.to_numpy()))
    assert np.allclose(model.predict(frame), part, rtol=0, atol=1e-5)
    assert np.array_equal(generic.predict(frame), model.predict(frame))
    small = frame[list(FEATURES)]
    assert np.allclose(
        alone.predict(small), predictor.snapshot.mean_kw(np.ascontiguousarray(small.to_numpy())), rtol=0, atol=1e-5
    )
    assert predictor.about["metrics"]["rmse"] == pytest.approx(trained.metrics["rmse"])


@pytest.fixture(scope="module")
def kept(world, trained, tmp_path_factory):
    """A training while MLflow is away, what it said, and a copy of its run."""
    said = []
    since = UNTIL - timedelta(days=100)
    result = train("reading", since, UNTIL, world.settings, world.away, lambda text, *_: said.append(text), QUICK)
    folder = Path(world.connections.files_url) / "undelivered" / result.name
    return result, said, Path(shutil.copytree(folder, tmp_path_factory.mktemp("kept") / "aside"))


def put_back(world, aside, name, **changes):
    """Put a copy of a kept run under `undelivered/` again, as it was or as another run."""
    folder = Path(shutil.copytree(aside, Path(world.connections.files_url) / "undelivered" / name))
    if changes:
        content = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**content, "name": name, **changes}))


def test_while_mlflow_is_away_training_succeeds_and_the_run_is_kept(world, kept):
    result, said, _ = kept
    assert (result.run_id, result.version, result.promoted, result.refused) == (None, None, False, False)
    assert "MLflow did not answer in 2 tries" in result.why
    assert "meter models sync" in result.why
    assert said.count("MLflow does not answer (try 1 of 2)") == 1
    assert world.waiting == [result.name]
    with pytest.raises(UnavailableError):
        sync(world.settings, world.away, retries=QUICK)
    assert world.waiting == [result.name]
    assert list_models(world.settings, world.connections).undelivered == [result.name]


def test_what_waits_is_delivered_exactly_once(world, kept):
    name, before = kept[0].name, len(world.versions())
    aside = kept[2]
    done = sync(world.settings, world.connections, retries=QUICK)
    [settled] = done.delivered
    assert (settled.name, done.undelivered, world.waiting) == (name, [], [])
    assert world.client.get_run(settled.run_id).info.run_name == name
    assert len(world.versions()) == before + 1
    assert sync(world.settings, world.connections, retries=QUICK).delivered == []
    [record] = [each for each in world.store.promotions(MODEL) if each["model_version"] == settled.version]
    assert (record["who"], record["action"]) == ("meter models sync", "promoted" if settled.promoted else "refused")
    put_back(world, aside, name)  # a crash before the folder was removed
    [again] = sync(world.settings, world.connections, retries=QUICK).delivered
    assert (again.version, again.run_id, again.promoted) == (settled.version, settled.run_id, settled.promoted)
    assert len(world.versions()) == before + 1
    assert len([each for each in world.store.promotions(MODEL) if each["model_version"] == settled.version]) == 1


def test_a_promotion_that_broke_off_is_finished_as_the_gate_said(world, kept, trained, monkeypatch):
    """Half a percent of skill is enough for a refresh and would not be for a first champion."""
    aside = kept[2]
    evidence = json.loads((aside / "run.json").read_text())["evidence"]
    same = world.client.get_model_version(MODEL, trained.version).tags["recipe_identity"]
    evidence |= {"recipe": trained.recipe, "identity": same, "skill": 0.005, "skill_low": 0.001}
    champion = next(version for version, aliases in world.versions().items() if "champion" in aliases)
    evidence["refresh"] = {"name": f"champion {champion}", "improvement": 0.0, "low": -0.005, "rows": 672}
    put_back(world, aside, "reading-broke-off", evidence=evidence)

    def gone(*_):
        raise MlflowException("the connection broke")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_registered_model_alias", gone)
        with pytest.raises(UnavailableError):
            sync(world.settings, world.connections, retries=QUICK)
    [done] = sync(world.settings, world.connections, retries=QUICK).delivered
    assert done.promoted
    assert "refreshes champion" in done.why
    assert world.versions()[done.version] == ["champion"]
    [record] = [each for each in world.store.promotions(MODEL) if each["model_version"] == done.version]
    assert (record["action"], record["why"]) == ("promoted", done.why)


def test_the_next_training_delivers_what_waited(world, kept, trained, tmp_path):
    late = train("reading", UNTIL - timedelta(days=90), UNTIL, world.settings, world.away, retries=QUICK)
    aside = Path(shutil.copytree(Path(world.connections.files_url) / "undelivered" / late.name, tmp_path / "aside"))
    put_back(world, aside, "reading-broken", experiment="gone")
    experiment = world.client.create_experiment("gone")
    world.client.delete_experiment(experiment)
    before = len(world.versions())
    result = train("reading", UNTIL - timedelta(days=90), UNTIL, world.settings, world.connections, retries=QUICK)
    assert result.version is not None
    assert len(world.versions()) == before + 2
    assert world.waiting == ["reading-broken"], "one that cannot be delivered keeps no other waiting"
    assert [each.where for each in result.findings if each.what == "not_deliverable"] == ["reading-broken"]
    found = world.client.search_model_versions(f"name = '{MODEL}'")
    names = [world.client.get_run(version.run_id).info.run_name for version in found]
    assert {late.name, result.name} <= set(names)
    assert len(set(names)) == len(names)


def test_who_promotes_and_rolls_back_is_recorded(world, trained):
    champion = list_models(world.settings, world.connections).champion
    other = next(version for version in world.versions() if version != champion)
    done = promote(other, "anna", "seen in review", world.settings, world.connections)
    assert (done.champion, done.previous) == (other, champion)
    back = rollback("anna", "too many complaints", world.settings, world.connections)
    assert (back.champion, back.previous) == (champion, other)
    assert list_models(world.settings, world.connections).champion == champion
    newest = [(each["action"], each["who"], each["why"]) for each in world.store.promotions(MODEL)[:2]]
    assert newest == [("rolled_back", "anna", "too many complaints"), ("promoted", "anna", "seen in review")]
    assert world.store.promotions(MODEL)[0]["predictor_digest"] == back.digest


@pytest.fixture(scope="module")
def faulty(postgres, tmp_path_factory):
    return new_world(postgres, tmp_path_factory.mktemp("faulty"), "test_train_faulty")


def test_a_feature_that_is_its_target_fails_the_training(faulty):
    """A fault made by hand in measured data: the load at the start of the hour is the mean of the hour."""

    def leak(frame):
        frame["load_kw"] = frame["units_kwh"]

    load(faulty.store, change=leak)
    with pytest.raises(RefusedError, match=r"leak check failed the training: .*load_kw") as caught:
        train("reading", SINCE, UNTIL, faulty.settings, faulty.connections, retries=QUICK)
    assert "interval_mean" in str(caught.value)
    assert faulty.waiting == []
    assert faulty.client.search_registered_models(f"name = '{MODEL}'") == []


@pytest.mark.parametrize("declared", ["instant", "interval_mean"])
def test_an_interval_mean_declared_an_instant_fails_the_training(postgres, tmp_path, declared):
    """The fleet's load is the mean of its hour. Declared so, six days are merely too few."""
    if not FLEET.is_file():
        pytest.skip(f"{FLEET.name} is a development file; put it into {FLEET.parent}")
    said = Path(meter_core.sources.__file__).with_name("profiles").joinpath("ceew_fleet.yaml").read_text()
    profile = tmp_path / "fleet.yaml"
    profile.write_text(said.replace("load_kw: interval_mean", f"load_kw: {declared}"))
    world = new_world(postgres, tmp_path, "test_train_fleet")
    load(world.store, FLEET, str(profile))
    with pytest.raises(RefusedError) as caught:
        train("reading", None, None, world.settings, world.connections, retries=QUICK)
    assert ("leak check failed" in str(caught.value)) is (declared == "instant")
    assert ("load_kw explains" in str(caught.value)) is (declared == "instant")


def test_noise_is_registered_and_refused(postgres, tmp_path):
    """Synthetic: the measured hours in random order. Nothing can be predicted, so nothing may become champion."""

    def shuffle(frame):
        frame["units_kwh"] = np.random.default_rng(5).permutation(frame["units_kwh"].to_numpy())

    world = new_world(postgres, tmp_path, "test_train_noise")
    said = Path(meter_core.sources.__file__).with_name("profiles").joinpath("uci_sceaux.yaml").read_text()
    (tmp_path / "late.yaml").write_text(said.replace("voltage_v: instant", "voltage_v: interval_mean"))
    load(world.store, profile=str(tmp_path / "late.yaml"), change=shuffle)
    result = train("reading", UNTIL - timedelta(days=100), UNTIL, world.settings, world.connections, retries=QUICK)
    assert result.refused
    assert not result.promoted
    assert "No skill" in result.why
    assert world.versions() == {result.version: ["challenger"]}
    assert [each["action"] for each in world.store.promotions(MODEL)] == ["refused"]
    card = Path(world.client.download_artifacts(result.run_id, "model_card.json", str(tmp_path)))
    assert json.loads(card.read_text())["about"]["interval_means"] == ["voltage_v"]


def test_what_is_wrong_is_said(faulty, postgres, tmp_path):
    with pytest.raises(Exception, match="task 'tomorrow' is unknown") as caught:
        train("tomorrow", None, None, faulty.settings, faulty.connections)
    assert caught.value.exit_status == 2
    late = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(RefusedError, match=r"nothing to learn from .*`meter ingest`"):
        train("reading", late, None, faulty.settings, faulty.connections)
