"""Each meter's completeness by local day as a picture: the worst first, in pages, without any network.

Pages are part of the data docs and name no meter: a code stands for each, which `meter data completeness` resolves.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from meter_core.quality.data_docs import publish
from meter_core.quality.page import Bar, Part, render

METERS_A_PAGE: Final = 100
WIDTH: Final = 720.0
HEIGHT: Final = 14.0
LEVELS: Final = ((1.0, "full"), (0.9, "most"), (0.5, "some"), (0.0, "little"))
"""A day's class by its measured share: full from 100 %, most from 90 %, some from 50 %, little above nothing."""
FOLDER: Final = "completeness"


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of a local day, as shares of its minutes.

    Attributes:
        measured: With a measured value.
        estimated: With an estimate.
        missing: Delivered as missing.
    """

    measured: float
    estimated: float
    missing: float

    @property
    def kind(self) -> str:
        """Its class in the picture."""
        if self.measured > 0:
            return next(name for least, name in LEVELS if self.measured >= least)
        return "estimated" if self.estimated > 0 else "none"


@dataclass(frozen=True, slots=True)
class MeterDays:
    """One meter's days in the window, from its first reading on.

    Attributes:
        meter_id: The meter.
        days: Local day -> what is known; every day is there.
        gaps: Stretches without a value.
        longest_gap_hours: Of the longest of them, 0 without any.
    """

    meter_id: str
    days: Mapping[date, Day]
    gaps: int
    longest_gap_hours: float

    @property
    def share(self) -> float:
        """Measured share of all its days."""
        return sum(day.measured for day in self.days.values()) / max(len(self.days), 1)

    @property
    def summary(self) -> "MeterSummary":
        """What is kept of a meter when its days are not."""
        return MeterSummary(self.meter_id, self.share, len(self.days), self.gaps, self.longest_gap_hours)


@dataclass(frozen=True, slots=True)
class MeterSummary:
    """One meter without its days, which take a hundred times the memory.

    Attributes:
        meter_id: The meter.
        share: Measured share of all its days.
        days: How many there are.
        gaps: Stretches without a value.
        longest_gap_hours: Of the longest of them, 0 without any.
    """

    meter_id: str
    share: float
    days: int
    gaps: int
    longest_gap_hours: float

    @property
    def code(self) -> str:
        """What stands for the meter on pages."""
        return code_of(self.meter_id)


DaysOf = Callable[[Sequence[str]], Mapping[str, MeterDays]]
"""Ids of meters -> their days; an id that is no longer known is left out."""


def code_of(meter_id: str) -> str:
    """Return a short code for a meter, always the same."""
    return hashlib.sha256(meter_id.encode()).hexdigest()[:8]


def worst_first(meters: Sequence[MeterSummary]) -> list[MeterSummary]:
    """Return the meters, the least complete first."""
    return sorted(meters, key=lambda meter: (meter.share, meter.meter_id))


def write_pages(ordered: Sequence[MeterSummary], days_of: DaysOf, since: date, until: date, files_root: str) -> str:
    """Write the pages one by one, in place of those before; return where the first is.

    Args:
        ordered: The meters, the worst first.
        days_of: Asked for the meters of one page.
        since: First local day.
        until: The day after the last.
        files_root: fsspec URL or path; pages go to `data_docs/completeness/` in it.

    Raises:
        UnavailableError: where the pages cannot be written.
    """
    return publish(FOLDER, _pages(ordered, days_of, since, until), files_root)


def _pages(ordered: Sequence[MeterSummary], days_of: DaysOf, since: date, until: date) -> Iterator[tuple[str, str]]:
    """Yield name and HTML of each page."""
    starts = range(0, max(len(ordered), 1), METERS_A_PAGE)
    names = [_name(number) for number in range(len(starts))]
    complete = sum(meter.share >= 1 for meter in ordered)
    for number, (name, start) in enumerate(zip(names, starts, strict=True)):
        wanted = [meter.meter_id for meter in ordered[start : start + METERS_A_PAGE]]
        days = days_of(wanted)
        yield (
            name,
            render(
                "completeness.html",
                rows=[_row(days[meter], since, until) for meter in wanted if meter in days],
                first=start,
                total=len(ordered),
                complete=complete,
                since=since,
                until=until - timedelta(days=1),
                months=_months(since, until),
                width=WIDTH,
                height=HEIGHT,
                names=names,
                number=number,
            ),
        )


def _name(number: int) -> str:
    """Return the name of a page."""
    return "index.html" if number == 0 else f"page-{number + 1}.html"


def _row(meter: MeterDays, since: date, until: date) -> dict[str, object]:
    """Return one meter for the template: runs of like days are one bar."""
    step = WIDTH / (until - since).days
    bars: list[Bar] = []
    run: list[date] = []
    for day in sorted(meter.days):
        if run and meter.days[day].kind != meter.days[run[-1]].kind:
            bars.append(_bar(meter, run, since, step))
            run = []
        run.append(day)
    if run:
        bars.append(_bar(meter, run, since, step))
    return {
        "code": code_of(meter.meter_id),
        "share": meter.share,
        "gaps": meter.gaps,
        "longest": meter.longest_gap_hours,
        "bars": bars,
    }


def _bar(meter: MeterDays, run: Sequence[date], since: date, step: float) -> Bar:
    """Return the bar of days that are alike."""
    days = [meter.days[day] for day in run]
    shares = {
        name: sum(getattr(day, name) for day in days) / len(days) for name in ("measured", "estimated", "missing")
    }
    when = str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}"
    told = ", ".join(f"{share:.0%} {_WORDS[name]}" for name, share in shares.items() if share or name == "measured")
    x, width = (run[0] - since).days * step, len(run) * step
    return Bar(round(x, 2), round(width, 2), f"{when}: {told}", (Part(days[0].kind, 0, HEIGHT),))


_WORDS: Final = {"measured": "measured", "estimated": "estimated", "missing": "delivered as missing"}


def _months(since: date, until: date) -> list[tuple[float, str]]:
    """Return where months begin on the axis, and their names."""
    step, day, found = WIDTH / (until - since).days, since, []
    while day < until:
        if day.day == 1 or day == since:
            found.append((round((day - since).days * step, 2), f"{day:%b %Y}"))
        day += timedelta(days=1)
    thin = max(1, len(found) // 8)
    return found[::thin]
