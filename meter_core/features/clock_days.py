"""A meter's history as days of its local clock: what was measured at each clock time on each of the 56 days before.

Everything is counted from the end of the last value that is known, so a delivery that comes a day late is a forecast
that reaches a day further, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from meter_core.calendar import DAY_S, EPOCH_WEEKDAY, local_to_utc, utc_offset_minutes
from meter_core.contracts.forecasts import HISTORY_REACH_DAYS, HistoryBatch
from meter_core.contracts.readings import FloatArray, IntArray

WARM_DAYS: Final = 7
"""Days whose temperatures a forecast compares with."""


@dataclass(frozen=True, slots=True)
class ClockDays:
    """Histories of n meters with s intervals a day, all of one interval length.

    Attributes:
        mean_kw: (56, n, s): slab 0 holds the 24 hours of the local clock that end when knowledge ends, slab 1 those
            before. Slot 0 of a slab is the clock time at which knowledge ends. NaN where missing.
        latest_kw: (n, 56 * s) the same span in the order of time, newest last, no clock change accounted for.
        end_s: (n,) UTC seconds at which knowledge ends: the origin where nothing is known.
        late: (n,) intervals between that end and the origin.
        zones: (n,) zone names.
        step_s: seconds of an interval.
        temperature_c: (k, n, s) outdoor temperatures of the first k slabs, None where none were given.
        temperatures_c: (n, 56 * s + h) those before the origin in the order of time, and those given of the h coming
            intervals.
        holidays: (n) calendars of public holidays, None where there are none.
    """

    mean_kw: FloatArray
    latest_kw: FloatArray
    end_s: IntArray
    late: IntArray
    zones: np.ndarray
    step_s: int
    temperature_c: FloatArray | None = None
    temperatures_c: FloatArray | None = None
    holidays: Sequence[str] | None = None

    @property
    def slots(self) -> int:
        """Intervals a day."""
        return DAY_S // self.step_s


@dataclass(frozen=True, slots=True)
class Targets:
    """The intervals to forecast, seen from the end of what is known.

    Attributes:
        start_s: (n, h) UTC seconds of their starts.
        lead: (n, h) intervals from the end of what is known.
        slot: (n, h) slot of `ClockDays` with the same clock time.
        day: (n, h) how many days of the local clock after slab 0: 0 for the first 24 hours.
        local_minute: (n, h) 0..1439.
        date: (n, h) local dates, in days since 1970-01-01.
    """

    start_s: IntArray
    lead: IntArray
    slot: IntArray
    day: IntArray
    local_minute: IntArray
    date: IntArray

    @property
    def weekday(self) -> IntArray:
        """(n, h) Monday 0."""
        return weekday_of(self.date)


def clock_days(batch: HistoryBatch) -> ClockDays:
    """Return the histories of meters of one interval length by their local clocks."""
    step_s = int(batch.interval_minutes[0]) * 60
    slots = DAY_S // step_s
    known = ~np.isnan(batch.kwh)
    late = np.where(known.any(axis=1), known[:, ::-1].argmax(axis=1) if known.size else 0, 0)
    zones = np.asarray(batch.zones, dtype=object)
    end_s = _moved(batch.origin_ts_s, -late, zones, step_s)
    width = slots * HISTORY_REACH_DAYS
    kw = _latest(batch.kwh, late, width) * (3600.0 / step_s)
    back = _steps_back(end_s, zones, step_s)
    warm = None
    if batch.past_temperature_c is not None:
        warm = _by_clock(_latest(batch.past_temperature_c, late, width), back[:, : WARM_DAYS * slots], slots)
    return ClockDays(
        mean_kw=_by_clock(kw, back, slots),
        latest_kw=kw,
        end_s=end_s,
        late=late,
        zones=zones,
        step_s=step_s,
        temperature_c=warm,
        temperatures_c=_in_order(batch),
        holidays=batch.holidays,
    )


def targets(days: ClockDays, horizon: int) -> Targets:
    """Return the next `horizon` intervals after the origin."""
    lead = days.late[:, None] + np.arange(horizon, dtype=np.int64)
    start_s = _moved(days.end_s, lead, days.zones, days.step_s)
    local_s, end_local_s = _local(start_s, days.zones), _local(days.end_s, days.zones)[:, None]
    since = local_s - end_local_s
    return Targets(
        start_s=start_s,
        lead=lead,
        slot=np.floor_divide(np.mod(since, DAY_S), days.step_s),
        day=np.floor_divide(since, DAY_S),
        local_minute=np.mod(local_s, DAY_S) // 60,
        date=np.floor_divide(local_s, DAY_S),
    )


def slot_dates(days: ClockDays) -> IntArray:
    """Return (n, s) the local date, in days since 1970-01-01, of each slot in the 24 hours after knowledge ends."""
    local_s = _local(days.end_s, days.zones)[:, None] + np.arange(days.slots, dtype=np.int64) * days.step_s
    return np.floor_divide(local_s, DAY_S)


def weekday_of(date: IntArray) -> IntArray:
    """Return the weekday, Monday 0, of dates in days since 1970-01-01."""
    return np.mod(date + EPOCH_WEEKDAY, 7)


def _by_clock(latest: FloatArray, back: IntArray, slots: int) -> FloatArray:
    """Return (k, n, s) values by day and clock time of (n, w) in the order of time, newest last."""
    column = latest.shape[1] - back
    there = (back >= 1) & (column >= 0)
    gathered = np.take_along_axis(latest, np.where(there, column, 0), axis=1)
    by_slot = np.where(there, gathered, np.nan).reshape(len(latest), -1, slots)
    return np.ascontiguousarray(by_slot.transpose(1, 0, 2))


def _in_order(batch: HistoryBatch) -> FloatArray | None:
    """Return (n, 56 * s + h) temperatures before and after the origin, None where none were given."""
    if batch.temperature_c is None:
        return None
    width = HISTORY_REACH_DAYS * DAY_S // (int(batch.interval_minutes[0]) * 60)
    past = np.full(batch.kwh.shape, np.nan) if batch.past_temperature_c is None else batch.past_temperature_c
    return np.concatenate([_latest(past, np.zeros(len(past), dtype=np.int64), width), batch.temperature_c], axis=1)


def _latest(kwh: FloatArray, late: IntArray, width: int) -> FloatArray:
    """Return (n, width) values up to the last that is known, newest last, NaN before the first."""
    column = kwh.shape[1] - late[:, None] - np.arange(width, 0, -1)
    if not kwh.shape[1]:
        return np.full(column.shape, np.nan)
    return np.where(column >= 0, np.take_along_axis(kwh, np.maximum(column, 0), axis=1), np.nan)


def _steps_back(end_s: IntArray, zones: np.ndarray, step_s: int) -> IntArray:
    """Return (n, 56 * s) how many intervals before the end each slot of each slab begins."""
    slots = DAY_S // step_s
    ahead_s = np.arange(slots, dtype=np.int64) * step_s
    before_s = np.arange(1, HISTORY_REACH_DAYS + 1, dtype=np.int64)[:, None] * DAY_S - ahead_s
    if step_s == DAY_S:  # whole days are days of the local calendar
        return np.broadcast_to(before_s.ravel() // step_s, (len(end_s), before_s.size))
    back = np.empty((len(end_s), before_s.size), dtype=np.int64)
    for zone in sorted(set(zones.tolist())):
        rows = np.flatnonzero(zones == zone)
        ends, which = np.unique(end_s[rows], return_inverse=True)
        local_s = _local(ends, np.full(len(ends), zone, dtype=object))[:, None] - before_s.ravel()
        utc_s, _ = local_to_utc(local_s.ravel(), zone)
        back[rows] = np.floor_divide(ends[:, None] - utc_s.reshape(local_s.shape), step_s)[which]
    return back


def _moved(ts_s: IntArray, steps: IntArray, zones: np.ndarray, step_s: int) -> IntArray:
    """Return instants so many intervals later; whole days by the local calendar. `steps` is (n,) or (n, h)."""
    start = ts_s.reshape(ts_s.shape + (1,) * (steps.ndim - ts_s.ndim))
    if step_s < DAY_S:
        return start + steps * step_s
    local_s = _local(start, zones) + steps * step_s
    moved = np.empty(local_s.shape, dtype=np.int64)
    for zone in sorted(set(zones.tolist())):
        rows = zones == zone
        moved[rows] = local_to_utc(local_s[rows].ravel(), zone)[0].reshape(local_s[rows].shape)
    return moved


def _local(ts_s: IntArray, zones: np.ndarray) -> IntArray:
    """Return what local clocks show, in seconds since 1970-01-01 00:00, for (n, ...) instants of n meters."""
    local_s = np.empty(ts_s.shape, dtype=np.int64)
    for zone in sorted(set(zones.tolist())):
        rows = zones == zone
        local_s[rows] = ts_s[rows] + utc_offset_minutes(ts_s[rows], zone) * 60
    return local_s
