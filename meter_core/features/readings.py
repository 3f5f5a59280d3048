"""Readings of many meters as sorted columns, and the recent energy in front of each: from tables to `ReadingBatch`.

Training and batch inference come through here; a live request builds its `ReadingBatch` from its own fields. From
there on the code is the same. Columns are numpy arrays: a pandas frame is only indexed, never imported.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from meter_core.calendar import clock_shift_minutes, local_hour_and_weekday
from meter_core.contracts.errors import UsageError
from meter_core.contracts.features import RECENT_VALUES
from meter_core.contracts.readings import (
    AUXILIARY,
    DEFAULT_CHANNEL,
    TARGET_QUALITIES,
    FloatArray,
    IntArray,
    ReadingBatch,
)
from meter_core.features.history import DAY_MINUTES, HISTORY_DAYS, feature_matrix, steps_back
from meter_core.features.interval_grid import even_clock
from meter_core.features.weather import PlaceWeather
from meter_core.public_holidays import NO_HOLIDAYS

CHUNK_ROWS = 2_048
"""Rows whose windows are in memory at once: 22 MB at 1,344 values."""


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """n readings sorted by meter, interval length and time.

    Attributes:
        meter_id: (n,) objects.
        zone: (n,) objects, IANA names.
        ts_s: (n,) UTC seconds of the intervals' starts.
        interval_minutes: (n,) their lengths.
        available_s: (n,) UTC seconds from which the energy could be known.
        units_kwh: (n,) measured energy, NaN where there is none or its quality is below measured.
        voltage_v: (n,) V; it and the next four as known at the interval's start, NaN where missing.
        temperature_c: (n,) degrees Celsius.
        power_factor: (n,) dimensionless.
        load_kw: (n,) kW.
        frequency_hz: (n,) Hz.
        holidays: (n,) objects, calendar of public holidays where the meter stands (`public_holidays`), empty where
            nobody said.
        weather: (n,) objects, `PlaceWeather` where the meter stands, as forecasts may know it; None where none is.
    """

    meter_id: NDArray[np.object_]
    zone: NDArray[np.object_]
    ts_s: IntArray
    interval_minutes: IntArray
    available_s: IntArray
    units_kwh: FloatArray
    voltage_v: FloatArray
    temperature_c: FloatArray
    power_factor: FloatArray
    load_kw: FloatArray
    frequency_hz: FloatArray
    holidays: NDArray[np.object_]
    weather: NDArray[np.object_]

    def __len__(self) -> int:
        """Return n."""
        return len(self.ts_s)

    @property
    def mean_kw(self) -> FloatArray:
        """(n,) mean power of each interval, kW: what models learn."""
        return self.units_kwh * (60.0 / self.interval_minutes)

    def without_temperature(self) -> "ReadingTable":
        """Return the table as if the meters' readings had no temperature; the weather of their places stays."""
        return replace(self, temperature_c=np.full(len(self), np.nan))

    def without_weather(self) -> "ReadingTable":
        """Return the table as if nobody had measured or forecast a temperature."""
        return replace(self.without_temperature(), weather=np.full(len(self), None, dtype=object))

    @property
    def has_weather(self) -> bool:
        """Whether a forecast of any of its meters can see temperatures."""
        return any(each is not None for each in self.weather) or not bool(np.isnan(self.temperature_c).all())

    def with_weather(self, weather: Mapping[str, PlaceWeather]) -> "ReadingTable":
        """Return the table with the weather of each meter's place by meter; it replaces measured temperatures."""
        places = np.empty(len(self), dtype=object)
        for span in self.groups():
            places[span] = weather.get(str(self.meter_id[span.start]))
        return replace(self.without_temperature(), weather=places)

    def take(self, rows: NDArray[Any]) -> "ReadingTable":
        """Return the rows of that index or mask."""
        return ReadingTable(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def groups(self) -> Iterator[slice]:
        """Yield the rows of each meter and interval length."""
        if not len(self):
            return
        change = (self.meter_id[1:] != self.meter_id[:-1]) | (np.diff(self.interval_minutes) != 0)
        edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(self)]
        for start, stop in pairwise(edges):
            yield slice(start, stop)

    @classmethod
    def of(
        cls,
        frame: Mapping[str, Any] | Any,
        zone: str | None = None,
        channel: str = DEFAULT_CHANNEL,
        interval_means: Collection[str] = (),
        holidays: str = NO_HOLIDAYS,
    ) -> "ReadingTable":
        """Return the table of a frame with canonical columns.

        Rows with a reject `code`, without a stamp or of another `channel` are left out; energy of a quality below
        measured is a missing target; two unequal values of one key are no target either.

        Args:
            frame: columns `meter_id`, `reading_ts` (UTC), `interval_minutes`, `units_kwh`, the auxiliary
                quantities, and where there are such `zone`, `channel`, `quality`, `available_ts`, `code`, `holidays`.
            zone: IANA name for all rows, where the frame has no `zone`.
            channel: the channel to take.
            interval_means: quantities that the source delivers as means of their interval. They are known when its
                energy is, at its end or later, so a row gets the mean of the interval before if that was known.
            holidays: calendar of public holidays for all rows, where the frame has no `holidays`.

        Raises:
            UsageError: where neither the frame nor the caller gives a zone.
        """
        columns = _columns(frame, zone, holidays)
        table = cls(**{f.name: columns[f.name] for f in fields(cls)}).take(_kept(frame, columns, channel))
        table = table.take(_order(table))
        return _with_lagged(_without_duplicates(table), interval_means)


