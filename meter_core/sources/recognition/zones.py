"""What a file's stamps tell of the zone of its meters: offsets, and hours that spring skips."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from meter_core.sources.recognition.notes import Notes
from meter_core.sources.recognition.sample import Texts
from meter_core.sources.recognition.times import Times

CHANGING: Final = {
    "Europe/Berlin": "as all of Central Europe",
    "Europe/London": "as Ireland and Portugal",
    "Europe/Athens": "as all of Eastern Europe",
    "America/New_York": "as every zone of the US and Canada: say the right one",
    "Australia/Sydney": "as all of South-East Australia",
}
"""Zones whose clock changes are looked for, and who else changes at the same local time."""
OFFSETS: Final = {
    frozenset({"+05:30"}): "Asia/Kolkata",
    frozenset({"+01:00", "+02:00"}): "Europe/Berlin",
    frozenset({"+00:00", "+01:00"}): "Europe/London",
    frozenset({"+02:00", "+03:00"}): "Europe/Athens",
    frozenset({"-05:00", "-04:00"}): "America/New_York",
    frozenset({"-06:00", "-05:00"}): "America/Chicago",
    frozenset({"-08:00", "-07:00"}): "America/Los_Angeles",
    frozenset({"+10:00", "+11:00"}): "Australia/Sydney",
}


def find_zone(times: Times, columns: Texts, notes: Notes) -> str | None:
    """Return the zone that the stamps suggest, None where nothing does."""
    if times.stamp.get("clock") == "offset":
        return _zone_of_offsets(columns[times.column], notes)
    if times.stamp.get("clock") == "utc":
        notes.doubt("zone", "the stamps count in UTC and say nothing of the meters' local clock: say it with --zone")
        return None
    seen = {zone: _changes(times.wall, zone) for zone in CHANGING}
    for zone, (skips, kept) in seen.items():
        if skips and not kept:
            notes.doubt(
                "zone",
                f"{zone}: the file leaves out the hour that spring skips there ({skips[0]:%Y-%m-%d %H:%M}), "
                f"{CHANGING[zone]}",
            )
            return zone
    stepped = [zone for zone, (_, kept) in seen.items() if kept]
    why = f", and the hours that spring skips in {', '.join(stepped)} stand in the file" if stepped else ""
    notes.doubt(
        "zone", f"naive stamps do not tell their zone{why}: say it with --zone, or write zone: into the profile"
    )
    return None


def _zone_of_offsets(text: "pd.Series[str]", notes: Notes) -> str | None:
    """Return the zone whose offsets a sample has."""
    found = (
        text.dropna()
        .str.extract(r"([Zz]|[+-]\d\d:?\d\d)$")[0]
        .str.upper()
        .str.replace(r"(\d\d)(\d\d)$", r"\1:\2", regex=True)
    )
    offsets = frozenset(found.dropna().unique())
    zone = OFFSETS.get(offsets)
    what = ", ".join(sorted(offsets))
    if zone:
        notes.doubt("zone", f"{zone}: it has the offsets {what}, and others have them too")
    else:
        notes.doubt("zone", f"offsets {what} do not tell the meters' local clock: say it with --zone")
    return zone


def _changes(wall: "pd.Series[pd.Timestamp]", zone: str) -> tuple[list[datetime], list[datetime]]:
    """Return the hours that spring skips in a zone and the sample leaves out, and those that it has."""
    stamps = wall.dropna()
    if stamps.empty:
        return [], []
    hours = set(stamps.dt.floor("h").unique())
    skipped, kept = [], []
    for hour in _skipped_hours(stamps.min(), stamps.max(), zone):
        around = {pd.Timestamp(hour - timedelta(hours=1)), pd.Timestamp(hour + timedelta(hours=1))}
        if pd.Timestamp(hour) in hours:
            kept.append(hour)
        elif around <= hours:
            skipped.append(hour)
    return skipped, kept


def _skipped_hours(first: pd.Timestamp, last: pd.Timestamp, zone: str) -> list[datetime]:
    """Return the local hours within a span that a zone's spring skips."""
    where, found = ZoneInfo(zone), []
    day = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - a local clock reading
    while day <= last:
        for hour in (1, 2, 3):
            naive = day + timedelta(hours=hour)
            back = naive.replace(tzinfo=where).astimezone(ZoneInfo("UTC")).astimezone(where).replace(tzinfo=None)
            if back != naive:
                found.append(naive)
        day += timedelta(days=1)
    return found
