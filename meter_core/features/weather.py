"""Weather of a place as it could be known at a moment: what was measured by then, and the newest forecasts of the rest.

One code for training, batch, serving and backtests: whoever asks says what is stored and when the forecast is made.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.contracts.weather import WeatherValues
from meter_core.features.interval_grid import even_clock, from_even_clock

REACH_DAYS: Final = 10
"""Days before an origin whose temperatures are looked at: a week to compare with, and three days of lags."""

WIDEST_GAP_S: Final = 3 * 3600
"""Between two temperatures that are farther apart nothing is drawn: it is missing."""

HOUR_S: Final = 3600


@dataclass(frozen=True, eq=False)
class PlaceWeather:
    """Temperatures of one place. Of those known of an instant what was measured counts, and of these the newest.

    Attributes:
        valid_s: (n,) UTC seconds of the instants they are for.
        known_s: (n,) UTC seconds from which each could be known: of a forecast when it was issued, of an observation
            when it was there.
        temperature_c: (n,) degrees Celsius.
        observed: (n,) whether each was measured, not forecast.
    """

    valid_s: IntArray
    known_s: IntArray
    temperature_c: FloatArray
    observed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        order = np.lexsort((self.known_s, self.observed, self.valid_s))
        for name in ("valid_s", "known_s", "temperature_c", "observed"):
            object.__setattr__(self, name, getattr(self, name)[order])

    def __len__(self) -> int:
        """Return n."""
        return len(self.valid_s)

    def at(self, known_at_s: int, at_s: IntArray) -> FloatArray:
        """Return (m,) temperatures at instants as they were known at a moment, linear between neighbours.

        Args:
            known_at_s: UTC seconds of the moment.
            at_s: (m,) UTC seconds, ascending.
        """
        if not len(at_s):
            return np.empty(0)
        first, last = np.searchsorted(self.valid_s, [at_s[0] - WIDEST_GAP_S, at_s[-1] + WIDEST_GAP_S + 1])
        known = first + np.flatnonzero(self.known_s[first:last] <= known_at_s)
        if not len(known):
            return np.full(len(at_s), np.nan)
        valid_s = self.valid_s[known]
        counts = np.append(valid_s[1:] != valid_s[:-1], True)  # measured values are sorted behind forecasts
        return _drawn(valid_s[counts], self.temperature_c[known[counts]], at_s)

    def with_other_later(self, moment_s: int, other: Callable[[FloatArray], FloatArray]) -> "PlaceWeather":
        """Return it with other temperatures for what became known after a moment: what a leak check changes."""
        later = self.known_s > moment_s
        return replace(self, temperature_c=np.where(later, other(self.temperature_c), self.temperature_c))

    def digest(self) -> str:
        """Return the digest of everything in it, in whatever order it came."""
        columns = (self.valid_s, self.known_s, self.temperature_c, self.observed)
        return sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in columns)).hexdigest()


def weather_by_place(values: WeatherValues) -> dict[str, PlaceWeather]:
    """Return the weather of each place."""
    names, number = np.unique(values.place.astype(str), return_inverse=True)
    columns = (values.valid_s, values.issued_s, values.temperature_c, values.observed)
    return {
        name: PlaceWeather(*(column[number == place] for column in columns))
        for place, name in enumerate(names.tolist())
    }


def seen_temperatures(
    weather: PlaceWeather, known_at_s: int, origin_s: int, minutes: int, zone: str, before: int, after: int
) -> FloatArray:
    """Return (before + after,) temperatures of the intervals around an origin, as they were known at a moment.

    That of an interval of up to an hour is the one at its start; of a longer one the mean over its hours, of which
    half have to be known. Those more than `REACH_DAYS` before the origin are missing.

    Args:
        weather: of the meter's place.
        known_at_s: UTC seconds: the origin itself, or later where a forecast is made after its data ends.
        origin_s: UTC seconds, start of the first interval ahead.
        minutes: length of the intervals.
        zone: IANA name: whole days are days of the local calendar.
        before: how many intervals before the origin.
        after: how many from it on.
    """
    step_s = minutes * 60
    reach = min(before, REACH_DAYS * DAY_S // step_s)
    found = np.full(before + after, np.nan)
    found[before - reach :] = _seen(weather, known_at_s, origin_s, step_s, zone, reach, after)
    return found


@lru_cache(maxsize=1_024)
def _seen(
    weather: PlaceWeather, known_at_s: int, origin_s: int, step_s: int, zone: str, before: int, after: int
) -> FloatArray:
    """Return the temperatures of intervals; meters of one place ask for the same."""
    steps = np.arange(-before, after, dtype=np.int64) * step_s
    start_s = from_even_clock(even_clock(np.array([origin_s]), step_s, zone) + steps, step_s, zone)
    hours = max(1, step_s // HOUR_S)
    asked = (start_s[:, None] + np.arange(hours, dtype=np.int64) * HOUR_S).ravel()
    each = weather.at(known_at_s, asked).reshape(len(start_s), hours)
    count = (~np.isnan(each)).sum(axis=1)
    return np.where(count * 2 >= hours, np.nansum(each, axis=1) / np.maximum(count, 1), np.nan)


def _drawn(valid_s: IntArray, temperature_c: FloatArray, at_s: IntArray) -> FloatArray:
    """Return (m,) temperatures on the line between the neighbours of each instant, if these are near enough."""
    after = np.clip(np.searchsorted(valid_s, at_s), 0, len(valid_s) - 1)
    before = np.clip(np.searchsorted(valid_s, at_s, side="right") - 1, 0, len(valid_s) - 1)
    inside = (valid_s[before] <= at_s) & (valid_s[after] >= at_s)
    near = inside & (valid_s[after] - valid_s[before] <= WIDEST_GAP_S)
    return np.where(near, np.interp(at_s, valid_s, temperature_c), np.nan)