def batches(
    table: ReadingTable, rows: NDArray[Any] | None = None, history: bool = True
) -> Iterator[tuple[IntArray, ReadingBatch]]:
    """Yield row numbers and the `ReadingBatch` of each chunk of readings, in the table's order.

    Args:
        table: all readings, those of the windows too.
        rows: (n,) mask or (m,) index of the rows wanted; all where None.
        history: whether to give `recent_kwh`. An energy is in it only if it was available at the start of the row's
        interval.
    """
    wanted = np.zeros(len(table), dtype=bool)
    wanted[slice(None) if rows is None else rows] = True
    for group in table.groups():
        index = np.flatnonzero(wanted[group])
        if index.size:
            yield from _group_batches(table.take(np.arange(group.start, group.stop)), index, group.start, history)


def table_features(table: ReadingTable, features: str, rows: NDArray[Any] | None = None) -> FloatArray:
    """Return the (m, k) feature matrix of the wanted rows, in the table's order."""
    parts = [feature_matrix(batch, features) for _, batch in batches(table, rows, history=features != "snapshot")]
    return np.concatenate(parts) if parts else np.empty((0, 0))


def same_clock_before(table: ReadingTable, values: FloatArray, rows: NDArray[Any]) -> FloatArray:
    """Return a column's values at the same local clock time on each of the 56 days before, as far as available by then.

    Args:
        table: all readings.
        values: (n,) of them, known when their energy is.
        rows: (n,) mask or (m,) index of the rows wanted.

    Returns:
        (m, 56), column 0 is yesterday, NaN where there is none; in the table's order.
    """
    wanted = np.zeros(len(table), dtype=bool)
    wanted[rows] = True
    parts = [np.empty((0, HISTORY_DAYS))]
    for span in table.groups():
        index = np.flatnonzero(wanted[span])
        if index.size:
            group = table.take(np.arange(span.start, span.stop))
            parts.append(Windows(group, values[span]).same_clock(index, str(group.zone[0])))
    return np.concatenate(parts)


def _group_batches(
    group: ReadingTable, index: IntArray, offset: int, history: bool
) -> Iterator[tuple[IntArray, ReadingBatch]]:
    """Yield the chunks of one meter."""
    windows = Windows(group, group.units_kwh) if history else None
    for start in range(0, len(index), CHUNK_ROWS):
        chunk = index[start : start + CHUNK_ROWS]
        yield chunk + offset, _batch(group, chunk, windows)


def _batch(group: ReadingTable, chunk: IntArray, windows: "Windows | None") -> ReadingBatch:
    """Return the batch of some rows of one meter."""
    ts_s, zone = group.ts_s[chunk], str(group.zone[0])
    hour, weekday = local_hour_and_weekday(ts_s, zone)
    return ReadingBatch(
        **{name: getattr(group, name)[chunk] for name in AUXILIARY},
        local_hour=hour,
        local_day_of_week=weekday,
        interval_minutes=group.interval_minutes[chunk],
        recent_kwh=None if windows is None else windows.before(chunk),
        clock_shift_minutes=None if windows is None else clock_shift_minutes(ts_s, zone, HISTORY_DAYS),
        meter_id=group.meter_id[chunk],
    )


