"""What is usual at a local hour and kind of day: the quartiles that a prediction is called Low, Normal or High by."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import WEEKEND_FROM
from meter_core.contracts.readings import FloatArray, IntArray, ReadingBatch
from meter_core.features.history import like_day
from meter_core.models.row_quantiles import row_quantiles

QUARTILES: Final = (0.25, 0.75)
USUAL_VALUES: Final = 14
"""Fewer measured values at an hour and kind of day say nothing usual."""


@dataclass(frozen=True)
class Usual:
    """Quartiles of mean power by local hour and kind of day.

    Attributes:
        interval_minutes: (k,) interval lengths, sorted.
        population_kw: (k, 24, 2, 2) quartiles of all meters in the training window, by length, local hour, weekend
            or not; 25 % and 75 %; NaN with fewer than 14 values.
        meter_id: (m,) str, the meters with quartiles of their own.
        meter_kw: (m, k, 24, 2, 2) theirs, of their last 56 days.
    """

    interval_minutes: IntArray
    population_kw: FloatArray
    meter_id: NDArray[np.str_]
    meter_kw: FloatArray

    @cached_property
    def _row_of_meter(self) -> dict[str, int]:
        """The row of each meter in `meter_kw`."""
        return {meter: row for row, meter in enumerate(self.meter_id.tolist())}

    @classmethod
    def measure(
        cls,
        meter_id: NDArray[np.object_],
        interval_minutes: IntArray,
        local_hour: IntArray,
        local_day_of_week: IntArray,
        mean_kw: FloatArray,
        recent: NDArray[np.bool_],
    ) -> "Usual":
        """Return the quartiles of measured readings.

        Args:
            meter_id: (n,) whose each reading is.
            interval_minutes: (n,) lengths.
            local_hour: (n,) 0..23.
            local_day_of_week: (n,) Monday 0.
            mean_kw: (n,) measured mean power, none missing.
            recent: (n,) whether the reading is of the last 56 days.
        """
        intervals = np.unique(interval_minutes)
        length = np.searchsorted(intervals, interval_minutes)
        cell = (length * 24 + local_hour) * 2 + (local_day_of_week >= WEEKEND_FROM)
        cells = len(intervals) * 48
        meters, meter = np.unique(meter_id.astype(str), return_inverse=True)
        shape = (len(intervals), 24, 2, 2)
        population = _quartiles(cell, mean_kw, cells).reshape(shape)
        own = _quartiles((meter * cells + cell)[recent], mean_kw[recent], len(meters) * cells)
        return cls(intervals, population, meters, own.reshape(len(meters), *shape))

    def quartiles_kw(
        self, batch: ReadingBatch, same_clock_kw: FloatArray | None
    ) -> tuple[FloatArray, NDArray[np.object_]]:
        """Return (n, 2) quartiles and (n,) whose they are: `meter`, `population`, or None where nothing is usual.

        A meter's own come from the history the reading brings, else from what was kept at training.

        Args:
            batch: the readings.
            same_clock_kw: (n, 56) mean power at this clock time on the days before, where the readings bring any.
        """
        length = np.minimum(
            np.searchsorted(self.interval_minutes, batch.interval_minutes), len(self.interval_minutes) - 1
        )
        weekend = (batch.local_day_of_week >= WEEKEND_FROM).astype(np.int64)
        quartiles = self.population_kw[length, batch.local_hour, weekend]
        basis = _POPULATION[np.isnan(quartiles[:, 0]).astype(np.int64)]
        if batch.meter_id is not None and len(self.meter_id):
            rows = np.array([self._row_of_meter.get(meter, -1) for meter in batch.meter_id.tolist()])
            own = self.meter_kw[rows, length, batch.local_hour, weekend]
            quartiles, basis = _prefer(own, (rows >= 0) & ~np.isnan(own[:, 0]), quartiles, basis)
        if same_clock_kw is not None:
            like = np.where(like_day(batch.local_day_of_week), same_clock_kw, np.nan)
            own = row_quantiles(like, QUARTILES, USUAL_VALUES)
            quartiles, basis = _prefer(own, ~np.isnan(own[:, 0]), quartiles, basis)
        return quartiles, basis

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        names = ("interval_minutes", "population_kw", "meter_id", "meter_kw")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Usual":
        """Return the quartiles that `arrays` came from."""
        return cls(arrays["interval_minutes"], arrays["population_kw"], arrays["meter_id"], arrays["meter_kw"])


def status_of(kw: FloatArray, quartiles_kw: FloatArray) -> NDArray[np.object_]:
    """Return (n,) `Low` below the 25 % quartile, `High` above the 75 %, `Normal` between, `Unknown` without."""
    code = np.where(kw < quartiles_kw[:, 0], 0, np.where(kw > quartiles_kw[:, 1], 2, 1))
    return _STATUS[np.where(np.isnan(quartiles_kw[:, 0]), 3, code)]


_POPULATION: Final = np.array(["population", None], dtype=object)
_STATUS: Final = np.array(["Low", "Normal", "High", "Unknown"], dtype=object)


def _prefer(
    own: FloatArray, usable: NDArray[np.bool_], quartiles: FloatArray, basis: NDArray[np.object_]
) -> tuple[FloatArray, NDArray[np.object_]]:
    """Return the meter's own quartiles where usable."""
    return np.where(usable[:, None], own, quartiles), np.where(usable, "meter", basis)


def _quartiles(cell: IntArray, values: FloatArray, cells: int) -> FloatArray:
    """Return (cells, 2) weibull quartiles of the values of each cell, NaN with fewer than 14."""
    order = np.lexsort((values, cell))
    ordered = values[order]
    edges = np.searchsorted(cell[order], np.arange(cells + 1))
    quartiles = np.full((cells, 2), np.nan)
    for n in np.flatnonzero(np.diff(edges) >= USUAL_VALUES):
        quartiles[n] = np.quantile(ordered[edges[n] : edges[n + 1]], QUARTILES, method="weibull")
    return quartiles
