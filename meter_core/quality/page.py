"""The pages of the data docs as HTML that loads nothing from any other place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from meter_core.quality.check import Verdict
from meter_core.quality.rules import RULES, Action, Limits
from meter_core.quality.subject import Subject
from meter_core.quality.suite import SuiteResult

BARS: Final = 96
CHART_WIDTH: Final = 960.0
CHART_HEIGHT: Final = 150.0
TONES: Final = {Action.QUARANTINE: "bad", Action.BLANK: "warn", Action.FLAG: "info"}
OWN_SECTIONS: Final = frozenset({"Overview", "Run Info"})
"""Sections of Great Expectations that this page says better itself."""

_templates = Environment(
    loader=PackageLoader("meter_core.quality", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


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


def delivery_page(
    verdict: Verdict, subject: Subject, result: SuiteResult, limits: Limits, summary: Mapping[str, Any]
) -> str:
    """Return the page of one delivery."""
    found = {finding.what: finding for finding in verdict.findings}
    caught = [
        {
            "code": rule.code,
            "sentence": rule.sentence,
            "action": str(rule.action),
            "tone": TONES[rule.action],
            **{key: found[rule.code].evidence[key] for key in ("count", "share", "lines")},
        }
        for rule in RULES
        if rule.code in found
    ]
    return _templates.get_template("delivery.html").render(
        css=_css(),
        subject=subject,
        summary=summary,
        stopped_reason=verdict.stopped_reason,
        buckets=bars(verdict.frame),
        caught=caught,
        clean=[rule for rule in RULES if rule.code not in found],
        statistics=result.raw.statistics,
        broken=result.broken,
        stop_above_share=limits.stop_above_share,
        sections=_sections(result),
        gx_version=result.raw.meta["great_expectations_version"],
    )


def list_page(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the page that lists deliveries, newest first."""
    newest_first = sorted(entries, key=lambda entry: str(entry["checked_at"]), reverse=True)
    return _templates.get_template("list.html").render(css=_css(), entries=newest_first)


def timed_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a verdict's frame that have a possible time: one in 2090 would stretch the picture."""
    return frame[frame["reading_ts"].notna() & (frame["code"] != "impossible_stamp")]


def bars(frame: pd.DataFrame, most: int = BARS) -> list[Bar]:
    """Return the values over time as bars, each of as many whole intervals; empty where no row has a time."""
    timed = timed_rows(frame)
    if timed.empty:
        return []
    instants = timed["reading_ts"].dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    edges = _edges(int(instants.min()), int(instants.max()), timed["interval_minutes"], most)
    quarantined = timed["code"].notna().to_numpy()
    missing = timed["units_kwh"].isna().to_numpy() & ~quarantined
    kinds = {"loaded": ~quarantined & ~missing, "missing": missing, "quarantined": quarantined}
    heights = {kind: np.histogram(instants[mask], edges)[0] for kind, mask in kinds.items()}
    tallest = max(int(np.sum(list(heights.values()), axis=0).max()), 1)
    return [_bar(place, len(edges) - 1, edges, heights, tallest) for place in range(len(edges) - 1)]


def _edges(first: int, last: int, interval_minutes: "pd.Series[int]", most: int) -> np.ndarray:
    """Return the bounds of the bars in seconds: multiples of the shortest interval, so full bars are equally high."""
    lengths = interval_minutes[interval_minutes > 0]
    step = int(lengths.min()) * 60 if len(lengths) else 3600
    intervals = (last - first) // step + 1
    each = -(-intervals // most) * step
    return first + each * np.arange((last - first) // each + 2)


def _bar(place: int, count: int, edges: np.ndarray, heights: Mapping[str, np.ndarray], tallest: int) -> Bar:
    """Return one bar: its parts stand on each other."""
    step = CHART_WIDTH / count
    top, parts = CHART_HEIGHT, []
    for kind, values in heights.items():
        height = CHART_HEIGHT * int(values[place]) / tallest
        if height:
            top -= height
            parts.append(Part(kind, round(top, 2), round(height, 2)))
    since, until = (pd.Timestamp(edge, unit="s").strftime("%Y-%m-%d %H:%M") for edge in edges[place : place + 2])
    counts = ", ".join(f"{int(values[place]):,} {kind}" for kind, values in heights.items())
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


def _css() -> Markup:
    """Return the style sheet, which is our own file."""
    return Markup((files("meter_core.quality") / "templates" / "page.css").read_text(encoding="utf-8"))  # noqa: S704
