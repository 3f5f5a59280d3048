"""Accuracy of the task `reading` on the shipped hours of 2009: candidates beside every baseline, as table and picture.

Run: .venv/bin/python benchmarks/reading_accuracy.py [--out FOLDER]
Fits on what begins before 2008-12-31, once; scores every measured hour of 2009. Nothing is chosen on 2009.
"""

import argparse
import platform
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from meter_core.jobs.backtest import backtest

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data/uci_sceaux_hourly_2006-2009.csv.gz"
ZONE = "Europe/Paris"
WEEK = ("2009-03-09", "2009-03-15")
SCORES = ("rmse", "mae", "pinball", "coverage")
OURS, THEIRS, INK = "#0b6e75", "#b9c2c6", "#1c2b33"


def run(features: str, out: Path) -> dict[str, Any]:
    """Return the JSON object of `meter backtest` on 2009."""
    return backtest(SAMPLE, "uci_sceaux", "reading", test_from=date(2009, 1, 1), features=features, out=out).as_dict()


def table(snapshot: dict[str, Any], history: dict[str, Any]) -> pd.DataFrame:
    """Return one row a candidate and baseline, the best RMSE first."""
    rows = {f"{name}, with history": scores for name, scores in history["candidates"].items()}
    rows |= {f"{name}, snapshot only": scores for name, scores in snapshot["candidates"].items()}
    rows |= {f"{name} (baseline)": scores for name, scores in history["baselines"].items() if scores}
    frame = pd.DataFrame({name: {score: scores[score] for score in SCORES} for name, scores in rows.items()}).T
    return frame.sort_values("rmse")


def draw_scores(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw the RMSE of everything, the best on top."""
    worst_first = frame["rmse"].iloc[::-1]
    colours = [THEIRS if "(baseline)" in name else OURS for name in worst_first.index]
    bars = axes.barh([name.removesuffix(" (baseline)") for name in worst_first.index], worst_first, color=colours)
    axes.bar_label(bars, fmt="%.3f", padding=4, color=INK, fontsize=9)
    axes.set_xlim(0, worst_first.max() * 1.12)
    axes.set_title(
        "RMSE in kWh, every measured hour of 2009: ours and the baselines", loc="left", fontsize=11, color=INK
    )
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.set_xticks([])


def draw_week(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one week of the test: what was measured, what was predicted, and the 80 % range."""
    week = rows.loc[WEEK[0] : WEEK[1]]
    axes.fill_between(week.index, week.low_kwh, week.high_kwh, color=OURS, alpha=0.18, lw=0, label="80 % range")
    axes.plot(week.index, week.units_kwh, color=OURS, lw=1.6, label="predicted at the start of each hour")
    axes.plot(week.index, week.measured_kwh, color=INK, lw=0, marker="o", ms=2.6, label="measured")
    axes.set_title("A week of the test: 9 to 15 March 2009, kWh an hour", loc="left", fontsize=11, color=INK)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper left")
    axes.set_ylim(0, week.high_kwh.max() * 1.3)
    axes.set_xlim(week.index[0], week.index[-1])
    axes.xaxis.set_major_formatter(mpl.dates.DateFormatter("%a %d", tz=ZONE))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)


def draw(frame: pd.DataFrame, rows: pd.DataFrame, path: Path) -> None:
    """Write the picture."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 8.6), height_ratios=(1.0, 1.15), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12)
    draw_week(above, rows)
    draw_scores(below, frame)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the table and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/figures")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        snapshot, history = run("snapshot", Path(scratch, "snapshot")), run("history", Path(scratch, "history"))
        rows = pd.read_csv(Path(scratch, "history/scored_rows.csv"), index_col="reading_ts", parse_dates=True)
    rows.index = rows.index.tz_convert(ZONE)
    frame = table(snapshot, history)
    bounds = history["skill_bounds"]
    print(frame.to_string(float_format="{:.4f}".format))
    print(
        f"\nrows {history['rows']:,}; weather none; one fit; chosen before the test: {history['chosen']}, with history"
    )
    print(f"skill over the strongest baseline {history['skill']}; bounds {bounds}")
    print(f"machine: {platform.machine()}, Python {platform.python_version()}")
    draw(frame, rows, out / "reading-accuracy.png")


main()
