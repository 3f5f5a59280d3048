"""The pictures of a backtest's report as SVG that stands in the page: what they show was computed elsewhere."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from meter_core.evaluation.breakdown import Slice
from meter_core.evaluation.pictured import ByHour, Calibration, Course
from meter_core.jobs.training_plots import BLUE, INK, MUTED, ORANGE, dress, spread, with_gaps

GREY: Final = "#b6c0cb"
WIDTH_IN: Final = 9.2
WORST: Final = 12
"""Meters that are shown by name."""

FONTS: Final = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "report"}


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element, its letters as text."""
    out = io.StringIO()
    with mpl.rc_context(FONTS):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    return drawn[drawn.index("<svg") :]


def scoreboard(names: Sequence[str], scores: Sequence[float], errors: Sequence[float | None], chosen: str) -> Figure:
    """Draw the primary score of everything, best first, with its standard error; the model in colour."""
    figure, axes = _axes(0.36 * len(names) + 0.7)
    place = np.arange(len(names))[::-1]
    colours = [BLUE if name == chosen else GREY for name in names]
    axes.barh(place, scores, color=colours, height=0.66)
    for at, score, error in zip(place.tolist(), scores, errors, strict=True):
        if error is not None:
            axes.plot([score - error, score + error], [at, at], color=INK, linewidth=1.4)
        axes.annotate(f"{score:.4f}", (score + (error or 0.0), at), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(place, names)
    axes.set_xlim(0, max(score + (error or 0.0) for score, error in zip(scores, errors, strict=True)) * 1.12)
    dress(axes, "kWh, with its standard error", "")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, colors=INK)
    return figure


def days(shown: Sequence[Course]) -> Figure:
    """Draw the last days of some meters: measured, predicted, and the 80 % range."""
    figure = Figure(figsize=(WIDTH_IN, 2.3 * len(shown)), layout="constrained")
    panels: Any = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, course in zip(panels, shown, strict=True):
        when = with_gaps(course.ts_s)
        stamps: Any = when.astype("datetime64[s]")
        columns = (course.low_kwh, course.high_kwh, course.mean_kwh, course.measured_kwh)
        low, high, mean, measured = (spread(course.ts_s, when, values) for values in columns)
        axes.fill_between(stamps, low, high, color=BLUE, alpha=0.2, linewidth=0, label="80 % range")
        axes.plot(stamps, mean, color=BLUE, linewidth=1.4, label="predicted")
        axes.plot(stamps, measured, color=INK, linewidth=1.0, label="measured")
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.margins(x=0)
        dress(axes, "", "kWh")
        axes.set_title(course.name, loc="left", fontsize=10, color=INK)
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, ncols=3)
    return figure


def residuals(shown: ByHour) -> Figure:
    """Draw the residuals of each local hour: the middle 80 %, the median, the mean."""
    figure, axes = _axes(3.0)
    low, middle, high = shown.quantiles_kwh.T
    axes.bar(shown.hour, high - low, bottom=low, width=0.72, color=BLUE, alpha=0.25, label="middle 80 %")
    axes.plot(shown.hour, middle, color=BLUE, marker="o", markersize=4, linewidth=1.2, label="median")
    axes.plot(shown.hour, shown.mean_kwh, color=ORANGE, linewidth=2, label="mean")
    axes.axhline(0, color=INK, linewidth=1)
    axes.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
    dress(axes, "local hour", "measured less predicted, kWh")
    _legend(axes)
    return figure


def reliability(shown: Calibration) -> Figure:
    """Draw how often what was measured lies below each quantile, by level of the prediction; dashed what should be."""
    figure, axes = _axes(3.2)
    colours = dict(zip(shown.levels, (BLUE, INK, ORANGE), strict=True))
    place = np.arange(1, len(shown.predicted_kwh) + 1)
    for column, level in enumerate(shown.levels):
        axes.axhline(level, color=colours[level], linewidth=1, linestyle=(0, (4, 4)))
        label = f"{level:.0%} quantile: {shown.overall[column]:.1%} lie below"
        axes.plot(place, shown.below[:, column], color=colours[level], marker="o", markersize=5, label=label)
    axes.set_xticks(place, [f"{value:.2f}" for value in shown.predicted_kwh])
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    dress(axes, "mean prediction of each tenth of the rows, kWh", "share measured below")
    _legend(axes)
    return figure


def along(slices: Sequence[Slice], score: str, against: str | None, label: str, joined: bool) -> Figure:
    """Draw the score of each group beside the strongest baseline's, joined by lines where groups have an order."""
    line = "-" if joined else ""
    figure, axes = _axes(3.0)
    place = np.arange(len(slices))
    if against is not None:
        theirs = [each.baseline[score] if each.baseline else np.nan for each in slices]
        axes.plot(place, theirs, line, color=MUTED, marker="o", markersize=5, label=f"{against} (baseline)")
    own = [each.scores[score] for each in slices]
    axes.plot(place, own, line, color=BLUE, marker="o", markersize=5, linewidth=2, label="model")
    step = -(-len(slices) // (16 if len(slices[0].name) < 8 else 8))
    axes.set_xticks(place[::step], [each.name for each in slices][::step])
    axes.set_ylim(bottom=0)
    dress(axes, label, f"{WORDS[score]}, kWh")
    _legend(axes)
    return figure


def worst_meters(slices: Sequence[Slice]) -> Figure:
    """Draw the meters whose skill is lowest, with its 95 % interval."""
    ranked = sorted((each for each in slices if each.skill is not None), key=lambda each: each.skill or 0.0)[:WORST]
    figure, axes = _axes(0.34 * len(ranked) + 0.8)
    place = np.arange(len(ranked))[::-1]
    for at, each in zip(place.tolist(), ranked, strict=True):
        skill = each.skill or 0.0
        colour = BLUE if skill > 0 else ORANGE
        if each.low is not None and each.high is not None:
            axes.plot([each.low, each.high], [at, at], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
        axes.plot([skill], [at], color=colour, marker="o", markersize=7)
        axes.annotate(f"{skill:+.1%}", (skill, at), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(place, [each.name for each in ranked])
    axes.set_ylim(-0.6, len(ranked) - 0.2)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:+.0%}")
    dress(axes, "skill over the strongest baseline, with its 95 % interval", "")
    axes.tick_params(axis="y", length=0, colors=INK)
    return figure


def expected(names: Sequence[str], rmse: Sequence[float], floor: Sequence[float]) -> Figure:
    """Draw each meter's RMSE against what its own noise lets expect; on the line a model knows all its habits."""
    figure, axes = _axes(4.2)
    top = max(*rmse, *floor) * 1.1
    axes.plot([0, top], [0, top], color=INK, linewidth=1, label="as expected from its noise")
    axes.scatter(floor, rmse, s=42, color=BLUE, label="meter")
    if len(names) <= WORST:
        for name, x, y in zip(names, floor, rmse, strict=True):
            axes.annotate(name, (x, y), (6, -3), textcoords="offset points", fontsize=8, color=MUTED)
    axes.set(xlim=(0, top), ylim=(0, top))
    dress(axes, "RMSE expected from the noise of the meter's own history, kWh", "RMSE of the model, kWh")
    _legend(axes)
    return figure


WORDS: Final[Mapping[str, str]] = {"rmse": "RMSE", "mae": "MAE", "pinball": "pinball loss"}


def _axes(height_in: float) -> tuple[Figure, Axes]:
    """Return a figure of the page's width with one pair of axes."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    return figure, figure.subplots()


def _legend(axes: Axes) -> None:
    """Put the legend above the axes, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, ncols=3)
