"""How complete each meter is: by local day, with its gaps, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from meter_core.calendar import zone_of
from meter_core.contracts.errors import UsageError
from meter_core.quality.completeness import Day, MeterDays, worst_first, write_pages
from meter_core.settings import Settings
from meter_core.store import Gap, KnownMinutes, Store

DAYS: Final = 90
MOST_DAYS: Final = 720
"""More days than this are less than a pixel each."""
MARGIN: Final = timedelta(days=32)
"""So long before a day an interval may begin that reaches into it; and local days are not those of UTC."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete the meters are.

    Attributes:
        since: First local day.
        until: The day after the last.
        meters: The worst first.
        gaps: Of all, by meter and time.
        page: Where the picture is; None where no meter has a reading.
    """

    since: date
    until: date
    meters: Sequence[MeterDays]
    gaps: Sequence[Gap]
    page: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        listed: dict[str, list[dict[str, str]]] = {}
        for gap in self.gaps:
            listed.setdefault(gap.meter_id, []).append({"since": _utc(gap.since), "until": _utc(gap.until)})
        meters = [
            {
                "meter_id": meter.meter_id,
                "code": meter.code,
                "measured": meter.share,
                "days": len(meter.days),
                "longest_gap_hours": meter.longest_gap_hours,
                "gaps": listed.get(meter.meter_id, []),
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
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last))
    meters, rows = store.known_minutes(start - MARGIN, end + MARGIN)
    gaps = store.gaps(start, min(end, newest))
    days = _days(meters, rows, gaps, first, last, newest)
    page = write_pages(days, first, last, settings.files_root)
    return Completeness(first, last, worst_first(days), gaps, page)


def _days(
    meters: dict[str, tuple[str, datetime]],
    rows: Sequence[KnownMinutes],
    gaps: Sequence[Gap],
    first: date,
    last: date,
    newest: datetime,
) -> list[MeterDays]:
    """Return every meter with every day from its first reading to the newest of all."""
    known: dict[str, dict[date, KnownMinutes]] = {}
    for row in rows:
        known.setdefault(row.meter_id, {})[row.day] = row
    own_gaps: dict[str, list[float]] = {}
    for gap in gaps:
        own_gaps.setdefault(gap.meter_id, []).append((gap.until - gap.since) / timedelta(hours=1))
    found = []
    for meter_id, (zone, begins) in meters.items():
        lengths = _lengths(zone, max(first, begins.astimezone(zone_of(zone)).date()), last, newest)
        days = {day: _day(known.get(meter_id, {}).get(day), minutes) for day, minutes in lengths.items()}
        hours = own_gaps.get(meter_id, [])
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


def _utc(instant: datetime) -> str:
    """Return an instant as ISO 8601."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