class Windows:
    """The values of one meter on its regular grid, to cut windows from.

    Args:
        group: readings of one meter and interval length.
        values: (n,) of them, known when their energy is.
        limit: the most values of a window of 56 days.
    """

    def __init__(self, group: ReadingTable, values: FloatArray, limit: int = RECENT_VALUES) -> None:
        step_s = int(group.interval_minutes[0]) * 60
        self.ts_s, self.interval_minutes = group.ts_s, group.interval_minutes
        self.place, on_grid = places(group, group.ts_s)
        self.width = min(limit, max(1, HISTORY_DAYS * DAY_MINUTES * 60 // step_s))
        late = group.available_s > group.ts_s + step_s
        length = int(self.place[-1]) + 1 + self.width
        self.values = np.full(length, np.nan)
        self.values[self.place[on_grid] + self.width] = values[on_grid]
        self.available_s = np.zeros(length, dtype=np.int64) if late.any() else None
        if self.available_s is not None:
            self.available_s[self.place[on_grid] + self.width] = group.available_s[on_grid]

    def before(self, chunk: IntArray) -> FloatArray:
        """Return (n, width) energies before each row, those not yet available as missing."""
        return self.ending_at(self.place[chunk], self.ts_s[chunk])

    def ending_at(self, place: IntArray, at_s: IntArray) -> FloatArray:
        """Return (n, width) energies before each place of the grid, those not available at that instant as missing."""
        window = sliding_window_view(self.values, self.width)[place]
        if self.available_s is None:
            return window
        known = sliding_window_view(self.available_s, self.width)[place] <= at_s[:, None]
        return np.where(known, window, np.nan)

    def same_clock(self, chunk: IntArray, zone: str) -> FloatArray:
        """Return (n, 56) values at the same clock time on the days before each row."""
        back = steps_back(self.interval_minutes[chunk], clock_shift_minutes(self.ts_s[chunk], zone, HISTORY_DAYS))
        there = (back >= 1) & (back <= self.width)
        place = self.place[chunk][:, None] + self.width - np.where(there, back, 0)
        if self.available_s is not None:
            there &= self.available_s[place] <= self.ts_s[chunk][:, None]
        return np.where(there, self.values[place], np.nan)


def places(group: ReadingTable, ts_s: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the place of instants on a meter's grid and whether they lie on it; whole days by the local calendar."""
    step_s, zone = int(group.interval_minutes[0]) * 60, str(group.zone[0])
    since_first = even_clock(ts_s, step_s, zone) - even_clock(group.ts_s[:1], step_s, zone)
    return np.floor_divide(since_first, step_s), np.mod(since_first, step_s) == 0


def _columns(frame: Any, zone: str | None, holidays: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a table, unsorted, as arrays."""
    n = len(frame["reading_ts"])
    interval = np.asarray(frame["interval_minutes"], dtype=np.int64)
    ts_s = _seconds(frame["reading_ts"])
    columns: dict[str, NDArray[Any]] = {name: np.asarray(frame[name], dtype=np.float64) for name in AUXILIARY}
    columns |= {"meter_id": np.asarray(frame["meter_id"], dtype=object), "ts_s": ts_s, "interval_minutes": interval}
    columns["zone"] = np.asarray(frame["zone"], dtype=object) if "zone" in frame else np.full(n, zone, dtype=object)
    closed = frame["holidays"] if "holidays" in frame else np.full(n, holidays, dtype=object)
    columns["holidays"] = np.asarray(closed, dtype=object)
    columns["weather"] = np.full(n, None, dtype=object)
    if n and any(z is None for z in set(columns["zone"].tolist())):
        raise UsageError("the readings have no zone; give the IANA zone of their meters, like Europe/Paris")
    end_s = ts_s + interval * 60
    columns["available_s"] = np.maximum(_seconds(frame["available_ts"]), end_s) if "available_ts" in frame else end_s
    kwh = np.asarray(frame["units_kwh"], dtype=np.float64)
    if "quality" in frame:
        kwh = np.where(np.isin(np.asarray(frame["quality"], dtype=str), TARGET_QUALITIES), kwh, np.nan)
    columns["units_kwh"] = kwh
    return columns


def _kept(frame: Any, columns: Mapping[str, NDArray[Any]], channel: str) -> NDArray[np.bool_]:
    """Return the mask of rows that are readings of the channel."""
    kept = columns["ts_s"] != np.iinfo(np.int64).min
    if "code" in frame:
        kept &= np.array([not isinstance(code, str) for code in frame["code"]], dtype=bool)
    if "channel" in frame:
        kept &= np.asarray(frame["channel"], dtype=object) == channel
    return kept


def _order(table: ReadingTable) -> IntArray:
    """Return the order by meter, interval length and time."""
    _, meter = np.unique(table.meter_id.astype(str), return_inverse=True)
    return np.lexsort((table.ts_s, table.interval_minutes, meter))


def _without_duplicates(table: ReadingTable) -> ReadingTable:
    """Return the table with one row a key; where values of a key differ, its energy is missing."""
    same = (
        (table.meter_id[1:] == table.meter_id[:-1])
        & (np.diff(table.interval_minutes) == 0)
        & (np.diff(table.ts_s) == 0)
    )
    if not same.any():
        return table
    unequal = same & (table.units_kwh[1:] != table.units_kwh[:-1])
    first = np.concatenate([[True], ~same])
    table.units_kwh[np.flatnonzero(first)[np.cumsum(first)[1:][unequal] - 1]] = np.nan
    return table.take(first)


def _with_lagged(table: ReadingTable, names: Collection[str]) -> ReadingTable:
    """Return the table with those quantities taken from the interval before, missing where none was known."""
    if not len(names):
        return table
    columns = {f.name: getattr(table, f.name) for f in fields(table)}
    before = np.zeros(len(table), dtype=bool)
    before[1:] = (table.meter_id[1:] == table.meter_id[:-1]) & (np.diff(table.ts_s) == table.interval_minutes[1:] * 60)
    before[1:] &= table.available_s[:-1] <= table.ts_s[1:]
    for name in names:
        columns[name] = np.where(before, np.roll(columns[name], 1), np.nan)
    return ReadingTable(**columns)


def _seconds(stamps: Any) -> IntArray:
    """Return UTC seconds of stamps with or without a zone (then UTC); the least integer where there is none."""
    at = np.asarray(stamps, dtype="datetime64[s]")
    return np.where(np.isnat(at), np.iinfo(np.int64).min, at.astype(np.int64))
