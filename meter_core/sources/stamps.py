"""Stamps as delivered to UTC instants, with the reason where there is none."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from meter_core.calendar import Clock, local_to_utc
from meter_core.contracts.readings import IntArray
from meter_core.sources.columns import numbers
from meter_core.sources.profile import UNIX, Stamp
from meter_core.sources.repeated_hours import Mask

NAIVE: Final = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?$"
WITH_OFFSET: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)? ?([Zz]|[+-]\d\d(:?\d\d)?)$"
"""ISO 8601 as sources write it; a date alone is its midnight. Looser forms (`2020`) are errors more often."""

BAD_STAMP: Final = "bad_stamp"
NONEXISTENT: Final = "nonexistent_local_time"
AMBIGUOUS: Final = "ambiguous_local_time"
OUTSIDE_DAY: Final = "outside_day"
MOST_US: Final = 4e15
"""A century after 1970: what counts more is no time, or one in another unit."""
EARLIEST_US, LATEST_US = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-03-01", "9999-11-01"))
"""Between them no offset, no day's columns and no interval lead out of the years that a `datetime` has."""
SECOND_US: Final = 1_000_000
WELL_AFTER_US: Final = 3 * 3600 * SECOND_US
"""No zone repeats more than this at a change of daylight saving."""


@dataclass(frozen=True, eq=False)
class Instants:
    """Instants of (n,) delivered stamps.

    Attributes:
        wall_us: (n,) what the stamp says, in microseconds since 1970 on its own clock; 0 where unreadable.
        utc_us: (n,) microseconds since 1970-01-01 UTC; of a local time that autumn repeats, the first.
        codes: (n,) None or reject code.
        repeated: (n,) bool: a naive stamp that autumn repeats, and whose place in the file tells which it is.
    """

    wall_us: IntArray
    utc_us: IntArray
    codes: NDArray[np.object_]
    repeated: Mask

    def where(self, chosen: Mask | IntArray) -> "Instants":
        """Return those of some stamps, by mask or by index."""
        return Instants(self.wall_us[chosen], self.utc_us[chosen], self.codes[chosen], self.repeated[chosen])

    def second(self, chosen: Mask, zone: str) -> "Instants":
        """Return the same, the chosen ones taken as the second occurrence of their local time."""
        utc_us = self.utc_us.copy()
        utc_us[chosen] = _second_occurrence(self.wall_us[chosen], zone)
        return replace(self, utc_us=utc_us)


def wall_clock(text: pa.Array, stamp: Stamp) -> tuple[IntArray, Mask]:
    """Return (n,) microseconds since 1970 on the stamps' own clock, 0 where unreadable, and (n,) bool where so.

    Args:
        text: (n,) strings, null where blank.
        stamp: How the source writes time.
    """
    written = pc.dictionary_encode(text, null_encoding="encode")  # a stamp of many meters is read once
    wall_us, bad = _distinct_wall_clock(written.dictionary, stamp)
    places = written.indices.to_numpy()
    return wall_us[places], bad[places]


def _distinct_wall_clock(text: pa.Array, stamp: Stamp) -> tuple[IntArray, Mask]:
    """Return the same of stamps that are distinct."""
    if stamp.format in UNIX:
        counts, bad = numbers(text)
        bad |= ~(np.abs(counts) < MOST_US / UNIX[stamp.format])
        return np.where(bad, 0, np.round(counts * UNIX[stamp.format])).astype(np.int64), bad
    parsed = _parsed(text, stamp)
    wall_us = parsed.astype(np.int64)
    bad = np.isnat(parsed) | (wall_us < EARLIEST_US) | (wall_us > LATEST_US)
    return np.where(bad, 0, wall_us), bad


def instants(wall_us: IntArray, bad: Mask, stamp: Stamp, zone: str) -> Instants:
    """Return instants of delivered stamps.

    Args:
        wall_us: (n,) what they say, in microseconds since 1970.
        bad: (n,) which of them cannot be read.
        stamp: How the source writes time.
        zone: IANA zone of the meters.
    """
    codes = np.full(len(bad), None, dtype=object)
    repeated = np.zeros(len(bad), dtype=bool)
    utc_us = wall_us
    if stamp.clock == "local":
        utc_us, clock = _from_local(wall_us, zone)
        codes[clock == Clock.NONEXISTENT] = NONEXISTENT
        twice = (clock == Clock.AMBIGUOUS) & ~bad
        if stamp.ambiguous == "quarantine":
            codes[twice] = AMBIGUOUS
        elif stamp.ambiguous == "second":
            utc_us[twice] = _second_occurrence(wall_us[twice], zone)
        elif stamp.ambiguous == "in_order":
            repeated = twice
    codes[bad] = BAD_STAMP
    return Instants(wall_us, utc_us, codes, repeated)


def _parsed(text: pa.Array, stamp: Stamp) -> np.ndarray:
    """Return (n,) datetime64[us] on the clock of the stamps (UTC where they carry an offset), NaT where unreadable."""
    series = pd.Series(pd.array(text, dtype="str"))
    if stamp.format != "iso8601":
        parsed = pd.to_datetime(series, format=stamp.format, errors="coerce", utc=stamp.clock == "offset")
    else:
        pattern = WITH_OFFSET if stamp.clock == "offset" else NAIVE
        fits = pc.fill_null(pc.match_substring_regex(text, pattern), False).to_numpy(zero_copy_only=False)
        parsed = pd.to_datetime(series.where(fits), format="ISO8601", errors="coerce", utc=stamp.clock == "offset")
    if parsed.dt.tz is not None:
        parsed = parsed.dt.tz_convert(None)
    return parsed.to_numpy(dtype="datetime64[us]")


def _from_local(wall_us: IntArray, zone: str) -> tuple[IntArray, np.ndarray]:
    """Return UTC microseconds of local ones, and what each is on the local clock."""
    wall_s, rest_us = np.divmod(wall_us, SECOND_US)
    utc_s, clock = local_to_utc(wall_s, zone)
    return utc_s * SECOND_US + rest_us, clock


def _second_occurrence(wall_us: IntArray, zone: str) -> IntArray:
    """Return the later of the two instants of a local time: there the offset after the change applies."""
    utc_us, _ = _from_local(wall_us + WELL_AFTER_US, zone)
    return utc_us - WELL_AFTER_US
