"""A reading that comes over HTTP has the features, bit for bit, that the same reading had in training."""

import json
from datetime import UTC, datetime

import numpy as np

from bento.answers import checked
from bento.champion import Champion
from bento.columns import of_readings
from bento.decoding import decode_batch, decode_reading
from bento.notes import in_single
from meter_core.calendar import local_to_utc
from meter_core.contracts.features import MEASURED
from meter_core.features.history import feature_matrix
from meter_core.features.readings import batches

ZONE = "Europe/Paris"


def chosen_rows(table):
    """Some rows all over the year, and every hour of the days around both clock changes."""
    days = [np.datetime64(day, "s").astype(np.int64) for day in ("2009-03-28", "2009-10-24")]
    starts, _ = local_to_utc(np.array(days), ZONE)
    near = [np.flatnonzero((table.ts_s >= start) & (table.ts_s < start + 3 * 86_400)) for start in starts]
    return np.unique(np.concatenate([*near, np.arange(0, len(table), 701)]))


def as_json(table, row, batch, at):
    """One row as a client would send it, NaN as null."""
    reading = {name: float(getattr(table, name)[row]) for name in MEASURED}
    recent = batch.recent_kwh[at].tolist()
    reading = {name: None if np.isnan(value) else value for name, value in reading.items()}
    moment = datetime.fromtimestamp(int(table.ts_s[row]), UTC)
    reading |= {"reading_ts": moment.isoformat(), "zone": ZONE, "meter_id": str(table.meter_id[row])}
    return reading | {"recent_kwh": [None if np.isnan(value) else value for value in recent]}


def test_http_and_training_see_the_same(training_data, predictor):
    table = training_data.table
    rows = chosen_rows(table)
    champion = Champion(predictor, "1", {}, np.array([60]))
    sent, trained = [], []
    for numbers, batch in batches(table, rows):
        whole = [n for n, row in enumerate(numbers) if not np.isnan(table.voltage_v[row] + table.load_kw[row])]
        sent += [as_json(table, numbers[n], batch, n) for n in whole]
        trained.append((numbers[whole], predictor.predict(batch).units_kwh[whole]))
    numbers = np.concatenate([part for part, _ in trained])
    predicted = np.concatenate([part for _, part in trained])
    assert len(sent) > 100

    for reading, number, expected in zip(sent, numbers, predicted, strict=True):
        found = checked(of_readings([decode_reading(json.dumps(reading).encode())]), champion, in_single)
        assert found.wrong == {}
        features = feature_matrix(found.batch, "history")[0]
        assert features.tobytes() == training_data.matrix[number].tobytes()
        assert predictor.predict(found.batch).units_kwh[0] == expected

    values, where, _ = decode_batch(json.dumps({"readings": sent}).encode())
    together = checked(values, champion, where).batch
    assert feature_matrix(together, "history").tobytes() == training_data.matrix[numbers].tobytes()
    assert predictor.predict(together).units_kwh.tolist() == predicted.tolist()
