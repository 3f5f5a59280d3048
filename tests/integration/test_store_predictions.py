"""Predictions and promotions in PostgreSQL."""

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.store import PromotionRecord
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, standing, ts

MODEL = "meter_consumption_v1"


def predictions(hours: list[float], kwh: float, **other: object) -> pd.DataFrame:
    at = pd.DatetimeIndex([ts(hour) for hour in hours])
    return pd.DataFrame(
        {
            "meter_id": "m1",
            "channel": "import",
            "origin_ts": at,
            "reading_ts": at,
            "interval_minutes": np.int64(60),
            "units_kwh": kwh,
            "low_kwh": kwh / 2,
            "high_kwh": [np.nan] + [kwh * 2] * (len(hours) - 1),
            "horizon_minutes": 0,
            "in_training": [hour < 2 for hour in hours],
            "status": "Normal",
            "basis": None,
            **other,
        }
    )


def test_predictions_are_kept_with_their_version_and_clocks(store, database_url):
    run = store.start_prediction_run("reading", MODEL, "3", "digest")
    assert store.insert_predictions(run, predictions([0, 2], 1.5)) == 2
    kept = ask(
        database_url,
        "SELECT p.meter_id, p.reading_ts, p.origin_ts, p.units_kwh, p.low_kwh, p.high_kwh, p.in_training, p.status,"
        "       p.basis, p.model_name, p.model_version, p.data_known_until, p.made_at = r.made_at, r.row_count,"
        "       r.predictor_digest"
        "  FROM prediction p JOIN prediction_run r ON r.id = p.run_id ORDER BY p.reading_ts",
    )
    shared = ("Normal", None, MODEL, "3")
    assert kept == [
        ("m1", ts(0), ts(0), 1.5, 0.75, None, True, *shared, ts(0), True, 2, "digest"),
        ("m1", ts(2), ts(2), 1.5, 0.75, 3.0, False, *shared, ts(2), True, 2, "digest"),
    ]
    months = ask(database_url, "SELECT DISTINCT tableoid::regclass::text FROM prediction ORDER BY 1")
    assert months == [("prediction_2024_03",), ("prediction_2024_04",)]


def test_the_same_key_again_is_replaced(store, database_url):
    for kwh in (1.0, 2.0):
        run = store.start_prediction_run("reading", MODEL, "3", "digest")
        store.insert_predictions(run, predictions([0, 1], kwh))
    other = store.start_prediction_run("reading", MODEL, "4", "digest")
    store.insert_predictions(other, predictions([0], 9.0))
    kept = ask(
        database_url, "SELECT units_kwh, model_version, run_id FROM prediction ORDER BY model_version, reading_ts"
    )
    assert kept == [(2.0, "3", run), (2.0, "3", run), (9.0, "4", other)]


def test_what_a_version_has_not_predicted(store):
    deliver(store, "a", [row(0, 1.0), row(1, None), row(2, 3.0), row(2, 3.0, channel="export"), row(9, 1.0)])
    run = store.start_prediction_run("reading", MODEL, "3", "digest")
    store.insert_predictions(run, predictions([0, 2], 1.0))
    left = store.unpredicted(MODEL, "3")
    assert list(zip(left["channel"], left["reading_ts"], strict=True)) == [
        ("import", ts(1)),
        ("import", ts(9)),
        ("export", ts(2)),
    ]
    assert list(left.columns) == list(store.readings().columns)
    assert len(store.unpredicted(MODEL, "4")) == 5
    assert len(standing(store)) == 4


def test_wrong_use_is_told(store):
    with pytest.raises(UsageError, match="no prediction run 99"):
        store.insert_predictions(99, predictions([0], 1.0))
    run = store.start_prediction_run("reading", MODEL, "3", "digest")
    with pytest.raises(UsageError, match="lack horizon_minutes"):
        store.insert_predictions(run, predictions([0], 1.0).drop(columns="horizon_minutes"))
    assert store.insert_predictions(run, predictions([0], 1.0).iloc[:0]) == 0


def test_promotions_are_kept_newest_first(store):
    first = PromotionRecord(MODEL, "1", "promoted", "nightly training", "beats blend by 4 %", "digest")
    second = PromotionRecord(MODEL, "2", "refused", "nightly training", "no skill", None, "1")
    numbers = [store.record_promotion(first), store.record_promotion(second)]
    store.record_promotion(PromotionRecord("another", "1", "rolled_back", "a person", "asked for"))
    kept = store.promotions(MODEL)
    assert [each["id"] for each in kept] == numbers[::-1]
    assert kept[1]["why"] == "beats blend by 4 %"
    assert (kept[0]["action"], kept[0]["previous_version"], kept[0]["predictor_digest"]) == ("refused", "1", None)
    assert len(store.promotions()) == 3
