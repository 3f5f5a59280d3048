"""How a file writes time: columns, format, interval, start or end, and what it tells of the zone."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from meter_core.sources.readings import MINUTE_US
from meter_core.sources.recognition.notes import Notes
from meter_core.sources.recognition.sample import Texts
from meter_core.sources.recognition.words import hints
from meter_core.sources.stamps import NAIVE, WITH_OFFSET

DAYS: Final = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%Y%m%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d-%b-%y",
    "%Y-%m-%d",
)
CLOCKS: Final = (
    " %H:%M",
    " %H:%M:%S",
    "",
    "T%H:%M",
    "T%H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    "%H%M",
    "%H%M%S",
    " %H%M",
)
FORMATS: Final = tuple(day + clock for day in DAYS for clock in CLOCKS)
DAY: Final = r"^(\d{1,4}[-./ ]\w{1,3}[-./ ]\d{2,4}|\d{8})"
"""What a stamp of any of these formats begins like."""
TIME_OF_DAY: Final = re.compile(r"^\d\d?:\d\d(:\d\d)?( ?[AaPp][Mm])?$|^\d{4}$")
TRIED: Final = 400
"""So many stamps, spread over the sample, decide on a format."""
UNIX_SPAN: Final = {"unix": (631e6, 4.2e9), "unix_ms": (631e9, 4.2e12)}
"""1990 to 2100."""


@dataclass(frozen=True, eq=False)
class Times:
    """How time is written.

    Attributes:
        column: Of the stamps.
        stamp: The key `stamp` of a profile.
        wall: (n,) stamps on their own clock, NaT where unreadable.
        others: Other columns of stamps.
    """

    column: str
    stamp: dict[str, Any]
    wall: "pd.Series[pd.Timestamp]"
    others: tuple[str, ...]


def find_times(columns: Texts, notes: Notes) -> Times | None:
    """Return how the sample's stamps are written; None where no column holds any."""
    written = {name: form for name in columns if (form := _format_of(columns[name]))}
    apart = _day_and_clock(columns, written)
    if apart:
        day, clock, form = apart
        joined = columns[day].str.cat(columns[clock], sep=" ")
        notes.sure("time", f"day in {day!r} and time of day in {clock!r}, {form['format']}")
        return Times(clock, {"date": day, **form}, _wall(joined, form["format"]), ())
    if not written:
        return None
    column = max(written, key=lambda name: _likely(name, columns[name], written[name]))
    form = dict(written[column])
    if tied := form.pop("tied", None):
        notes.doubt("stamp.format", f"{columns[column].dropna().iloc[0]!r} may be {form['format']} or {tied}")
    notes.sure("time", f"{column!r}, {_in_words(form)}")
    _mark_by_name(column, form, notes)
    others = tuple(name for name in written if name != column)
    return Times(column, form, _wall(columns[column], form.get("format", "iso8601")), others)


def interval_minutes(times: Times, meters: "pd.Series[str] | None", notes: Notes) -> int | None:
    """Return the most frequent step between stamps of one meter, in minutes."""
    stamps = times.wall.dropna()
    if len(stamps) < 2:
        return None
    series = meters.reindex(stamps.index).fillna("") if meters is not None else pd.Series("", index=stamps.index)
    steps = stamps.sort_values().groupby(series).diff().dropna()
    minutes = (steps.astype("timedelta64[us]").astype("int64") / MINUTE_US).round(3)
    minutes = minutes[minutes > 0]
    if minutes.empty:
        return None
    step, share = minutes.mode().iloc[0], (minutes == minutes.mode().iloc[0]).mean()
    if step != int(step) or step < 1:
        notes.doubt("interval_minutes", f"stamps step by {step:g} minutes, no whole number")
        return None
    notes.sure("interval", f"{step:g} minutes: {share:.1%} of the steps between stamps of a meter")
    if share < 0.9:
        notes.doubt("interval_minutes", f"only {share:.0%} of the steps are {step:g} minutes: gaps, or several lengths")
    return int(step)


def find_marks(times: Times, interval: int | None, notes: Notes) -> None:
    """Note whether a stamp is the start or the end of its interval, where the day's first and last stamps tell."""
    if "marks" in times.stamp or interval is None or interval >= 1440:
        return
    wall = times.wall.dropna()
    first, last = wall.min(), wall.max()
    minutes = [stamp.hour * 60 + stamp.minute for stamp in (first, last)]
    if minutes == [interval % 1440, 0]:
        times.stamp["marks"] = "end"
        notes.doubt("stamp.marks", f"end: the file begins at {first:%H:%M} and ends at 00:00, as whole days do then")
    elif minutes == [0, 1440 - interval]:
        notes.doubt("stamp.marks", f"start: the file begins at 00:00 and ends at {last:%H:%M}, as whole days do then")
    else:
        notes.doubt("stamp.marks", "start is assumed; a stamp may be the end of its interval: ask the sender")


