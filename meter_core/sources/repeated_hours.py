"""Which occurrence a naive stamp means that autumn repeats: told by its place in the file, whole or read in parts."""

from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from meter_core.contracts.readings import IntArray

NOTHING: Final = np.zeros(0, dtype=np.int64)
Mask = NDArray[np.bool_]


class RepeatedHours:
    """The stamps of a file that autumn repeats, in the file's order, until its end tells what they mean.

    A stamp is the second occurrence where it stands a second time in the order of time, with no other hour of its
    series between. So a file that was pasted together twice does not get a second occurrence that nobody measured.
    """

    def __init__(self) -> None:
        self._other_hours = NOTHING
        self._steps = 0
        self._last: tuple[int, int] | None = None
        self._held: list[pd.DataFrame] = []
        self._told = 0

    def see(self, wall_us: IntArray, series: IntArray, repeated: Mask, readable: Mask) -> None:
        """Take note of the next stamps of the file.

        Args:
            wall_us: (n,) microseconds on the local clock.
            series: (n,) small numbers, one for each series (meter and channel) of the file.
            repeated: (n,) which ones autumn repeats: they are held.
            readable: (n,) which ones can be read; others count for nothing.
        """
        if not readable.all():
            wall_us, series, repeated = wall_us[readable], series[readable], repeated[readable]
        if len(series) == 0:
            return
        more = int(series.max()) + 1 - len(self._other_hours)
        self._other_hours = np.concatenate((self._other_hours, np.zeros(max(more, 0), dtype=np.int64)))
        self._see_direction(wall_us, series)
        if repeated.any():
            self._hold(wall_us, series, repeated)
        self._other_hours += np.bincount(series[~repeated], minlength=len(self._other_hours))

    def _see_direction(self, wall_us: IntArray, series: IntArray) -> None:
        """Count the steps forward less those backward: some files list the newest first."""
        if self._last is not None and self._last[1] == series[0]:
            self._steps += int(np.sign(wall_us[0] - self._last[0]))
        self._steps += int(np.sign(np.diff(wall_us))[np.diff(series) == 0].sum())
        self._last = int(wall_us[-1]), int(series[-1])

    def _hold(self, wall_us: IntArray, series: IntArray, repeated: Mask) -> None:
        """Keep the repeated stamps, and how many other hours their series had before: equal means none between."""
        order = np.argsort(series, kind="stable")
        others = np.cumsum(~repeated[order])
        sorted_series = series[order]
        begins = np.searchsorted(sorted_series, sorted_series)
        before_series = np.where(begins > 0, others[begins - 1], 0)
        run = np.empty(len(series), dtype=np.int64)
        run[order] = others - before_series + self._other_hours[sorted_series]
        held = {"series": series[repeated], "run": run[repeated], "wall": wall_us[repeated]}
        self._held.append(pd.DataFrame(held))

    def meanings(self, count: int) -> tuple[Mask, Mask]:
        """Return of the next held stamps which are second occurrences, and which stand alone in their series.

        Args:
            count: How many of them; the file has been seen to its end.
        """
        self._told, begin = self._told + count, self._told
        again, alone = self._resolved
        return again[begin : self._told], alone[begin : self._told]

    @cached_property
    def _resolved(self) -> tuple[Mask, Mask]:
        """Of all held stamps, in the file's order, which are second occurrences, and which stand alone."""
        if not self._held:
            return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        held = pd.concat(self._held, ignore_index=True)
        in_order = held.iloc[::-1] if self._steps < 0 else held
        again = in_order.groupby(["series", "run", "wall"], sort=False).cumcount() >= 1
        alone = held.groupby(["series", "wall"], sort=False)["wall"].transform("size") == 1
        return again.sort_index().to_numpy(), alone.to_numpy()


class SeriesNumbers:
    """A small number for each series (meter and channel) of a file, the same in all its parts."""

    def __init__(self) -> None:
        self._known: dict[object, int] = {}

    def of(self, names: "pd.Series[str]") -> IntArray:
        """Return (n,) the number of each name."""
        codes, distinct = pd.factorize(names)
        numbers = [self._known.setdefault(name, len(self._known)) for name in distinct]
        return np.asarray(numbers, dtype=np.int64)[codes] if len(codes) else NOTHING
