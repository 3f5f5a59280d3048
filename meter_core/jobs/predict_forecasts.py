"""Batch forecasts: the hours that follow each meter's newest reading."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.forecasts import HISTORY_REACH_DAYS, HistoryBatch
from meter_core.contracts.readings import DEFAULT_CHANNEL, IntArray
from meter_core.features.origins import origins_of
from meter_core.features.readings import ReadingTable
from meter_core.jobs.stored_readings import stored_table
from meter_core.models.forecaster import Forecaster
from meter_core.store import Store

SILENT_DAYS: Final = 28
"""A meter that has been silent for longer gets no forecast: nobody asks what it would use next."""


def forecast_frame(
    store: Store, forecaster: Forecaster, hours: int, meters: Sequence[str] | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the forecasts of meters as the store takes them, and what was left out.

    What is stored counts as known now, however late it came.

    Args:
        store: with the readings.
        forecaster: the champion.
        hours: how far ahead.
        meters: only these; None: all. Whether one is silent is judged beside all.
    """
    newest = store.freshness().newest_reading_ts
    if newest is None:
        return pd.DataFrame(), []
    since = newest - timedelta(days=HISTORY_REACH_DAYS + SILENT_DAYS + 1)
    readings = store.readings(since=since, meters=meters)
    table = stored_table(readings, store.interval_means()).without_temperature()
    newest_s = int(newest.timestamp())
    histories: dict[int, list[HistoryBatch]] = {}
    unknown = silent = 0
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        batch, minutes = _history(group), int(group.interval_minutes[0])
        if batch is None or int(batch.origin_ts_s[0]) <= newest_s - SILENT_DAYS * DAY_S:
            silent += 1
        elif minutes not in forecaster.intervals:
            unknown += 1
        else:
            histories.setdefault(minutes, []).append(batch)
    frames = [_frame(each, forecaster, max(1, hours * 60 // minutes)) for minutes, each in histories.items()]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return frame, _left_out(silent, unknown, forecaster)


def _history(group: ReadingTable) -> HistoryBatch | None:
    """Return what is known of a meter at the end of its newest measured reading; None where none was measured."""
    measured = np.flatnonzero(~np.isnan(group.units_kwh))
    if not measured.size:
        return None
    end_s: IntArray = group.ts_s + group.interval_minutes * 60
    known = group.take(np.arange(measured[-1] + 1))
    known.available_s[:] = end_s[: len(known)]
    return origins_of(known, end_s[measured[-1:]], 1).batch


def _frame(histories: list[HistoryBatch], forecaster: Forecaster, horizon: int) -> pd.DataFrame:
    """Return forecasts as rows; nobody was trained on what has not happened yet."""
    batch = HistoryBatch.stacked(histories)
    said = forecaster.forecast(batch, horizon)

    def each(values: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(values, horizon)

    return pd.DataFrame(
        {
            "meter_id": each(batch.meter_id if batch.meter_id is not None else np.full(len(batch), None)),
            "channel": DEFAULT_CHANNEL,
            "origin_ts": _stamps(each(batch.origin_ts_s)),
            "reading_ts": _stamps(said.reading_ts_s.ravel()),
            "interval_minutes": each(batch.interval_minutes),
            "units_kwh": said.mean_kwh.ravel(),
            "low_kwh": said.quantiles_kwh[:, :, 0].ravel(),
            "high_kwh": said.quantiles_kwh[:, :, -1].ravel(),
            "data_known_until": _stamps(each(said.known_until_s)),
            "horizon_minutes": (said.reading_ts_s - batch.origin_ts_s[:, None]).ravel() // 60,
            "in_training": False,
            "status": None,
            "basis": each(said.basis),
        }
    )


def _left_out(silent: int, unknown: int, forecaster: Forecaster) -> list[Finding]:
    """Return what got no forecast, and why."""
    findings = []
    if silent:
        message = f"{silent} meters have had no measured reading for {SILENT_DAYS} days and got no forecast."
        findings.append(Finding("silent_meters", "meter", Severity.WARNING, message, {"meters": silent}))
    if unknown:
        message = (
            f"{unknown} meters deliver intervals that the champion was never trained on (it knows "
            f"{', '.join(map(str, forecaster.intervals))} minutes) and got no forecast; train again with such readings."
        )
        findings.append(Finding("interval_never_trained_on", "interval_minutes", Severity.WARNING, message))
    return findings


def _stamps(ts_s: IntArray) -> Any:
    """Return instants in UTC."""
    return pd.DatetimeIndex(ts_s.astype("datetime64[s]"), tz="UTC").as_unit("us")
