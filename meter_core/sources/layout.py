"""Lines to delivered values: one a line, one a channel, or one for each interval of a day."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import AUXILIARY, IntArray
from meter_core.sources import stamps
from meter_core.sources.columns import filled
from meter_core.sources.profile import Profile
from meter_core.sources.readings import MINUTE_US, Columns, Rows
from meter_core.sources.records import Records
from meter_core.sources.repeated_hours import Mask
from meter_core.sources.stamps import Instants

DAY_US: Final = 1440 * MINUTE_US


class Layout:
    """How the lines of one delivery become values, and what is to be said of its days of 23 or 25 hours.

    Args:
        profile: How to read them.
        zone: IANA zone of the meters.
    """

    def __init__(self, profile: Profile, zone: str) -> None:
        self._profile = profile
        self._zone = zone
        self._hourless = _Noted()
        self._long_days = _Noted()

    def rows(self, records: Records, begin: int) -> Rows:
        """Return the values of some lines, with their times.

        Args:
            records: Lines of data in fields.
            begin: How many lines of data the file has before them.
        """
        lines = {ours: records.columns[theirs] for ours, theirs in self._profile.columns.items()}
        if date := self._profile.stamp.date:
            lines["reading_ts"] = pc.binary_join_element_wise(records.columns[date], lines["reading_ts"], " ")
        energy = [records.columns[name] for name in self._profile.energy_columns]
        if not records.whole.all():
            place = pa.array(np.cumsum(records.whole) - 1, mask=~records.whole)
            lines = {name: text.take(place) for name, text in lines.items()}
            energy = [text.take(place) for text in energy]
        count, values = len(records.lines), len(energy)
        of_line = np.repeat(np.arange(count), values)
        columns = {name: text.take(pa.array(of_line)) for name, text in lines.items()} if values > 1 else dict(lines)
        columns["units_kwh"] = _line_by_line(energy)
        if self._profile.channels:
            columns |= self._main_and_others(columns, count)
        numbers = np.arange(begin * values, (begin + count) * values)
        start = self._start(lines["reading_ts"], of_line, records.lines)
        rows = Rows(numbers, records.lines[of_line], records.whole[of_line], columns, start, self._available(columns))
        return self._without_hourless(rows) if self._profile.wide else rows

    def findings(self, file_name: str) -> tuple[Finding, ...]:
        """Return what is to be said of days of 23 or 25 hours, all lines having been seen."""
        hourless = self._hourless.finding(
            "hourless_blank", file_name, "the clock change leaves this day without one of its columns, which is blank"
        )
        longer = self._long_days.finding(
            "day_longer_than_line", file_name, "this day has more intervals than the line: the last of them are a gap"
        )
        return (*hourless, *longer)

    def _start(self, text: pa.Array, of_line: IntArray, lines: IntArray) -> Instants:
        """Return the start (or end) of the interval of each value, line by line."""
        wide = self._profile.wide
        wall_us, bad = stamps.wall_clock(text, self._profile.stamp)
        if wide is None:
            start = stamps.instants(wall_us, bad, self._profile.stamp, self._zone)
            return start if len(of_line) == len(bad) else start.where(of_line)
        interval_us = (self._profile.interval_minutes or 0) * MINUTE_US
        slots_us = np.arange(len(self._profile.energy_columns)) * interval_us
        if wide.counts == "elapsed":
            return self._elapsed(wall_us, bad, slots_us, lines)
        every = (wall_us[:, None] + slots_us).ravel()
        return stamps.instants(every, bad[of_line], self._profile.stamp, self._zone)

    def _elapsed(self, wall_us: IntArray, bad: Mask, slots_us: IntArray, lines: IntArray) -> Instants:
        """Return instants that lie so long after the beginning of their local day; beyond its end there are none."""
        begin_us, end_us = (
            stamps.instants(day_us, bad, self._profile.stamp, self._zone).utc_us
            for day_us in (wall_us, wall_us + DAY_US)
        )
        self._long_days.note(lines[~bad & (end_us - begin_us > slots_us[-1] + slots_us[1])])
        every = begin_us[:, None] + slots_us
        codes = np.full(every.shape, None, dtype=object)
        codes[every >= end_us[:, None]] = stamps.OUTSIDE_DAY
        codes[bad] = stamps.BAD_STAMP
        utc_us = every.ravel()
        return Instants(utc_us, utc_us, codes.ravel(), np.zeros(len(utc_us), dtype=bool))

    def _available(self, columns: Columns) -> Instants | None:
        """Return when each value was delivered, where a column says it."""
        if "available_ts" not in columns:
            return None
        wall_us, bad = stamps.wall_clock(columns["available_ts"], self._profile.stamp)
        return stamps.instants(wall_us, bad, self._profile.stamp, self._zone)

    def _main_and_others(self, columns: Columns, lines: int) -> Columns:
        """Return the channel of each value, and the other quantities on the row of the first channel only."""
        channels = list(self._profile.channels)
        is_other = pa.array(np.arange(lines * len(channels)) % len(channels) > 0)
        changed = {"channel": pa.array(channels * lines, pa.string())}
        for name in AUXILIARY:
            if name in columns:
                changed[name] = pc.if_else(is_other, pa.scalar(None, columns[name].type), columns[name])
        return changed

    def _without_hourless(self, rows: Rows) -> Rows:
        """Leave out blank fields of intervals that their day does not have: nothing was delivered there."""
        hourless = np.isin(rows.start.codes, [stamps.NONEXISTENT, stamps.OUTSIDE_DAY]) & ~filled(
            rows.columns["units_kwh"]
        )
        self._hourless.note(rows.lines[hourless])
        return rows.where(~hourless) if hourless.any() else rows


def _line_by_line(columns: list[pa.Array]) -> pa.Array:
    """Return the values of several columns, those of a line beside each other."""
    if len(columns) == 1:
        return columns[0]
    lines = len(columns[0])
    places = np.arange(lines)[:, None] + np.arange(len(columns)) * lines
    return pa.concat_arrays(columns).take(pa.array(places.ravel()))


class _Noted:
    """Lines of which something is to be said."""

    def __init__(self) -> None:
        self.count = 0
        self.first = 0

    def note(self, lines: IntArray) -> None:
        """Take note of some lines."""
        if len(lines):
            self.first = self.first or int(lines[0])
            self.count += len(lines)

    def finding(self, what: str, file_name: str, sentence: str) -> tuple[Finding, ...]:
        """Return what is to be said, if there is anything."""
        if not self.count:
            return ()
        where = f"{file_name} line {self.first}"
        message = f"{where}: {sentence} ({self.count:,} such values)"
        return (Finding(what, where, Severity.INFO, message, {"values": self.count}),)
