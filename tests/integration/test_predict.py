"""Batch inference with a real champion: to PostgreSQL, to a CSV, once for each reading and version."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.jobs.predict import predict
from meter_core.jobs.train import train
from tests.integration.mlflow_server import artifacts_folder
from tests.integration.model_world import MODEL, QUICK, load, new_world

SINCE = datetime(2008, 12, 1, tzinfo=UTC)
UNTIL = datetime(2009, 12, 1, tzinfo=UTC)
CANONICAL = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """One home, trained up to December 2009."""
    made = new_world(postgres, tmp_path_factory.mktemp("predict home"), "test_predict")
    with pytest.raises(RefusedError, match="no champion yet; `meter train`"):
        predict("reading", None, None, made.settings, made.connections)
    load(made.store)
    trained = train("reading", SINCE, UNTIL, made.settings, made.connections, retries=QUICK)
    assert trained.promoted, trained.why
    return made


@pytest.fixture(scope="module")
def first(world):
    return predict("reading", None, None, world.settings, world.connections)


def rows(world, query, *parameters):
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        return connection.execute(query, parameters).fetchall()


def test_every_reading_is_predicted_once(world, first):
    assert first.rows == 26_667  # the file's 26,670 less the three hours that no clock showed
    assert rows(world, "SELECT count(*) FROM prediction") == [(first.rows,)]
    again = predict("reading", None, None, world.settings, world.connections)
    assert (again.rows, again.min, again.mean, again.max, again.out) == (0, None, None, None, None)
    assert rows(world, "SELECT count(*) FROM prediction") == [(first.rows,)]


def test_csv_and_table_say_the_same(world, first):
    assert Path(first.out).name == "meter_units_predictions.csv"
    with Path(first.out).open(newline="") as lines:
        written = {row["reading_ts"]: row for row in csv.DictReader(lines)}
    stored = rows(
        world,
        "SELECT reading_ts, units_kwh, low_kwh, high_kwh, status, in_training, model_name, model_version "
        "FROM prediction",
    )
    assert len(written) == len(stored) == first.rows
    for at, kwh, low, high, status, in_training, name, version in stored:
        row = written[at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]
        assert [float(row[key]) for key in ("units_kwh", "low_kwh", "high_kwh")] == [kwh, low, high]
        assert (row["status"], row["in_training"], row["model_version"]) == (status, str(in_training), version)
        assert (name, version) == (MODEL, first.model_version)
        assert low <= kwh <= high
    kwh = [float(row["units_kwh"]) for row in written.values()]
    assert (first.min, first.max) == (min(kwh), max(kwh))
    assert first.mean == pytest.approx(sum(kwh) / len(kwh))


def test_rows_the_champion_was_trained_on_are_marked(world, first):
    counted = rows(
        world,
        "SELECT bool_and(in_training = (reading_ts >= %s AND reading_ts < %s)), count(*) FILTER (WHERE in_training) "
        "FROM prediction",
        SINCE,
        UNTIL,
    )
    assert counted == [(True, first.in_training)]
    assert 0 < first.in_training < first.rows


def test_since_predicts_again_and_doubles_nothing(world, first, tmp_path):
    since = datetime(2009, 12, 24, tzinfo=UTC)
    out = tmp_path / "new folder" / "december.csv"
    before = rows(world, "SELECT reading_ts, units_kwh FROM prediction ORDER BY 1")
    again = predict("reading", since, out, world.settings, world.connections)
    assert again.rows == rows(world, "SELECT count(*) FROM meter_reading WHERE reading_ts >= %s", since)[0][0]
    assert again.out == str(out)
    assert out.read_text().count("\n") == again.rows + 1
    assert rows(world, "SELECT reading_ts, units_kwh FROM prediction ORDER BY 1") == before, "same bits the second time"


def test_new_readings_are_predicted_and_unknown_intervals_are_named(world, first, tmp_path):
    """Another meter, made by hand: two hours, and one half-hour, a length the champion was never trained on."""
    delivered = tmp_path / "new.csv"
    delivered.write_text(
        CANONICAL
        + "M1,2010-01-05T10:00:00+01:00,60,0.5,230,,0.95,0.6,\n"
        + "M1,2010-01-05T11:00:00+01:00,60,,231,,0.95,0.7,\n"
        + "M2,2010-01-05T10:00:00+01:00,30,0.2,230,,0.95,0.5,\n"
    )
    load(world.store, delivered, "canonical")
    result = predict("reading", None, tmp_path / "out.csv", world.settings, world.connections)
    assert result.rows == 2, "a reading whose energy is still missing is predicted too"
    assert result.in_training == 0
    [finding] = result.findings
    assert finding.what == "interval_never_trained_on"
    assert "1 readings of 30 minutes" in finding.message


def test_csv_that_cannot_be_written_is_said_and_nothing_counts_as_predicted(world, first, tmp_path):
    (tmp_path / "folder").write_text("a file where the folder should be")
    since = datetime(2009, 12, 30, tzinfo=UTC)
    before = rows(world, "SELECT count(*) FROM prediction_run")
    with pytest.raises(UnavailableError, match="cannot be written"):
        predict("reading", since, tmp_path / "folder" / "x.csv", world.settings, world.connections)
    assert rows(world, "SELECT count(*) FROM prediction_run") == before


def test_a_champion_whose_files_were_changed_is_refused_and_replaced_by_training(world, first, tmp_path):
    """Last of all: it damages the champion in the registry's own storage."""
    version = world.client.get_model_version(MODEL, first.model_version)
    place = urlsplit(world.client.get_model_version_download_uri(MODEL, version.version)).path.lstrip("/")
    predictor = artifacts_folder() / place / "predictor" / "predictor.json"
    words = json.loads(predictor.read_text())
    words["floor_kw"] = 17.0
    predictor.write_text(json.dumps(words))
    fresh = world.settings.model_copy(update={"home": tmp_path / "other machine"})
    connections = replace(world.connections, home=fresh.home)
    with pytest.raises(RefusedError, match="changed or damaged after training"):
        predict("reading", datetime(2009, 12, 30, tzinfo=UTC), None, fresh, connections)
    trained = train("reading", SINCE, UNTIL, fresh, connections, retries=QUICK)
    assert "champion_not_compared" in [finding.what for finding in trained.findings]
    assert trained.promoted, "a new training is the remedy that the refusal names"
    assert predict("reading", datetime(2009, 12, 30, tzinfo=UTC), None, fresh, connections).rows > 0


def test_a_window_is_predicted_and_no_more(world, first, tmp_path):
    since, until = datetime(2009, 3, 1, tzinfo=UTC), datetime(2009, 3, 3, tzinfo=UTC)
    made = predict("reading", since, tmp_path / "w.csv", world.settings, world.connections, until=until)
    with Path(made.out).open(newline="") as lines:
        stamps = [row["reading_ts"] for row in csv.DictReader(lines)]
    assert (made.rows, stamps[0], stamps[-1]) == (48, "2009-03-01T00:00:00Z", "2009-03-02T23:00:00Z")
