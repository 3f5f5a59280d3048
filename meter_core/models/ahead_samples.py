"""What the models of the task `ahead` learn from: coming intervals as they were seen from many past moments."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.forecasts import DAY_MINUTES, FORECAST_HOURS, enough_history
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features, sees_weather
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import Origins, daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.forecaster import kinds_of, since_midnight

ROWS_LIMIT: Final = 150_000
"""Samples to learn from. Neighbouring origins say nearly the same: more cost time and change little."""

FAR_STRIDE: Final = 21
"""Of the hours beyond the first day every so many are learnt from, others at each origin: with more of them the trees
spend their leaves there, and the first day suffers."""

HOUR_STEP: Final = 7
"""Every second origin is at midnight; the hour of the others moves on by so much, and so comes to every hour."""

YOUNG_EVERY: Final = 6
YOUNG_DAYS: Final = (0, 1, 3, 10, 21)
"""Every sixth origin is seen once more as if the meter were so many days old: so new meters are learnt of."""

FIRST_DAYS: Final = 7
"""Nothing is learnt from the first days of a meter: they are what a profile needs."""

MOST_WEIGHT: Final = 5.0
"""Times the usual level beyond which a meter counts no more."""

LEADS: Final = 24 + (FORECAST_HOURS - 24) // FAR_STRIDE
"""Hours learnt from at each origin."""

WHOLE_LIMIT: Final = 170_000
"""Intervals of a window to calibrate on, of all meters together: a thousand weeks of hours."""


@dataclass(frozen=True, slots=True)
class Samples:
    """n intervals as they were seen from some moment before.

    Attributes:
        matrix: (n, k) features, columns as in `AHEAD_FEATURES`.
        share: (n,) what was measured, in units of the meter's level; never missing.
        level_kw: (n,) that level.
        kind: (n,) class of the forecast.
        origin_s: (n,) UTC seconds of the moment.
        available_s: (n,) UTC seconds from which the measured value could be known.
        lead_s: (n,) seconds from the end of what was known.
        vector: (n,) number of the forecast that the interval belongs to.
        slot: (n,) intervals from the local midnight before the forecast begins.
        minutes: (n,) interval length.
    """

    matrix: FloatArray
    share: FloatArray
    level_kw: FloatArray
    kind: IntArray
    lead_s: IntArray
    origin_s: IntArray
    available_s: IntArray
    vector: IntArray
    slot: IntArray
    minutes: IntArray

    def __len__(self) -> int:
        """Return n."""
        return len(self.share)

    def weights(self, usual_kw: float) -> FloatArray:
        """Return (n,) what each counts in a fit: errors are in units of a meter's level, scores in kWh.

        The root stands between the two; without it, meters that stand empty, whose level is next to nothing, decide
        everything as soon as someone moves in.
        """
        return np.sqrt(np.minimum(self.level_kw / usual_kw, MOST_WEIGHT))

    def take(self, rows: NDArray[Any]) -> "Samples":
        """Return the samples of that index or mask."""
        return Samples(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def usual_level(table: ReadingTable, rows: NDArray[np.bool_]) -> float:
    """Return what a meter uses on average, kW: the mean over meters of the means of some measured rows."""
    _, meter = np.unique(table.meter_id[rows].astype(str), return_inverse=True)
    total = np.bincount(meter, weights=table.mean_kw[rows])
    return max(float(np.mean(np.abs(total) / np.bincount(meter))), 1e-6)


def training_samples(table: ReadingTable, until_s: int, usual_kw: float) -> Samples:
    """Return samples of all meters whose values were known by an instant, thinned to about `ROWS_LIMIT`.

    Args:
        table: all readings.
        until_s: UTC seconds.
        usual_kw: level of a meter without history.

    Where the table has weather, intervals of which none was known are left out.
    """
    moments = [(group, _moments(group, until_s)) for group in _meters(table)]
    wanted = sum(len(at) * LEADS * 60 // int(group.interval_minutes[0]) for group, at in moments)
    samples = _of_seen_weather(table, _gathered(moments, -(-wanted // ROWS_LIMIT), until_s, usual_kw))
    return samples.take(_picked(samples))


def whole_samples(table: ReadingTable, from_s: int, to_s: int, until_s: int, usual_kw: float) -> Samples:
    """Return the weeks after each local midnight of a window, to calibrate on; where there is weather, as it was known.

    Args:
        table: all readings.
        from_s: UTC seconds of the window's beginning.
        to_s: of its end, exclusive.
        until_s: what was not known by then is left out.
        usual_kw: level of a meter without history.
    """
    moments = [(group, daily_origins(group, from_s, to_s)) for group in _meters(table)]
    wanted = sum(len(at) * FORECAST_HOURS * 60 // int(group.interval_minutes[0]) for group, at in moments)
    weeks = _gathered(moments, -(-wanted // WHOLE_LIMIT), until_s, usual_kw)
    return _of_seen_weather(table, weeks)


def joined(parts: list[Samples]) -> Samples:
    """Return all samples in a row, the numbers of their forecasts made distinct."""
    if not parts:
        none: dict[str, Any] = {each.name: np.empty(0, dtype=np.int64) for each in fields(Samples)}
        return Samples(**none | {"matrix": np.empty((0, len(AHEAD_FEATURES)))})
    offset, shifted = 0, []
    for part in parts:
        shifted.append(replace(part, vector=part.vector + offset))
        offset += int(part.vector.max(initial=-1)) + 1
    return Samples(
        **{each.name: np.concatenate([getattr(part, each.name) for part in shifted]) for each in fields(Samples)}
    )


def _of_seen_weather(table: ReadingTable, samples: Samples) -> Samples:
    """Return the samples whose temperature was known, where the table has weather; all of them where it has none."""
    return samples.take(sees_weather(samples.matrix)) if table.has_weather else samples


def _meters(table: ReadingTable) -> list[ReadingTable]:
    """Return the readings of each meter and interval length."""
    return [table.take(np.arange(span.start, span.stop)) for span in table.groups()]


def _gathered(moments: list[tuple[ReadingTable, IntArray]], every: int, until_s: int, usual_kw: float) -> Samples:
    """Return what every so-manieth moment of each meter looks forward to, as far as it is known by an instant."""
    parts = []
    for number, (group, at) in enumerate(moments):
        origins = origins_of(group, at[number % max(1, every) :: max(1, every)], FORECAST_HOURS)
        if len(origins.batch):
            views = (origins, _as_if_young(origins), *_as_if_new_to_weather(origins))
            parts += [_samples(seen, usual_kw) for seen in views]
    return joined([part.take(part.available_s <= until_s) for part in parts])


def _moments(group: ReadingTable, until_s: int) -> IntArray:
    """Return one moment a day: a midnight, then another hour, in turn."""
    midnights = daily_origins(group, int(group.ts_s[0]) + FIRST_DAYS * DAY_S, until_s)
    day = np.arange(len(midnights))
    return midnights + np.where(day % 2 == 0, 0, day * HOUR_STEP % 24) * 3600


def _as_if_young(origins: Origins) -> Origins:
    """Return some of the origins with little of the history."""
    chosen = np.arange(0, len(origins.batch), YOUNG_EVERY)
    batch = origins.batch.take(chosen)
    days = np.array(YOUNG_DAYS)[np.arange(len(chosen)) % len(YOUNG_DAYS)]
    back = np.arange(batch.kwh.shape[1], 0, -1)
    young = back <= days[:, None] * DAY_MINUTES // batch.interval_minutes[:, None]
    kept = replace(batch, kwh=np.where(young, batch.kwh, np.nan))
    return Origins(kept, origins.measured_kwh[chosen], origins.available_s[chosen])


def _as_if_new_to_weather(origins: Origins) -> list[Origins]:
    """Return some of the origins without past temperatures: requests come that know the coming ones alone."""
    past = origins.batch.past_temperature_c
    if past is None:
        return []
    chosen = np.arange(YOUNG_EVERY // 2, len(origins.batch), YOUNG_EVERY)
    batch = origins.batch.take(chosen)
    hidden = replace(batch, past_temperature_c=np.full(batch.kwh.shape, np.nan))
    return [Origins(hidden, origins.measured_kwh[chosen], origins.available_s[chosen])]


def _samples(origins: Origins, usual_kw: float) -> Samples:
    """Return every measured interval that the origins look forward to."""
    batch = origins.batch
    n, horizon = origins.measured_kwh.shape
    days = clock_days(batch)
    coming = targets(days, horizon)
    features = ahead_features(days, coming, usual_kw)
    shape = (n, horizon)

    def each(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(values[:, None], shape)

    columns: dict[str, NDArray[Any]] = {
        "share": origins.measured_kwh * (3600.0 / days.step_s) / features.level_kw[:, None],
        "level_kw": each(features.level_kw),
        "kind": kinds_of(features, coming, days, enough_history(batch)),
        "lead_s": coming.lead * days.step_s,
        "origin_s": each(batch.origin_ts_s),
        "available_s": origins.available_s,
        "vector": each(np.arange(n)),
        "slot": since_midnight(coming, days),
        "minutes": each(batch.interval_minutes),
    }
    there = ~np.isnan(origins.measured_kwh)
    return Samples(matrix=features.matrix[there], **{name: values[there] for name, values in columns.items()})


def _picked(samples: Samples) -> NDArray[np.bool_]:
    """Return (n,) which samples are learnt from: the first day, and of what lies beyond every so many hours."""
    step_s = samples.minutes * 60
    stride = np.maximum(1, FAR_STRIDE * 3600 // step_s)  # of whole days, all seven
    return (samples.lead_s < DAY_S) | ((samples.lead_s // step_s - samples.vector) % stride == 0)
