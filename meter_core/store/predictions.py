"""Predictions and promotions into PostgreSQL and out of it."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from meter_core.contracts.errors import UsageError
from meter_core.store.connection import Connection
from meter_core.store.partitions import ensure_partitions, months_of
from meter_core.store.queries import query

PREDICTION_COLUMNS: Final = (
    "meter_id",
    "channel",
    "origin_ts",
    "reading_ts",
    "interval_minutes",
    "units_kwh",
    "low_kwh",
    "high_kwh",
    "data_known_until",
    "horizon_minutes",
    "in_training",
    "status",
    "basis",
)
"""What a frame of predictions holds; `reading_ts` is the target, model and `made_at` are the run's."""


def start_run(connection: Connection, values: Mapping[str, Any]) -> int:
    """Record that a batch inference starts, and return its number."""
    row = connection.execute(query("start_prediction_run"), values).fetchone()
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives a row
    return int(row[0])


def insert(connection: Connection, run_id: int, frame: pd.DataFrame) -> int:
    """Write predictions; those with a key that is there already take its place.

    Args:
        connection: In a transaction.
        run_id: Of `start_run`.
        frame: (n, ...) with PREDICTION_COLUMNS; without `data_known_until` it is the origin.

    Raises:
        UsageError: there is no such run, or the frame lacks a column.
    """
    if len(frame) == 0:
        return 0
    run = connection.execute(query("prediction_run"), {"run_id": run_id}).fetchone()
    if run is None:
        raise UsageError(f"there is no prediction run {run_id}; start one first")
    if "data_known_until" not in frame.columns:
        frame = frame.assign(data_known_until=frame["origin_ts"])
    missing = [name for name in PREDICTION_COLUMNS if name not in frame.columns]
    if missing:
        raise UsageError(f"the predictions lack {', '.join(missing)}; give a column each")
    ensure_partitions(connection, "prediction", months_of(frame["reading_ts"].to_numpy(dtype="datetime64[us]")))
    connection.execute(query("stage_predictions"))
    columns = frame[list(PREDICTION_COLUMNS)].astype(object)
    columns = columns.where(columns.notna(), None)
    with connection.cursor().copy(query("copy_predictions")) as copy:
        for row in columns.itertuples(index=False):
            copy.write_row((*row, *run))
    rows = connection.execute(query("upsert_predictions")).rowcount
    connection.execute(query("count_predictions"), {"rows": rows, "run_id": run_id})
    return rows
