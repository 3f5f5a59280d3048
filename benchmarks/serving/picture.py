"""The picture: requests/s and the wait in a burst, ours beside the others, with the ratio at each bar."""

from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes

from benchmarks.serving.bars import BURST_P99_MS
from benchmarks.serving.run import CAPACITY_AT, Results
from benchmarks.serving.servers import OURS

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOUR, THEIRS, INK = "#0b6e75", "#b9c2c6", "#1c2b33"
ROOM: Final = 1.35
"""Of the longest bar: its label stands beside it."""


def draw(results: Results, path: Path) -> None:
    """Write the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
    rates = {name: r["requests_s"] for name, r in results["closed"][CAPACITY_AT].items()}
    waits = {name: r["p99_ms"] for name, r in results["bursts"].items()}
    _bars(left, rates, f"Requests/s, one worker, {CAPACITY_AT} connections", "{value:,.0f}   ours is {ratio:.2g} of it")
    _bars(right, waits, "A thousand at once: 99 % are answered within, ms", "{value:,.0f} ms   {inverse:.2g} of ours")
    right.axvline(BURST_P99_MS, color=INK, lw=0.8, ls=":")
    machine = results["machine"]
    figure.supxlabel(
        f"{machine['date']}, {machine['processor']}, server on one core, load generator on the other",
        fontsize=8,
        color=INK,
    )
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, values: dict[str, float], title: str, words: str) -> None:
    """Draw one bar a contender, ours on top."""
    names = list(values)[::-1]
    drawn = axes.barh(
        names, [values[name] for name in names], color=[COLOUR if name == OURS else THEIRS for name in names]
    )
    ours = values[OURS]
    labels = [
        f"{values[name]:,.0f}"
        if name == OURS
        else words.format(value=values[name], ratio=ours / values[name], inverse=values[name] / ours)
        for name in names
    ]
    axes.bar_label(drawn, labels, padding=4, color=INK, fontsize=9)
    axes.set_xlim(0, max(values.values()) * ROOM)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.set_xticks([])
