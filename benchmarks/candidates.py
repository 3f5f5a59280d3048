"""Every candidate, and ways to forecast that are none, on windows before the tests: accuracy, time, size.

    python -m benchmarks.candidates [--task ahead reading] [--only NAME...]

Task `ahead`: ten shipped homes, a day from each local midnight, four windows of 28 days before 2017-05-08. Task
`reading`: the shipped home with history, the quarters of 2008. Each window is predicted by a fit on what lies a day and
more before it. What needs a package that is not installed says so; figures and what follows from them:
docs/decisions/candidates.md.
"""

import argparse
import platform
import tempfile
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.outsiders import additive, prophet_itself, recurrent
from benchmarks.outsiders.asked import Asked, empty
from meter_core.evaluation.ahead import Ahead, evaluate_ahead
from meter_core.evaluation.evaluated import Evaluation, Rows
from meter_core.evaluation.reading import evaluate_candidates
from meter_core.evaluation.scores import score_meters
from meter_core.evaluation.splits import Split, split_at
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import ahead_recipes, recipes
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.fit import TrainingData
from meter_core.public_holidays import holiday_calendar
from meter_core.sources import load_profile, read_delivery

DATA = Path(__file__).parents[1] / "data"
FILES = {
    "ahead": ("fontana_10_homes_hourly_2016-17.csv.gz", "fontana"),
    "reading": ("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux"),
}
WINDOWS = {
    "ahead": ["2017-01-16", "2017-02-13", "2017-03-13", "2017-04-10", "2017-05-08"],
    "reading": ["2008-01-01", "2008-04-01", "2008-07-01", "2008-10-01", "2009-01-01"],
}
CANDIDATES = tuple(sorted(KNOWN))
OUTSIDERS = {"additive (as Prophet)": additive, "prophet": prophet_itself, "recurrent (GRU)": recurrent}


def shipped(task: str) -> ReadingTable:
    """Return the readings of a task's sample."""
    file, profile = FILES[task]
    delivery = read_delivery(DATA / file, load_profile(profile))
    place = holiday_calendar(delivery.profile.country, delivery.profile.subdivision)
    return ReadingTable.of(delivery.frame, delivery.zone, holidays=place)


def windows(task: str, table: ReadingTable) -> list[Split]:
    """Return the windows, by the local clock of the sample."""
    zone = ZoneInfo(str(table.zone[0]))
    edges = [int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()) for day in WINDOWS[task]]
    return [split_at(start, stop) for start, stop in pairwise(edges)]


def evaluated(task: str, table: ReadingTable, names: list[str]) -> Evaluation:
    """Return the scores of candidates, and the rows they were scored on."""
    if task == "ahead":
        return evaluate_ahead(
            table.without_temperature(), windows(task, table), ahead_recipes(names=names), Ahead(hours=24)
        )
    recent = table.take(table.ts_s < windows(task, table)[-1].test_until_s)
    return evaluate_candidates(TrainingData.of(recent), windows(task, table), recipes("history", names), seeds=(0,))


def of_candidate(name: str, found: Evaluation) -> dict[str, float]:
    """Return a candidate's scores with its seconds and size."""
    with tempfile.TemporaryDirectory() as folder:
        found.candidates[name].fitted.predictor.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return {**found.candidate_scores[name], "kilobytes": size / 1024}


def of_outsider(name: str, task: str, table: ReadingTable, rows: Rows) -> dict[str, float]:
    """Return an outsider's scores on the same rows, with its seconds a window and size."""
    split_of = windows(task, table)
    answers, seconds, numbers = empty(Asked(task, table, split_of[0], rows, np.arange(len(rows)))), [], 0
    for split in split_of:
        chosen = np.flatnonzero((rows.origin_s >= split.test_from_s) & (rows.origin_s < split.test_until_s))
        began = time.process_time()
        said = OUTSIDERS[name].say(Asked(task, table, split, rows, chosen))
        seconds.append(time.process_time() - began)
        answers.mean_kwh[chosen], answers.quantiles_kwh[chosen] = said.answers.mean_kwh, said.answers.quantiles_kwh
        numbers = said.numbers
    scores, _ = score_meters(rows.measured_kwh, answers, rows.meter)
    return {**scores, "seconds": float(np.mean(seconds)), "kilobytes": numbers * 8 / 1024}


def line(name: str, scores: dict[str, float]) -> str:
    """Return a row of the table."""
    figures = [f"{scores[key]:.4f}" for key in ("rmse", "mae", "pinball")]
    figures += [
        f"{scores['coverage']:.1%}".replace("%", " %"),
        f"{scores['seconds']:.1f}",
        f"{scores['kilobytes']:.0f}",
    ]
    return f"| {name} | {' | '.join(figures)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--task", nargs="+", choices=list(FILES), default=list(FILES))
    parser.add_argument("--only", nargs="+", choices=[*CANDIDATES, *OUTSIDERS], default=[*CANDIDATES, *OUTSIDERS])
    asked = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, numpy {np.__version__}; seconds are of one fit, range included"
    )
    for task in asked.task:
        table = shipped(task)
        print(f"\n| {task} | RMSE | MAE | pinball | coverage | s | kB |\n" + "|---" * 7 + "|")
        for name in [name for name in CANDIDATES if name in asked.only and task in KNOWN[name].tasks]:
            found = evaluated(task, table, [name])
            print(line(name, of_candidate(name, found)), flush=True)
        found = evaluated(task, table, ["linear"])
        for name in [name for name in OUTSIDERS if name in asked.only]:
            outsider = OUTSIDERS[name]
            if getattr(outsider, "absent", bool)():
                print(f"| {name} | the package {outsider.NEEDS} is not installed | | | | | |")
            else:
                print(line(name, of_outsider(name, task, table, found.rows)), flush=True)
        for name, scores in found.baseline_scores.items():
            if scores:
                print(line(f"`{name}`", {**scores, "seconds": 0.0, "kilobytes": 0.0}))
        print(f"{len(found.rows):,} values of {len(found.rows.meter_id)} meters")


if __name__ == "__main__":
    main()
