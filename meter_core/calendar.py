"""The meter's local clock: UTC to local hour and weekday, naive local stamps to UTC, around every clock change.

Offsets are asked of `zoneinfo` once per distinct quarter of an hour: ten million rows of a thousand meters cost as much
as one meter's.
"""

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import IntArray

QUARTER_S = 900
QUARTERS_KEPT = 200_000  # five years of one zone; a served reading with history asks for 56 of them
CLOSE = 8  # so many places a value: counting is then faster than sorting
DAY_S = 86_400
NOT_IANA = ("localtime", "Factory", "posix", "right/")  # what a machine's zone folder holds beside the zones
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: local clock readings have no zone
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class Clock(IntEnum):
    """What a naive local stamp is on the local clock."""

    ONCE = 0
    NONEXISTENT = 1
    AMBIGUOUS = 2


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone of that name.

    Raises:
        UsageError: where there is no such zone.
    """
    try:
        if name.startswith(NOT_IANA):
            raise ZoneInfoNotFoundError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"zone {name!r} is not an IANA zone; say one like Europe/Paris or Asia/Kolkata") from error


def utc_offset_minutes(ts_s: IntArray, zone: str) -> IntArray:
    """Return the local clock's offset from UTC in minutes, east positive.

    Args:
        ts_s: any shape, instants in seconds since 1970-01-01 UTC.
        zone: IANA name.
    """
    zone_of(zone)
    quarters, index = _distinct(np.floor_divide(ts_s, QUARTER_S))
    offsets = [_offset_at(quarter, zone) for quarter in quarters.tolist()]
    return np.asarray(offsets, dtype=np.int64)[index].reshape(np.shape(ts_s))


def local_hour_and_weekday(ts_s: IntArray, zone: str) -> tuple[IntArray, IntArray]:
    """Return the local hour (0..23) and day of week (Monday 0) of instants in UTC seconds."""
    local_s = ts_s + utc_offset_minutes(ts_s, zone) * 60
    hour = np.floor_divide(np.mod(local_s, DAY_S), 3600)
    return hour, np.mod(np.floor_divide(local_s, DAY_S) + EPOCH_WEEKDAY, 7)


def clock_shift_minutes(ts_s: IntArray, zone: str, days: int) -> IntArray:
    """Return for each instant the UTC offset at the same local clock time on each of the days before, minus its own.

    The same clock time d days before lies `d * 1440 + shift` minutes back: an hour of daylight saving less then gives a
    shift of -60, so yesterday's is 1380 minutes back. A clock time that did not exist on that day reads the offset
    before the change.

    Args:
        ts_s: (n,) instants in UTC seconds.
        zone: IANA name.
        days: how many days back.

    Returns:
        (n, days) minutes; column 0 is yesterday.
    """
    now = utc_offset_minutes(ts_s, zone)
    local_s = ts_s + now * 60
    earlier = local_s[:, None] - np.arange(1, days + 1, dtype=np.int64) * DAY_S
    utc_s, _ = local_to_utc(earlier.ravel(), zone)
    then = (earlier.ravel() - utc_s).reshape(earlier.shape) // 60
    return then - now[:, None]


def local_to_utc(local_s: IntArray, zone: str) -> tuple[IntArray, NDArray[np.int8]]:
    """Return the UTC instants of naive local stamps, and what each is on the local clock.

    An ambiguous stamp (the hour that autumn repeats) is taken as its first occurrence. A stamp that does not exist (the
    hour that spring skips) is read with the offset before the change: callers decide whether to keep it.

    Args:
        local_s: (n,) seconds since 1970-01-01 00:00 on the local clock.
        zone: IANA name.

    Returns:
        (n,) UTC seconds and (n,) `Clock` codes.
    """
    zone_of(zone)
    quarters, index = _distinct(np.floor_divide(local_s, QUARTER_S))
    found = [_first_occurrence(quarter, zone) for quarter in quarters.tolist()]
    offsets = np.asarray([offset for offset, _ in found], dtype=np.int64)
    codes = np.asarray([code for _, code in found], dtype=np.int8)
    return local_s - offsets[index] * 60, codes[index]


def _distinct(quarters: IntArray) -> tuple[IntArray, IntArray]:
    """Return what `np.unique` does with `return_inverse`, without sorting where values lie close together."""
    flat = np.ravel(quarters)
    low = int(flat.min()) if flat.size else 0
    span = int(flat.max()) - low + 1 if flat.size else 0
    if span > CLOSE * flat.size:
        return np.unique(flat, return_inverse=True)
    there = np.zeros(span, dtype=bool)
    there[flat - low] = True
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[flat - low]


@lru_cache(maxsize=QUARTERS_KEPT)
def _offset_at(quarter: int, zone: str) -> int:
    """Return the offset in minutes during a quarter of an hour of UTC."""
    return _minutes(datetime.fromtimestamp(quarter * QUARTER_S, ZoneInfo(zone)).utcoffset())


@lru_cache(maxsize=QUARTERS_KEPT)
def _first_occurrence(quarter: int, zone: str) -> tuple[int, Clock]:
    """Return the offset in minutes of the first occurrence of a quarter on the local clock, and its code."""
    where = ZoneInfo(zone)
    naive = EPOCH + timedelta(seconds=quarter * QUARTER_S)
    first = naive.replace(tzinfo=where, fold=0)
    offset = _minutes(first.utcoffset())
    if offset == _minutes(naive.replace(tzinfo=where, fold=1).utcoffset()):
        return offset, Clock.ONCE
    exists = first.astimezone(UTC).astimezone(where).replace(tzinfo=None) == naive
    return offset, Clock.AMBIGUOUS if exists else Clock.NONEXISTENT


def local_midnights(from_s: int, until_s: int, zone: str) -> IntArray:
    """Return the UTC seconds at which the local days that a span touches begin, and at which the last of them ends.

    A day that has no midnight, because the clock changes then, begins with its first instant. A day that a zone
    left out (Samoa's 30 December 2011) is left out.
    """
    ends = np.array([from_s, max(from_s, until_s - 1)], dtype=np.int64)
    first, last = np.floor_divide(ends + utc_offset_minutes(ends, zone) * 60, DAY_S).tolist()
    return np.unique(local_to_utc(np.arange(first, last + 2, dtype=np.int64) * DAY_S, zone)[0])


def iso_local(ts_s: IntArray, zone: str) -> list[str]:
    """Return instants in UTC seconds as ISO 8601 with the local clock's offset, `2010-01-01T00:00:00+01:00`."""
    where = zone_of(zone)
    return [datetime.fromtimestamp(instant, where).isoformat() for instant in ts_s.tolist()]


def iso_utc(ts_s: int) -> str:
    """Return an instant in UTC seconds as ISO 8601, `2009-12-31T23:00:00Z`."""
    return datetime.fromtimestamp(int(ts_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _minutes(offset: timedelta | None) -> int:
    """Return a UTC offset in whole minutes."""
    return 0 if offset is None else int(offset.total_seconds() // 60)
