"""Temperatures with their clocks: when each is valid, and when it could be known."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray

OBSERVED_AFTER_S: Final = 3_600
"""So long after its instant a station's value counts as known, where nobody says when it was."""

COLDEST_C: Final = -95.0
HOTTEST_C: Final = 65.0
"""No outdoor temperature lies beyond: then it is another unit."""

EARLIEST_S: Final = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())
LATEST_S: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
"""No instant of a temperature lies beyond: then it is another clock, or a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where weather is asked for: a station, a town, a grid cell.

    Attributes:
        place: names it.
        latitude: degrees north; None where only files bring its weather.
        longitude: degrees east; likewise.
        is_default: whether the meters stand here that have no place of their own.
    """

    place: str
    latitude: float | None = None
    longitude: float | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class WeatherValues:
    """n outdoor temperatures of one source.

    Attributes:
        source: what brought them.
        place: (n,) objects, names of places.
        valid_s: (n,) UTC seconds of the instants they are for.
        issued_s: (n,) UTC seconds from which each could be known: of a forecast when it was issued, of an observation
            when it was there.
        observed: (n,) whether it was measured, not forecast.
        temperature_c: (n,) degrees Celsius, never missing.
    """

    source: str
    place: NDArray[np.object_]
    valid_s: IntArray
    issued_s: IntArray
    observed: NDArray[np.bool_]
    temperature_c: FloatArray

    def __len__(self) -> int:
        """Return n."""
        return len(self.valid_s)

    @classmethod
    def joined(cls, source: str, parts: "list[WeatherValues]") -> "WeatherValues":
        """Return the values of several parts, at least one, in a row."""
        names = ("place", "valid_s", "issued_s", "observed", "temperature_c")
        return cls(source, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))
