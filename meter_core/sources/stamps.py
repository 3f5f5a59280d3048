"""Stamps as delivered to UTC instants, with the reason where there is none."""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from meter_core.calendar import Clock, local_to_utc
from meter_core.contracts.readings import IntArray
from meter_core.sources.profile import Stamp

NAIVE: Final = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?$"
WITH_OFFSET: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)? ?([Zz]|[+-]\d\d(:?\d\d)?)$"
"""ISO 8601 as sources write it; a date alone is its midnight. Looser forms (`2020`) are errors more often."""

BAD_STAMP: Final = "bad_stamp"
NONEXISTENT: Final = "nonexistent_local_time"
AMBIGUOUS: Final = "ambiguous_local_time"
SECOND_US: Final = 1_000_000
WELL_AFTER_US: Final = 3 * 3600 * SECOND_US
"""No zone repeats more than this at a change of daylight saving."""


def to_utc(text: pa.Array, stamp: Stamp, zone: str, key: IntArray) -> tuple[IntArray, np.ndarray, np.ndarray]:
    """Return instants of delivered stamps.

    Args:
        text: (n,) strings, null where blank.
        stamp: How the source writes time.
        zone: IANA zone of the meters.
        key: (n,) one number for each series (meter and channel), so that a repeated local hour is told from another
            meter's.

    Returns:
        (n,) microseconds since 1970-01-01 UTC, (n,) None or reject code, (n,) bool: a naive stamp that autumn repeats
        and that the series has once.
    """
    parsed = _parsed(text, stamp)
    bad = np.isnat(parsed)
    wall_us = np.where(bad, 0, parsed.astype(np.int64))
    codes = np.full(len(bad), None, dtype=object)
    lone = np.zeros(len(bad), dtype=bool)
    if stamp.clock == "local":
        utc_us, clock = _from_local(wall_us, zone)
        codes[clock == Clock.NONEXISTENT] = NONEXISTENT
        repeated = (clock == Clock.AMBIGUOUS) & ~bad
        if stamp.ambiguous == "quarantine":
            codes[repeated] = AMBIGUOUS
        elif repeated.any():
            again, alone = _companions(wall_us[~bad], key[~bad], repeated[~bad])
            lone[~bad] = alone
            second = repeated if stamp.ambiguous == "second" else np.zeros(len(bad), dtype=bool)
            if stamp.ambiguous == "in_order":
                second[~bad] = again
            utc_us[second] = _second_occurrence(wall_us[second], zone)
        wall_us = utc_us
    codes[bad] = BAD_STAMP
    return wall_us, codes, lone


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


def _companions(wall_us: IntArray, key: IntArray, repeated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, of naive stamps that autumn repeats, which stand a second time, and which stand alone in their series.

    A second time means: in the order of time, with no other hour between. So a file that was pasted together twice
    does not get a second occurrence that nobody measured.
    """
    frame = pd.DataFrame({"key": key, "wall": wall_us, "repeated": repeated})
    if _runs_backwards(wall_us, key):
        frame = frame.iloc[::-1]
    frame = frame.sort_values("key", kind="stable")
    frame["run"] = (frame[["key", "repeated"]] != frame[["key", "repeated"]].shift()).any(axis=1).cumsum()
    among = frame[frame["repeated"]]
    again = among.groupby(["key", "run", "wall"], sort=False).cumcount() >= 1
    alone = among.groupby(["key", "wall"], sort=False)["wall"].transform("size") == 1
    return _spread(again, len(frame)), _spread(alone, len(frame))


def _spread(chosen: "pd.Series[bool]", rows: int) -> np.ndarray:
    """Return (rows,) bool from a mask of some of the rows."""
    mask = np.zeros(rows, dtype=bool)
    mask[chosen.index[chosen]] = True
    return mask


def _runs_backwards(wall_us: IntArray, key: IntArray) -> bool:
    """Return whether the file lists the newest first."""
    steps = np.sign(np.diff(wall_us))[np.diff(key) == 0]
    return bool(steps.sum() < 0)
