"""Batch forecasts: the hours that follow each meter's newest reading."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
from meter_core.jobs.stored_weather import with_stored_weather
from meter_core.models.forecaster import Forecaster
from meter_core.store import Store

SILENT_DAYS: Final = 28
"""A meter that has been silent for longer gets no forecast: nobody asks what it would use next."""


def forecast_frame(
    store: Store, forecaster: Forecaster, hours: int, meters: Sequence[str] | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the forecasts of meters as the store takes them, and what was left out.

    What is stored counts as known now, however late it came; of the weather likewise.

    Args:
        store: with readings and weather.
        forecaster: the champion.
        hours: how far ahead.
        meters: only these; None: all. Whether one is silent is judged beside all.
    """
    newest = store.freshness().newest_reading_ts
    if newest is None:
        return pd.DataFrame(), []
    since = newest - timedelta(days=HISTORY_REACH_DAYS + SILENT_DAYS + 1)
    readings = store.readings(since=since, meters=meters)
    newest_s, made_s = int(newest.timestamp()), int(datetime.now(UTC).timestamp())
    # no forecast begins earlier, and its weather is most of what is read
    first_s = newest_s - (SILENT_DAYS + 1) * DAY_S
    table = with_stored_weather(stored_table(readings, store.interval_means()), store, first_s, made_s)
    histories: dict[int, list[HistoryBatch]] = {}
    unknown = silent = 0
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        minutes = int(group.interval_minutes[0])
        batch = _history(group, hours, made_s)
        if batch is None or int(batch.origin_ts_s[0]) <= newest_s - SILENT_DAYS * DAY_S:
            silent += 1
        elif minutes not in forecaster.intervals:
            unknown += 1
        else:
            histories.setdefault(minutes, []).append(batch)
    frames = [_frame(each, forecaster, max(1, hours * 60 // minutes)) for minutes, each in histories.items()]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    batches = [batch for each in histories.values() for batch in each]
    return frame, [*_left_out(silent, unknown, forecaster), *_weather_used(batches, forecaster)]


def _history(group: ReadingTable, hours: int, made_s: int) -> HistoryBatch | None:
    """Return what is known of a meter at the end of its newest measured reading; None where none was measured."""
    measured = np.flatnonzero(~np.isnan(group.units_kwh))
    if not measured.size:
        return None
    end_s: IntArray = group.ts_s + group.interval_minutes * 60
    known = group.take(np.arange(measured[-1] + 1))
    known.available_s[:] = end_s[: len(known)]
    return origins_of(known, end_s[measured[-1:]], hours, made_s).batch


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


def _weather_used(batches: Sequence[HistoryBatch], forecaster: Forecaster) -> list[Finding]:
    """Return for how many meters the weather is known, where the champion looks at it."""
    if not forecaster.uses_weather or not batches:
        return []
    without = sum(batch.temperature_c is None or bool(np.isnan(batch.temperature_c).any()) for batch in batches)
    counts = {"with_weather": len(batches) - without, "without_weather": without}
    message = f"{counts['with_weather']} meters were forecast with the weather of all the hours ahead."
    if without:
        message += (
            f" Of {without} it is not known, or not that far: those hours were forecast without, with wider ranges; "
            "`meter weather show` says what is stored."
        )
    severity = Severity.WARNING if without else Severity.INFO
    return [Finding("weather_used", "meter", severity, message, counts)]


def _stamps(ts_s: IntArray) -> Any:
    """Return instants in UTC."""
    return pd.DatetimeIndex(ts_s.astype("datetime64[s]"), tz="UTC").as_unit("us")
