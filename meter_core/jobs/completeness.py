"""How complete each meter is: by local day, with its gaps, the worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from meter_core.calendar import zone_of
from meter_core.contracts.errors import UsageError
from meter_core.quality.completeness import Day, MeterDays, MeterSummary, worst_first, write_pages
from meter_core.settings import Settings
from meter_core.store import Gap, KnownMinutes, Store

DAYS: Final = 90
MOST_DAYS: Final = 720
"""More days than this are less than a pixel each."""
MARGIN: Final = timedelta(days=32)
"""So long before a day an interval may begin that reaches into it; and local days are not those of UTC."""
METERS_AT_ONCE: Final = 500
"""So many are looked at together: 20 MB."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete the meters are.

    Attributes:
        since: First local day.
        until: The day after the last.
        meters: The worst first.
        gaps: Meter -> (k, 2) where each of its gaps begins and ends, UTC, in whole seconds.
        page: Where the picture is; None where no meter has a reading.
    """

    since: date
    until: date
    meters: Sequence[MeterSummary]
    gaps: Mapping[str, NDArray[np.datetime64]]
    page: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        meters = [
            {
                "meter_id": meter.meter_id,
                "code": meter.code,
                "measured": meter.share,
                "days": meter.days,
                "longest_gap_hours": meter.longest_gap_hours,
                "gaps": [{"since": f"{since}Z", "until": f"{until}Z"} for since, until in self.gaps[meter.meter_id]],
            }
            for meter in self.meters
        ]
        return {"since": str(self.since), "until": str(self.until), "meters": meters, "page": self.page}


def completeness(
    since: date | None, until: date | None, settings: Settings, database_url: SecretStr | str
) -> Completeness:
    """Say how complete each meter is on each of its local days, and draw it beside the data docs.

    Args:
        since: First local day; None: 90 days before the end.
        until: The day after the last; None: that of the newest reading.
        settings: Where the data docs are.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: there is nothing to draw, or too many days for a picture.
    """
    store = Store(database_url)
    newest = store.newest_end()
    if newest is None:
        raise UsageError("there is no reading yet; `meter ingest` loads a file")
    last = until or newest.date() + timedelta(days=1)
    first = since or last - timedelta(days=DAYS)
    if not 0 < (last - first).days <= MOST_DAYS:
        raise UsageError(f"{first} to {last} is no window of 1 to {MOST_DAYS} days; say --since and --until")
    window = Window(store, first, last, newest)
    ids, meters, gaps = store.meter_ids(), list[MeterSummary](), dict[str, NDArray[np.datetime64]]()
    for begin in range(0, len(ids), METERS_AT_ONCE):
        some, own_gaps = window.meters(ids[begin : begin + METERS_AT_ONCE])
        meters += [meter.summary for meter in some]
        gaps |= {meter.meter_id: _instants(own_gaps[meter.meter_id]) for meter in some}
    ordered = worst_first(meters)
    page = write_pages(ordered, window.days_of, first, last, settings.files_root)
    return Completeness(first, last, ordered, gaps, page)


@dataclass(frozen=True, slots=True)
class Window:
    """Some local days.

    Attributes:
        store: What is known.
        first: First local day.
        last: The day after the last.
        newest: End of the newest interval of all meters, UTC.
    """

    store: Store
    first: date
    last: date
    newest: datetime

    def meters(self, ids: Sequence[str]) -> tuple[list[MeterDays], dict[str, list[Gap]]]:
        """Return the days of those of these meters that have any, and meter -> its gaps."""
        start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (self.first, self.last))
        meters, rows = self.store.known_minutes(start - MARGIN, end + MARGIN, ids)
        own_gaps: dict[str, list[Gap]] = {meter: [] for meter in meters}
        for gap in self.store.gaps(start, min(end, self.newest), ids):
            own_gaps.setdefault(gap.meter_id, []).append(gap)
        return _days(meters, rows, own_gaps, self.first, self.last, self.newest), own_gaps

    def days_of(self, ids: Sequence[str]) -> dict[str, MeterDays]:
        """Return meter -> its days."""
        return {meter.meter_id: meter for meter in self.meters(ids)[0]}


def _instants(gaps: Sequence[Gap]) -> NDArray[np.datetime64]:
    """Return (k, 2) where gaps begin and end, UTC: a tenth of the memory."""
    ends = [(gap.since.timestamp(), gap.until.timestamp()) for gap in gaps]
    return np.array(ends, dtype=np.float64).reshape(-1, 2).astype("datetime64[s]")


def _days(
    meters: dict[str, tuple[str, datetime]],
    rows: Sequence[KnownMinutes],
    own_gaps: Mapping[str, Sequence[Gap]],
    first: date,
    last: date,
    newest: datetime,
) -> list[MeterDays]:
    """Return every meter with every day from its first reading to the newest of all."""
    known: dict[str, dict[date, KnownMinutes]] = {}
    for row in rows:
        known.setdefault(row.meter_id, {})[row.day] = row
    found = []
    for meter_id, (zone, begins) in meters.items():
        lengths = _lengths(zone, max(first, begins.astimezone(zone_of(zone)).date()), last, newest)
        days = {day: _day(known.get(meter_id, {}).get(day), minutes) for day, minutes in lengths.items()}
        hours = [(gap.until - gap.since) / timedelta(hours=1) for gap in own_gaps[meter_id]]
        if days:
            found.append(MeterDays(meter_id, days, len(hours), max(hours, default=0.0)))
    return found


def _lengths(zone: str, first: date, last: date, newest: datetime) -> dict[date, float]:
    """Return the local days and their minutes, 23 to 25 hours each, up to the newest value of all."""
    where, lengths, day = zone_of(zone), {}, first
    begin = datetime(day.year, day.month, day.day, tzinfo=where).astimezone(UTC)
    while day < last and begin < newest:
        following = day + timedelta(days=1)
        end = datetime(following.year, following.month, following.day, tzinfo=where).astimezone(UTC)
        lengths[day] = (min(end, newest) - begin) / timedelta(minutes=1)
        day, begin = following, end
    return lengths


def _day(row: KnownMinutes | None, minutes: float) -> Day:
    """Return a day as shares of its minutes so far."""
    if row is None:
        return Day(0.0, 0.0, 0.0)
    return Day(*(min(1.0, each / minutes) for each in (row.measured, row.estimated, row.missing)))
