"""One reading as training, batch inference and the HTTP service see it: features and predictions agree in every bit."""

import json
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bento.columns import of_readings, reading_batch
from bento.decoding import decode_reading
from bento.localtime import local_times
from bento.notes import in_single
from meter_core.contracts.features import MEASURED
from meter_core.contracts.readings import PredictionBatch, ReadingBatch
from meter_core.features.history import FEATURE_SETS, feature_matrix
from meter_core.features.readings import ReadingTable, batches
from meter_core.models.candidates import quick, recipes
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.fit import TrainingData, fit_predictor
from tests.shipped_sample import ZONE, sample_frame

HOURS = 1_344
STAMPS = [
    # Around both clock changes of 2009, a weekend evening, after the long gap of June, the last hour of the year.
    "2009-03-29T00:00Z", "2009-03-29T01:00Z", "2009-03-29T10:00Z", "2009-10-24T22:00Z", "2009-10-25T02:00Z",
    "2009-10-25T11:00Z", "2009-12-12T19:00Z", "2009-06-15T08:00Z", "2009-12-31T22:00Z",
]  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(ReadingTable.of(sample_frame("2008-12-01")))


@pytest.fixture(scope="module", params=sorted(name for name, kind in KNOWN.items() if "reading" in kind.tasks))
def predictor(request, data):
    recipe = recipes(names=[request.param])[request.param]
    return fit_predictor(data, replace(recipe, settings=quick(recipe.name, recipe.settings, 20))).predictor


def row_of(data, stamp):
    at = int(datetime.fromisoformat(stamp).timestamp())
    (row,) = np.flatnonzero(data.table.ts_s == at)
    return int(row)


def in_batch(data, row):
    """The row as batch inference has it: alone, from a frame that ends with it."""
    frame = sample_frame("2008-12-01")
    until = np.datetime64(int(data.table.ts_s[row]), "s")
    table = ReadingTable.of(frame[frame["reading_ts"].dt.tz_localize(None) <= until])
    ((_, batch),) = batches(table, np.array([len(table) - 1]))
    return batch


def over_http(data, row):
    """The row as the service has it: from the JSON that a client sends, through the service's own code."""
    known = {int(at): kwh for at, kwh in zip(data.table.ts_s, data.table.units_kwh, strict=True)}
    at = int(data.table.ts_s[row])
    before = [known.get(at - 3_600 * back, np.nan) for back in range(HOURS, 0, -1)]
    measured = {name: float(getattr(data.table, name)[row]) for name in MEASURED}
    sent = {
        **{name: None if np.isnan(value) else value for name, value in measured.items()},
        "reading_ts": datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(ZONE)).isoformat(),
        "zone": ZONE,
        "meter_id": str(data.table.meter_id[row]),
        "recent_kwh": [None if np.isnan(kwh) else float(kwh) for kwh in before],
    }
    values = of_readings([decode_reading(json.dumps(sent).encode())])
    notes = {}
    batch = reading_batch(values, local_times(values, in_single, time.time(), notes))
    assert not notes
    return batch


def cut(batch: ReadingBatch, rows) -> ReadingBatch:
    columns = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return ReadingBatch(**{name: None if column is None else column[rows] for name, column in columns.items()})


def assert_same(one: PredictionBatch, other: PredictionBatch, rows=slice(None)):
    for field in fields(PredictionBatch):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name)[rows], err_msg=field.name)


@pytest.mark.parametrize("stamp", STAMPS)
def test_features_agree_in_every_bit(data, stamp):
    row = row_of(data, stamp)
    trained = data.matrix[row]
    assert not np.isnan(trained[FEATURE_SETS["history"].index("hour_profile_28d_kw")])
    np.testing.assert_array_equal(feature_matrix(in_batch(data, row), "history")[0], trained)
    np.testing.assert_array_equal(feature_matrix(over_http(data, row), "history")[0], trained)


@pytest.mark.parametrize("stamp", STAMPS)
def test_predictions_agree_in_every_bit(data, predictor, stamp):
    row = row_of(data, stamp)
    assert_same(predictor.predict(in_batch(data, row)), predictor.predict(over_http(data, row)))


@pytest.mark.parametrize("history", [True, False], ids=["history", "snapshot"])
@pytest.mark.parametrize("size", [1, 7, 256])
def test_a_prediction_does_not_depend_on_its_batch(data, predictor, size, history):
    rows = np.arange(4_000, 4_000 + 512)
    ((_, whole),) = batches(data.table, rows, history)
    expected = predictor.predict(whole)
    for start in range(0, len(whole), size):
        part = np.arange(start, min(start + size, len(whole)))
        assert_same(predictor.predict(cut(whole, part)), expected, part)


def test_neither_order_nor_neighbours_nor_longer_histories_matter(data, predictor):
    ((_, whole),) = batches(data.table, np.arange(4_000, 4_300))
    expected = predictor.predict(whole)
    order = np.random.default_rng(0).permutation(300)
    assert_same(predictor.predict(cut(whole, order)), expected, order)
    column_major = replace(whole, recent_kwh=np.asfortranarray(whole.recent_kwh))
    assert_same(predictor.predict(column_major), expected)
    short = cut(whole, slice(0, 1))
    short = replace(short, recent_kwh=short.recent_kwh[:, -800:])
    padded = np.full((1, HOURS), np.nan)
    padded[:, -800:] = short.recent_kwh
    assert_same(predictor.predict(replace(short, recent_kwh=padded)), predictor.predict(short))
