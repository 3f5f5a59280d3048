"""When each reading was on its meter's local clock: from its stamp and zone, or as it says itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bento.notes import REMEDIES, Where, missing, wrong_type
from bento.schemas import Note
from meter_core.calendar import clock_shift_minutes, local_hour_and_weekday, zone_of
from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import IntArray

EARLIEST_S: Final = datetime.fromisoformat("1900-01-01T00:00:00+00:00").timestamp()
AHEAD: Final = timedelta(days=366)
"""How far in the future a stamp may lie: what-if questions about next season are fine, 2090 is a broken clock."""

Notes = dict[int, list[Note]]


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """n readings on the local clock.

    Attributes:
        hour: (n,) 0..23; 0 where a note says what is wrong.
        weekday: (n,) Monday 0; likewise.
        ts_s: (n,) UTC seconds, 0 where `zones` has None.
        zones: (n,) names of zones, None where only hour and weekday are known.
    """

    hour: IntArray
    weekday: IntArray
    ts_s: IntArray
    zones: Sequence[str | None]


def local_times(values: dict[str, Sequence[Any]], where: Where, now_s: float, notes: Notes) -> LocalTimes:
    """Return when each reading was; what is wrong with a reading's time is added to `notes`."""
    size = len(values["reading_ts"])
    ts_s, zones = np.zeros(size, dtype=np.int64), [None] * size
    hour, weekday = _given(values["local_hour"]), _given(values["local_day_of_week"])
    times = LocalTimes(hour, weekday, ts_s, zones)
    if values["reading_ts"].count(None) == values["zone"].count(None) == size and min(hour.min(), weekday.min()) >= 0:
        return times  # nothing to read, nothing missing: no need to go through the rows
    for row, stamp in enumerate(values["reading_ts"]):
        if stamp is not None:
            _read_stamp(row, stamp, values["zone"][row], times, where, now_s, notes)
            continue
        if hour[row] < 0 or weekday[row] < 0:
            notes.setdefault(row, []).extend(_missing_time(row, hour[row] < 0, weekday[row] < 0, where))
        if (zone := values["zone"][row]) is not None and (wrong := wrong_zone(zone)) is not None:
            notes.setdefault(row, []).append(wrong_type(where(row, "zone"), "zone", zone, wrong))
    _read_clock(times, where, notes)
    return times


def clock_shifts(times: LocalTimes, days: int) -> IntArray | None:
    """Return the (n, days) clock shifts of `ReadingBatch`: 0 where the zone is unknown, None where it is for all."""
    if not any(times.zones):
        return None
    shifts = np.zeros((len(times.hour), days), dtype=np.int64)
    for zone, rows in _by_zone(times):
        shifts[rows] = clock_shift_minutes(times.ts_s[rows], zone, days)
    return shifts


def _given(column: Sequence[int | None]) -> IntArray:
    """Return what readings say themselves, -1 where they do not."""
    if column.count(None):
        column = [-1 if value is None else value for value in column]
    return np.array(column, dtype=np.int64)


def _missing_time(row: int, no_hour: bool, no_weekday: bool, where: Where) -> list[Note]:
    """Return what is missing of a time: all of it, or the other half."""
    if no_hour and no_weekday:
        remedy = f"{REMEDIES['reading_ts']}; or give local_hour and local_day_of_week"
        return [Note(where(row, "reading_ts"), None, "the time of the reading is missing", remedy)]
    field = "local_hour" if no_hour else "local_day_of_week"
    return [missing(where(row, field), field)]


def _read_stamp(
    row: int, stamp: str, zone: str | None, times: LocalTimes, where: Where, now_s: float, notes: Notes
) -> None:
    """Put one stamp and zone into `times`, or say what is wrong with them."""
    found: list[Note] = []
    instant_s = instant(stamp, where(row, "reading_ts"), now_s, found)
    if zone is None:
        found.append(Note(where(row, "zone"), None, "zone is missing beside reading_ts", REMEDIES["zone"]))
    elif (wrong := wrong_zone(zone)) is not None:
        found.append(wrong_type(where(row, "zone"), "zone", zone, wrong))
    if found:
        notes.setdefault(row, []).extend(found)
    else:
        times.ts_s[row] = instant_s
        times.zones[row] = zone  # type: ignore[index]  # a list here; callers see a sequence


def instant(stamp: str, path: str, now_s: float, found: list[Note], field: str = "reading_ts") -> int:
    """Return a stamp's UTC seconds; what is wrong with it is added to `found`."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        found.append(wrong_type(path, field, stamp, "not a time"))
        return 0
    if moment.tzinfo is None:
        found.append(wrong_type(path, field, stamp, "without an offset it could be any of 24 hours"))
        return 0
    instant_s = int(moment.timestamp() // 1)
    if instant_s > now_s + AHEAD.total_seconds() or instant_s < EARLIEST_S:
        found.append(wrong_type(path, field, stamp, "that is no time a meter measures at; check its clock"))
    return instant_s


def wrong_zone(name: str) -> str | None:
    """Return why a name is no zone, None where it is one."""
    try:
        zone_of(name)
    except UsageError:
        return "not an IANA zone"
    return None


def _by_zone(times: LocalTimes) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the rows of each zone."""
    rows: dict[str, list[int]] = {}
    for row, zone in enumerate(times.zones):
        if zone is not None:
            rows.setdefault(zone, []).append(row)
    return [(zone, np.asarray(numbers, dtype=np.int64)) for zone, numbers in rows.items()]


def _read_clock(times: LocalTimes, where: Where, notes: Notes) -> None:
    """Fill in hour and weekday from stamps; where a reading gives them too they have to agree."""
    for zone, rows in _by_zone(times):
        hour, weekday = local_hour_and_weekday(times.ts_s[rows], zone)
        for field, said, read in (("local_hour", times.hour, hour), ("local_day_of_week", times.weekday, weekday)):
            for at in np.flatnonzero((said[rows] >= 0) & (said[rows] != read)):
                row = int(rows[at])
                reason = f"reading_ts in {zone} gives {read[at]}"
                notes.setdefault(row, []).append(wrong_type(where(row, field), field, int(said[row]), reason))
            said[rows] = read
    np.maximum(times.hour, 0, out=times.hour)
    np.maximum(times.weekday, 0, out=times.weekday)
