"""Pictures of a training run: where the model errs, and how its predictions run beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from meter_core.contracts.readings import FloatArray, IntArray

INK: Final = "#1f2933"
MUTED: Final = "#7b8794"
BLUE: Final = "#2563a8"
ORANGE: Final = "#d9731a"
SHOWN_S: Final = 14 * 86_400
"""The last two weeks of the hold-out are drawn over time."""

FEWEST_IN_BIN: Final = 40


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Predictions of rows the model was not fitted on.

    Attributes:
        ts_s: (n,) UTC seconds of the intervals' starts.
        actual: (n,) measured kWh.
        predicted: (n,) predicted mean, kWh.
        low: (n,) 10 % quantile, kWh.
        high: (n,) 90 % quantile, kWh.
        local_hour: (n,) 0..23 on the meters' clocks.
        title: What was predicted by what, for the picture's head.
    """

    ts_s: IntArray
    actual: FloatArray
    predicted: FloatArray
    low: FloatArray
    high: FloatArray
    local_hour: IntArray
    title: str


def save_plots(shown: HoldOut, folder: Path) -> None:
    """Write `residuals.png` and `actual_vs_predicted.png` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    residuals(shown).savefig(folder / "residuals.png", dpi=130)
    actual_vs_predicted(shown).savefig(folder / "actual_vs_predicted.png", dpi=130)


def residuals(shown: HoldOut) -> Figure:
    """Draw residuals over the prediction, with the median and the middle 80 % of each level, and their distribution."""
    error = shown.actual - shown.predicted
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.4, 1), sharey=True)
    figure.suptitle(f"Residuals: {shown.title}", x=0.01, ha="left", color=INK, weight="bold")
    _cloud(left, shown.predicted, error)
    _middle(left, shown.predicted, error)
    left.axhline(0, color=INK, linewidth=1)
    dress(left, "predicted kWh", "measured minus predicted, kWh")
    left.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, ncols=2)
    right.hist(error, bins=60, orientation="horizontal", color=BLUE, alpha=0.75)
    right.axhline(0, color=INK, linewidth=1)
    right.axhline(float(error.mean()), color=ORANGE, linewidth=1.5, label=f"mean {error.mean():+.3f} kWh")
    rmse = float(np.sqrt(np.mean(error**2)))
    dress(right, "rows", "")
    right.legend(loc="upper right", frameon=False, fontsize=9)
    right.set_title(f"RMSE {rmse:.3f} kWh, {len(error):,} rows", color=INK, fontsize=10, loc="right")
    reach = float(np.quantile(np.abs(error), 0.998)) * 1.15 or 1.0
    left.set_ylim(-reach, reach)
    outside = int((np.abs(error) > reach).sum())
    if outside:
        left.annotate(
            f"outside the picture: {outside}",
            (0.99, 0.02),
            xycoords="axes fraction",
            ha="right",
            color=MUTED,
            fontsize=9,
        )
    return figure


def actual_vs_predicted(shown: HoldOut) -> Figure:
    """Draw the last two weeks over time; for the whole hold-out measured against predicted, and the error by hour."""
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.35))
    over_time, against, by_hour = (figure.add_subplot(where) for where in (grid[0, :], grid[1, 0], grid[1, 1]))
    figure.suptitle(f"Measured and predicted: {shown.title}", x=0.01, ha="left", color=INK, weight="bold")
    _over_time(over_time, shown)
    top = float(np.quantile(np.concatenate([shown.actual, shown.predicted]), 0.999)) * 1.05 or 1.0
    _cloud(against, shown.predicted, shown.actual)
    against.plot([0, top], [0, top], color=INK, linewidth=1, label="measured = predicted")
    bottom = min(0.0, float(shown.actual.min()))
    against.set(xlim=(bottom, top), ylim=(bottom, top), aspect="equal")
    covered = float(np.mean((shown.actual >= shown.low) & (shown.actual <= shown.high)))
    dress(against, "predicted kWh", "measured kWh")
    against.legend(loc="upper left", frameon=False, fontsize=9)
    against.set_title(f"80 % range covers {covered:.1%} of {len(shown.actual):,} rows", color=INK, fontsize=10)
    _by_hour(by_hour, shown)
    return figure


def _by_hour(axes: Axes, shown: HoldOut) -> None:
    """Draw RMSE and mean error of each local hour."""
    error = shown.actual - shown.predicted
    hours = np.unique(shown.local_hour)
    of_hour = [error[shown.local_hour == hour] for hour in hours]
    axes.bar(hours, [float(np.sqrt(np.mean(each**2))) for each in of_hour], color=BLUE, alpha=0.75, label="RMSE")
    axes.plot(hours, [float(each.mean()) for each in of_hour], color=ORANGE, linewidth=2, label="mean error")
    axes.axhline(0, color=INK, linewidth=1)
    axes.set_xticks(range(0, 24, 3))
    dress(axes, "local hour", "kWh")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, ncols=2)


def _over_time(axes: Axes, shown: HoldOut) -> None:
    """Draw the last two weeks; of several meters their mean, without a range: quantiles do not add up."""
    late = shown.ts_s >= shown.ts_s.max() - SHOWN_S
    at, index = np.unique(shown.ts_s[late], return_inverse=True)
    count = np.bincount(index)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(index, weights=values[late]) / count

    when: Any = with_gaps(at)
    series = [spread(at, when, mean(v)) for v in (shown.actual, shown.predicted, shown.low, shown.high)]
    stamps = when.astype("datetime64[s]")
    if count.max() == 1:
        axes.fill_between(stamps, series[2], series[3], color=BLUE, alpha=0.18, linewidth=0, label="80 % range")
    axes.plot(stamps, series[1], color=BLUE, linewidth=1.3, label="predicted")
    axes.plot(stamps, series[0], color=INK, linewidth=0.9, label="measured")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.margins(x=0)
    several = f", mean of {int(count.max())} meters" if count.max() > 1 else ""
    dress(axes, "UTC", f"kWh of the interval{several}")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, ncols=3)


def with_gaps(at: IntArray) -> IntArray:
    """Return the stamps with one more inside each gap, so that no line is drawn across it."""
    if len(at) < 3:
        return at
    step = int(np.median(np.diff(at)))
    gaps = np.flatnonzero(np.diff(at) > 1.5 * step)
    return np.insert(at, gaps + 1, at[gaps] + step)


def spread(at: IntArray, when: IntArray, values: FloatArray) -> FloatArray:
    """Return values at the stamps with gaps, NaN inside the gaps."""
    spread = np.full(len(when), np.nan)
    spread[np.searchsorted(when, at)] = values
    return spread


def _cloud(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """Draw points so that thousands of them stay readable."""
    alpha = float(np.clip(300 / max(len(x), 1), 0.05, 0.5))
    axes.scatter(x, y, s=9, color=BLUE, alpha=alpha, linewidths=0, rasterized=True)


def _middle(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """Draw the median and the middle 80 % of y in bins of equally many x."""
    bins = min(20, len(x) // FEWEST_IN_BIN)
    if bins < 2:
        return
    chunks: Sequence[Any] = np.array_split(np.argsort(x, kind="stable"), bins)
    centre = [float(x[chunk].mean()) for chunk in chunks]
    low, middle, high = np.array([np.quantile(y[chunk], (0.1, 0.5, 0.9), method="weibull") for chunk in chunks]).T
    axes.fill_between(centre, low, high, color=ORANGE, alpha=0.15, linewidth=0, label="middle 80 %")
    axes.plot(centre, middle, color=ORANGE, linewidth=2, label="median")


def dress(axes: Axes, x: str, y: str) -> None:
    """Give axes their labels and take away what does not speak."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.grid(visible=True, color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED)