def _format_of(text: "pd.Series[str]") -> dict[str, Any] | None:
    """Return the key `stamp` of a profile for a column's stamps; None where it has none."""
    given = text.dropna()
    if given.empty:
        return None
    tried = given.iloc[np.unique(np.linspace(0, len(given) - 1, TRIED).astype(int))]
    if tried.str.match(WITH_OFFSET).mean() > 0.9:
        return {"clock": "offset"}
    if tried.str.match(NAIVE).mean() > 0.9:
        return {"clock": "local"}
    number = pd.to_numeric(tried, errors="coerce")
    for name, (low, high) in UNIX_SPAN.items():
        if number.between(low, high).mean() > 0.9 and hints(str(text.name), "stamp"):
            return {"clock": "utc", "format": name}
    like_days = tried[tried.str.match(DAY)]
    if len(like_days) < 0.9 * len(tried):
        return None
    fitting = [
        form for form in FORMATS if pd.to_datetime(like_days.iloc[0], format=form, errors="coerce") is not pd.NaT
    ]
    fitting = [form for form in fitting if pd.to_datetime(tried, format=form, errors="coerce").notna().mean() > 0.9]
    fitting = [form for form in fitting if form != "%Y%m%d" or hints(str(text.name), "stamp")]
    if not fitting:
        return None
    order = {form: _in_order(pd.to_datetime(tried, format=form, errors="coerce")) for form in fitting}
    best = max(fitting, key=lambda form: order[form])
    swapped = best.replace("%d", "?").replace("%m", "%d").replace("?", "%m")
    form = {"clock": "local", "format": best}
    return {**form, "tied": swapped} if order.get(swapped) == order[best] and swapped != best else form


def _in_order(stamps: "pd.Series[pd.Timestamp]") -> float:
    """Return how even the steps between stamps are: a wrong order of day and month makes them leap."""
    steps = stamps.dropna().diff().dropna().abs()
    return float(stamps.notna().mean()) - float((steps > timedelta(days=20)).mean()) if len(steps) else 0.0


def _day_and_clock(columns: Texts, written: dict[str, dict[str, Any]]) -> tuple[str, str, dict[str, Any]] | None:
    """Return the columns of the day and of the time of day, and how both are written; None where they are one."""
    days = [name for name in written if columns[name].dropna().str.len().max() <= 11]
    clocks = [
        name
        for name in columns
        if name not in written
        and columns[name].dropna().str.match(TIME_OF_DAY).mean() > 0.9
        and (hints(name, "time") or hints(name, "start") or hints(name, "end"))
    ]
    if not days or not clocks:
        return None
    day, clock = days[0], min(clocks, key=lambda name: (not hints(name, "start"), hints(name, "end")))
    form = _format_of(columns[day].str.cat(columns[clock], sep=" ").rename(day))
    if form is None:
        return None
    form.pop("tied", None)
    if len(clocks) == 1 and hints(clock, "end"):
        form["marks"] = "end"
    elif hints(clock, "start"):
        form["marks"] = "start"
    return day, clock, {"format": "iso8601", **form}


def _likely(name: str, text: "pd.Series[str]", form: dict[str, Any]) -> tuple[bool, bool, bool, int]:
    """Return how likely a column is the interval's stamp: not the delivery's, named so, its start, many of them."""
    return not hints(name, "available_ts"), hints(name, "stamp"), not hints(name, "end"), int(text.nunique())


def _in_words(form: dict[str, Any]) -> str:
    """Return how stamps are written."""
    clock = {"offset": "each with its offset or Z", "local": "naive", "utc": "counted in UTC"}[form["clock"]]
    return f"{form.get('format', 'ISO 8601')}, {clock}"


def _mark_by_name(column: str, form: dict[str, Any], notes: Notes) -> None:
    """Note start or end where the column's name says it."""
    is_start, is_end = hints(column, "start"), hints(column, "end")
    if is_start != is_end:
        form["marks"] = "end" if is_end else "start"
        notes.sure("stamp", f"the {form['marks']} of the interval, by the column's name")


def _wall(text: "pd.Series[str]", form: str) -> "pd.Series[pd.Timestamp]":
    """Return (n,) stamps on their own clock, NaT where unreadable."""
    if form in UNIX_SPAN:
        return pd.to_datetime(
            pd.to_numeric(text, errors="coerce"), unit="s" if form == "unix" else "ms", errors="coerce"
        )
    if form != "iso8601":
        return pd.to_datetime(text, format=form, errors="coerce")
    naive = (
        text.str.replace(r" ?([Zz]|[+-]\d\d(:?\d\d)?)$", "", regex=True) if text.str.match(WITH_OFFSET).any() else text
    )
    return pd.to_datetime(naive, format="ISO8601", errors="coerce")
