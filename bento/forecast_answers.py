"""From forecasts that were asked for to answers: one pass of the model for all that go together."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from bento.asked import Asked
from bento.forecast_schemas import Forecast, ForecastDay, ForecastInterval, ForecastTotal
from meter_core.calendar import iso_local
from meter_core.contracts.forecasts import ForecastBatch, HistoryBatch
from meter_core.contracts.readings import FloatArray
from meter_core.models.forecast_sums import local_days, sums
from meter_core.models.forecaster import Forecaster

MOST_INTERVALS: Final = 20_000
"""Intervals of one pass: 200 paths of them take 32 MB."""

ALL: Final = np.zeros(1, dtype=np.int64)
"""The first interval of the one sum over all of them."""


def forecast_each(asked: Sequence[Asked], forecaster: Forecaster, version: str) -> list[Forecast]:
    """Return each forecast, bit for bit as if it had been asked for alone."""
    answers: dict[int, Forecast] = {}
    for numbers in _passes(asked):
        together = [asked[number] for number in numbers]
        batch = forecaster.forecast(_batch(together), together[0].steps)
        paths_kwh = batch.paths_kwh()
        for row, number in enumerate(numbers):
            answers[number] = _answer(asked[number], batch, row, paths_kwh[row], version)
    return [answers[number] for number in range(len(asked))]


def _passes(asked: Sequence[Asked]) -> Iterator[list[int]]:
    """Yield the numbers of those that one pass can take: same length of interval, same horizon, and not too many."""
    alike: dict[tuple[int, int], list[int]] = {}
    for number, one in enumerate(asked):
        alike.setdefault((one.interval_minutes, one.steps), []).append(number)
    for (_, steps), numbers in alike.items():
        size = max(1, MOST_INTERVALS // steps)
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))


def _batch(asked: Sequence[Asked]) -> HistoryBatch:
    """Return what the model is asked."""
    return HistoryBatch(
        origin_ts_s=np.array([one.origin_s for one in asked], dtype=np.int64),
        zones=[one.zone for one in asked],
        interval_minutes=np.array([one.interval_minutes for one in asked], dtype=np.int64),
        kwh=np.stack([one.kwh for one in asked]),
        meter_id=np.array([one.meter_id for one in asked], dtype=object),
        holidays=[one.holidays for one in asked] if any(one.holidays for one in asked) else None,
        **_temperatures(asked),
    )


def _temperatures(asked: Sequence[Asked]) -> dict[str, FloatArray]:
    """Return the temperatures of forecasts of one length and horizon; none where no weather is known."""
    if all(one.temperature_c is None for one in asked):
        return {}
    width, steps = len(asked[0].kwh), asked[0].steps
    around = np.full((len(asked), width + steps), np.nan)
    for row, one in enumerate(asked):
        if one.temperature_c is not None:
            around[row] = one.temperature_c
    return {"past_temperature_c": around[:, :width], "temperature_c": around[:, width:]}


def _answer(asked: Asked, batch: ForecastBatch, row: int, paths_kwh: FloatArray, version: str) -> Forecast:
    """Return one meter's forecast as it is sent."""
    starts_s, mean_kwh, zone = batch.reading_ts_s[row], batch.mean_kwh[row], asked.zone
    days = local_days(starts_s, asked.interval_minutes, zone)
    intervals = zip(iso_local(starts_s, zone), _amounts(mean_kwh, batch.quantiles_kwh[row]), strict=True)
    by_day = zip(
        [day.isoformat() for day in days.dates],
        days.count.tolist(),
        days.whole.tolist(),
        _amounts(*sums(mean_kwh, paths_kwh, days.first)),
        strict=True,
    )
    (total,) = _amounts(*sums(mean_kwh, paths_kwh, ALL))
    origin, known_until = iso_local(np.array([asked.origin_s, batch.known_until_s[row]]), zone)
    use = asked.use
    return Forecast(
        meter_id=asked.meter_id,
        zone=zone,
        interval_minutes=asked.interval_minutes,
        origin_ts=origin,
        data_known_until=known_until if use.used else None,
        model_version=version,
        basis=str(batch.basis[row]),
        forecast=[ForecastInterval(stamp, *kwh) for stamp, kwh in intervals],
        days=[ForecastDay(day, count, whole, *kwh) for day, count, whole, kwh in by_day],
        total=ForecastTotal(asked.steps, *total),
        history=use,
        warnings=list(asked.warnings),
    )


def _amounts(mean_kwh: FloatArray, quantiles_kwh: FloatArray) -> list[tuple[float, float, float, float]]:
    """Return mean, low, median and high of each interval or sum as plain numbers."""
    return [
        (mean, low, middle, high)
        for mean, (low, middle, high) in zip(mean_kwh.tolist(), quantiles_kwh.tolist(), strict=True)
    ]
