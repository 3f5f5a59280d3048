"""The shape of a forecast: what a meter's history must look like, and what is said of its coming intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import FloatArray, IntArray

DAY_MINUTES: Final = 1_440
FORECAST_HOURS: Final = 168
"""How far ahead a forecast may reach."""

FORECAST_LEVELS: Final = (0.1, 0.5, 0.9)
"""Levels of the published quantiles; the outer two are the 80 % range."""

HISTORY_REACH_DAYS: Final = 56
"""Days of history that a forecast looks at. Older values change nothing."""

HISTORY_NEEDED_VALUES: Final = 7
"""Measured values at each local clock time that a forecast of the meter's own needs."""

BASES: Final = ("meter", "population")
"""What a forecast rests on: the meter's own history, or what meters like those of the training use."""

HISTORY_WORDS: Final = (
    f"A forecast of a meter's own needs {HISTORY_NEEDED_VALUES} measured values for each local clock time within the "
    f"last {HISTORY_REACH_DAYS} days: a week without gaps, better all {HISTORY_REACH_DAYS} days. With less, or none, "
    "the forecast rests on the meters of the training (basis `population`) and its range is as wide as they differ."
)
"""For people who ask how much history to send."""


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """n meters as columns: what is known of each when its forecast is made.

    Attributes:
        origin_ts_s: (n,) UTC seconds, start of the first interval to forecast.
        zones: (n) IANA names.
        interval_minutes: (n,) lengths of the intervals, of the history and of the forecast.
        kwh: (n, w) energy of the w intervals that end at the origin, oldest first; NaN where missing or not yet known,
            so a delivery delay is NaN at the end. A shorter history begins with NaN. Of intervals of a whole day, days
            of the local calendar.
        temperature_c: (n, h) degrees Celsius of the coming intervals as known when the forecast is made, None where not
            given; those beyond h are missing.
        past_temperature_c: (n, w) of the intervals of `kwh`; None where not given.
        holidays: (n) calendars of public holidays (`public_holidays`), None where nobody said where the meters stand.
        meter_id: (n,) objects, None where unknown; None if unknown for all.
    """

    origin_ts_s: IntArray
    zones: Sequence[str]
    interval_minutes: IntArray
    kwh: FloatArray
    temperature_c: FloatArray | None = None
    meter_id: NDArray[np.object_] | None = None
    past_temperature_c: FloatArray | None = None
    holidays: Sequence[str] | None = None

    def __len__(self) -> int:
        """Return n."""
        return len(self.origin_ts_s)

    def take(self, rows: NDArray[Any]) -> "HistoryBatch":
        """Return the meters of that index or mask."""
        chosen = np.arange(len(self))[rows]
        return HistoryBatch(
            origin_ts_s=self.origin_ts_s[chosen],
            zones=[self.zones[row] for row in chosen.tolist()],
            interval_minutes=self.interval_minutes[chosen],
            kwh=self.kwh[chosen],
            temperature_c=None if self.temperature_c is None else self.temperature_c[chosen],
            meter_id=None if self.meter_id is None else self.meter_id[chosen],
            past_temperature_c=None if self.past_temperature_c is None else self.past_temperature_c[chosen],
            holidays=None if self.holidays is None else [self.holidays[row] for row in chosen.tolist()],
        )

    @classmethod
    def stacked(cls, batches: "Sequence[HistoryBatch]") -> "HistoryBatch":
        """Return the meters of several batches with windows of one width, in a row."""
        ids = [batch.meter_id for batch in batches if batch.meter_id is not None]
        closed = [name for batch in batches for name in batch.holidays or [""] * len(batch)]
        return cls(
            origin_ts_s=np.concatenate([batch.origin_ts_s for batch in batches]),
            zones=[zone for batch in batches for zone in batch.zones],
            interval_minutes=np.concatenate([batch.interval_minutes for batch in batches]),
            kwh=np.concatenate([batch.kwh for batch in batches]),
            meter_id=np.concatenate(ids) if len(ids) == len(batches) else None,
            holidays=closed if any(closed) else None,
            temperature_c=_stacked([batch.temperature_c for batch in batches], batches),
            past_temperature_c=_stacked([batch.past_temperature_c for batch in batches], batches),
        )


def _stacked(parts: Sequence[FloatArray | None], batches: Sequence[HistoryBatch]) -> FloatArray | None:
    """Return temperatures of several batches in a row, missing where a batch has none; None where all have none."""
    width = max((part.shape[1] for part in parts if part is not None), default=None)
    if width is None:
        return None
    rows = []
    for part, batch in zip(parts, batches, strict=True):
        row = np.full((len(batch), width), np.nan)
        if part is not None:
            row[:, : part.shape[1]] = part
        rows.append(row)
    return np.concatenate(rows)


class Paths(Protocol):
    """Draws joint sample paths of a forecast."""

    def __call__(self, draws: int = 200, seed: int = 0) -> FloatArray:
        """Return (n, draws, h) kWh: draw i of all meters and intervals is one way things may go together.

        Every quantile of a sum (a day, a bill, several meters) comes from the sums of the draws; quantiles do not add.
        A meter's draws are the same, bit for bit, whatever batch its forecast was made in.
        """


@dataclass(frozen=True, slots=True)
class ForecastBatch:
    """Forecasts of n meters for their next h intervals.

    Attributes:
        reading_ts_s: (n, h) UTC seconds of the intervals' starts.
        mean_kwh: (n, h) mean energy. Means add up.
        quantiles_kwh: (n, h, q) at `FORECAST_LEVELS`.
        basis: (n,) one of `BASES`.
        known_until_s: (n,) UTC seconds, the end of the last value that was known; the origin where none was.
        paths_kwh: draws joint sample paths.
    """

    reading_ts_s: IntArray
    mean_kwh: FloatArray
    quantiles_kwh: FloatArray
    basis: NDArray[np.object_]
    known_until_s: IntArray
    paths_kwh: Paths

    def __len__(self) -> int:
        """Return n."""
        return len(self.mean_kwh)


def enough_history(batch: HistoryBatch) -> NDArray[np.bool_]:
    """Return (n,) whether a meter gets a forecast of its own: `HISTORY_NEEDED_VALUES` known for each clock time."""
    a_day = DAY_MINUTES // batch.interval_minutes
    column = np.arange(batch.kwh.shape[1], 0, -1)  # so many intervals before the origin
    within = column <= (a_day * HISTORY_REACH_DAYS)[:, None]
    return (within & ~np.isnan(batch.kwh)).sum(axis=1) >= a_day * HISTORY_NEEDED_VALUES


def check_history(batch: HistoryBatch, intervals: Sequence[int]) -> None:
    """Refuse a batch that does not fit together, or interval lengths that a model does not know.

    Raises:
        UsageError: names what is wrong, and the remedy.
    """
    lengths = {len(batch.origin_ts_s), len(batch.zones), len(batch.interval_minutes), len(batch.kwh)}
    if lengths == {0}:
        raise UsageError("the history batch holds no meter; give one or more")
    if len(lengths) > 1 or batch.kwh.ndim != 2:
        raise UsageError(f"a history batch has columns of {sorted(lengths)} meters; give each meter one of everything")
    unknown = set(batch.interval_minutes.tolist()).difference(intervals)
    if unknown:
        known = ", ".join(map(str, intervals))
        raise UsageError(f"interval_minutes {min(unknown)} was never trained on; this model knows {known}")
    if np.isinf(batch.kwh).any():
        raise UsageError("the history holds an energy that is no finite number; leave it out, or say null")
