"""The exported predictor: what it answers, refuses, and keeps on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.features.readings import ReadingTable, batches
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.packed import NUMBERS_FILE, PREDICTOR_FILES, WORDS_FILE, read_packed
from meter_core.models.pipeline import pipeline
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe
from tests.shipped_sample import sample_frame, sample_table

SMALL = Recipe("boosting", "history", {"max_iter": 20, "max_leaf_nodes": 16, "early_stopping": False})


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-07-01", "2009-12-01"))


@pytest.fixture(scope="module", params=["linear", "boosting"])
def fitted(request, data):
    return fit_predictor(data, recipes()["linear"] if request.param == "linear" else SMALL)


def some(data, rows=slice(2_500, 2_600), history=True):
    return next(batches(data.table, np.arange(len(data.table))[rows], history))[1]


def bytes_of(folder):
    return [(folder / name).read_bytes() for name in PREDICTOR_FILES]


def test_it_answers_with_history_where_there_is_enough(fitted, data):
    predictor = fitted.predictor
    with_history, without = predictor.predict(some(data)), predictor.predict(some(data, history=False))
    assert with_history.used_history.all()
    assert not without.used_history.any()
    assert not np.array_equal(with_history.units_kwh, without.units_kwh)


def test_without_the_previous_value_the_snapshot_answers(fitted, data):
    batch = some(data)
    hidden = batch.recent_kwh.copy()
    hidden[:50, -1] = np.nan
    said = fitted.predictor.predict(replace(batch, recent_kwh=hidden))
    assert said.used_history.tolist() == [False] * 50 + [True] * 50
    np.testing.assert_array_equal(
        said.units_kwh[:50], fitted.predictor.predict(some(data, history=False)).units_kwh[:50]
    )


def test_where_values_come_a_day_late_history_still_answers():
    frame = sample_frame("2009-05-01", "2009-12-01")
    late = frame.assign(available_ts=frame["reading_ts"] + np.timedelta64(25, "h"))
    data = TrainingData.of(ReadingTable.of(late))
    predictor = fit_predictor(data, recipes()["linear"]).predictor
    assert "previous_kw" in predictor.empty_features
    assert predictor.predict(some(data)).used_history.all()


def test_the_range_holds_the_mean_and_nothing_is_negative(fitted, data):
    said = fitted.predictor.predict(some(data, slice(None)))
    assert (said.low_kwh <= said.units_kwh).all()
    assert (said.units_kwh <= said.high_kwh).all()
    assert said.low_kwh.min() >= 0
    quantiles = fitted.predictor.quantiles_kwh(some(data))
    np.testing.assert_array_equal(quantiles[:, 0], fitted.predictor.predict(some(data)).low_kwh)


def test_export_channels_may_go_below_zero(data):
    table = replace(data.table, units_kwh=data.table.units_kwh - 3.0)
    predictor = fit_predictor(TrainingData.of(table), recipes("snapshot")["linear"]).predictor
    assert predictor.floor_kw is None
    assert predictor.predict(some(data)).units_kwh.max() < 1


def test_features_that_were_empty_are_named_and_ignored(fitted, data):
    assert fitted.predictor.empty_features == ("temperature_c", "frequency_hz", "high_temp")
    batch = some(data)
    hot = replace(batch, temperature_c=np.full(len(batch), 45.0), frequency_hz=np.full(len(batch), 50.0))
    np.testing.assert_array_equal(fitted.predictor.predict(hot).units_kwh, fitted.predictor.predict(batch).units_kwh)


def test_an_interval_that_was_never_trained_on_is_refused(fitted, data):
    batch = replace(some(data), interval_minutes=np.full(100, 30))
    with pytest.raises(UsageError, match=r"interval_minutes 30 was never trained on; this model knows 60"):
        fitted.predictor.predict(batch)


def test_linear_says_what_stands_for_a_missing_value(data):
    predictor = fit_predictor(data, recipes()["linear"]).predictor
    measured = data.table.units_kwh == data.table.units_kwh
    assert predictor.snapshot.imputation["voltage_v"] == pytest.approx(np.nanmean(data.table.voltage_v[measured]))
    batch = some(data, history=False)
    gap = replace(batch, voltage_v=np.full(100, np.nan), load_kw=batch.load_kw)
    mean = predictor.snapshot.imputation
    filled = predictor.features(batch)
    filled[:, 0], filled[:, 8] = mean["voltage_v"], mean["voltage_flag"]
    np.testing.assert_array_equal(
        predictor.predict(gap).units_kwh, np.maximum(predictor.snapshot.mean_kw(filled[:, :12]), 0)
    )


def test_saved_and_loaded_it_answers_the_same_and_is_the_same_bytes(fitted, data, tmp_path):
    fitted.predictor.save(tmp_path)
    again = Predictor.load(tmp_path)
    again.save(tmp_path / "again")
    for name in ("units_kwh", "low_kwh", "high_kwh", "usual_low_kwh", "status", "basis"):
        np.testing.assert_array_equal(
            getattr(again.predict(some(data)), name), getattr(fitted.predictor.predict(some(data)), name)
        )
    assert again.about == fitted.predictor.about
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(PREDICTOR_FILES)
    assert bytes_of(tmp_path) == bytes_of(tmp_path / "again")


def test_fits_with_two_seeds_are_the_same_bytes(data, tmp_path):
    recipe = replace(SMALL, settings={**SMALL.settings, "max_iter": 5})
    for seed in (0, 1):
        fit_predictor(data, recipe, seed=seed, about={"seed": 0}).predictor.save(tmp_path / str(seed))
    assert bytes_of(tmp_path / "0") == bytes_of(tmp_path / "1")


def test_what_is_known_travels_with_it(fitted):
    about = fitted.predictor.about
    assert about["training_from_ts"] == "2009-06-30T22:00:00Z"
    assert about["training_until_ts"] == "2009-11-30T23:00:00Z"
    assert about["meters"] == 1
    assert about["rows"]["history"] < about["rows"]["snapshot"] <= 3_673


@pytest.mark.parametrize("name", PREDICTOR_FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_folder_that_is_not_whole_is_refused(fitted, tmp_path, name, damage):
    fitted.predictor.save(tmp_path)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 100 if damage == "cut" else 0])
    with pytest.raises(UsageError, match="missing" if damage == "missing" else "damaged"):
        Predictor.load(tmp_path)


def test_another_format_is_refused(fitted, tmp_path):
    fitted.predictor.save(tmp_path)
    words = json.loads((tmp_path / WORDS_FILE).read_text()) | {"format": 99}
    (tmp_path / WORDS_FILE).write_text(json.dumps(words))
    with pytest.raises(UsageError, match="format 99"):
        Predictor.load(tmp_path)


def test_a_predictor_that_answers_otherwise_than_when_saved_is_refused(fitted, tmp_path):
    fitted.predictor.save(tmp_path)
    with np.load(tmp_path / NUMBERS_FILE) as packed:
        numbers = dict(packed)
    name = "snapshot.value" if "snapshot.value" in numbers else "snapshot.coefficients"
    numbers[name] = numbers[name] * 1.001
    np.savez(tmp_path / NUMBERS_FILE, **numbers)
    with pytest.raises(RefusedError, match="golden rows"):
        Predictor.load(tmp_path)


def test_too_few_readings_are_refused():
    with pytest.raises(RefusedError, match="at least 50"):
        fit_predictor(sample_table("2009-07-01", "2009-07-02"), recipes()["linear"])


def test_a_short_window_has_no_history_part_and_a_range_from_seen_rows_says_so():
    predictor = fit_predictor(sample_table("2009-07-01", "2009-07-04"), recipes()["linear"]).predictor
    assert predictor.history is None
    assert predictor.about["range_from"] == {"snapshot": "seen rows"}


def test_a_part_of_several_models_has_a_format_that_earlier_releases_refuse_and_recipes_are_known_as_before(
    fitted, data, tmp_path
):
    def written(predictor, name):
        predictor.save(tmp_path / name)
        return json.loads((tmp_path / name / WORDS_FILE).read_text())["format"]

    assert written(fitted.predictor, "plain") == 1
    several = fit_predictor(data, recipes("snapshot", ["hourly"])["hourly"]).predictor
    assert written(several, "several") == 2
    again = Predictor.load(tmp_path / "several")
    np.testing.assert_array_equal(again.predict(some(data)).units_kwh, several.predict(some(data)).units_kwh)
    with pytest.raises(UsageError, match="predictor format 2, this version reads 1; train it again"):
        read_packed(tmp_path / "several", 1)
    assert pipeline("history").startswith("reading 1-")
