"""The pages of the data docs as HTML that loads nothing from any other place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from meter_core.quality.judgement import Judgement
from meter_core.quality.overview import Overview, heights
from meter_core.quality.rendering import pages_of
from meter_core.quality.rules import RULES, Action, Limits
from meter_core.quality.subject import Subject
from meter_core.quality.suite import SuiteResult

BARS: Final = 96
CHART_WIDTH: Final = 960.0
CHART_HEIGHT: Final = 150.0
TONES: Final = {Action.QUARANTINE: "bad", Action.BLANK: "warn", Action.FLAG: "info"}
OWN_SECTIONS: Final = frozenset({"Overview", "Run Info"})
"""Sections of Great Expectations that this page says better itself."""

render: Final = pages_of("meter_core.quality")


@dataclass(frozen=True, slots=True)
class Part:
    """One colour of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The values of one stretch of time."""

    x: float
    width: float
    label: str
    parts: tuple[Part, ...]


def delivery_page(judgement: Judgement, subject: Subject, limits: Limits, summary: Mapping[str, Any]) -> str:
    """Return the page of one delivery."""
    found, result = judgement.found, judgement.suite
    caught = [
        {
            "code": rule.code,
            "sentence": rule.sentence,
            "action": str(rule.action),
            "tone": TONES[rule.action],
            "count": found.counts[rule.code],
            "share": found.counts[rule.code] / found.rows,
            "lines": found.lines[rule.code],
        }
        for rule in RULES
        if found.counts[rule.code]
    ]
    return render(
        "delivery.html",
        subject=subject,
        summary=summary,
        stopped_reason=judgement.stopped_reason,
        buckets=bars(judgement.overview),
        caught=caught,
        clean=[rule for rule in RULES if not found.counts[rule.code]],
        statistics=result.raw.statistics,
        broken=result.broken,
        stop_above_share=limits.stop_above_share,
        sections=_sections(result),
        gx_version=result.raw.meta["great_expectations_version"],
    )


def list_page(entries: Iterable[Mapping[str, Any]], beside: Sequence[str] = ()) -> str:
    """Return the page that lists deliveries, newest first, and links the folders beside them."""
    newest_first = sorted(entries, key=lambda entry: str(entry["checked_at"]), reverse=True)
    return render("list.html", entries=newest_first, beside=beside)


def bars(overview: Overview, most: int = BARS) -> list[Bar]:
    """Return the values over time as bars, each of as many whole intervals; empty where no value has a time."""
    edges, values = heights(overview, most)
    if not values:
        return []
    tallest = max(int(np.sum(list(values.values()), axis=0).max()), 1)
    return [_bar(place, len(edges) - 1, edges, values, tallest) for place in range(len(edges) - 1)]


def _bar(place: int, count: int, edges: np.ndarray, values: Mapping[str, np.ndarray], tallest: int) -> Bar:
    """Return one bar: its parts stand on each other."""
    step = CHART_WIDTH / count
    top, parts = CHART_HEIGHT, []
    for kind, each in values.items():
        height = CHART_HEIGHT * int(each[place]) / tallest
        if height:
            top -= height
            parts.append(Part(kind, round(top, 2), round(height, 2)))
    since, until = (pd.Timestamp(edge, unit="s").strftime("%Y-%m-%d %H:%M") for edge in edges[place : place + 2])
    counts = ", ".join(f"{int(each[place]):,} {kind}" for kind, each in values.items())
    return Bar(round(place * step + 0.5, 2), round(step - 1, 2), f"{since} to {until} UTC: {counts}", tuple(parts))


def _sections(result: SuiteResult) -> list[Markup]:
    """Return the sections that Great Expectations renders of its result: one a column."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaSectionView

    document = ValidationResultsPageRenderer(run_info_at_end=True).render(result.raw)
    view = DefaultJinjaSectionView()
    return [
        Markup(view.render({"section": section.to_json_dict(), "section_loop": {"index": place}}))  # noqa: S704
        for place, section in enumerate(document.sections)
        if section.section_name not in OWN_SECTIONS
    ]
