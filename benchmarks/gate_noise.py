"""The gate on pure noise, on a genuine improvement and on a refresh, for both tasks, with what it says in words.

    python -m benchmarks.gate_noise [--task ahead reading] [--seeds 20]

Noise: the measured hours of a home in another random order; every candidate is fitted and scored as `meter train` does
it, the best of them judged as a first champion. Improvement: on measured readings, over champions of simpler kinds that
are five weeks old. Refresh: the same recipe as a champion that knows all but the last weeks.
"""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from meter_core.calendar import DAY_S, iso_utc
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.evaluation.ahead import Ahead, evaluate_ahead
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.gate_evidence import Champion, Evidence
from meter_core.evaluation.promotion import Verdict, decide
from meter_core.evaluation.reading import evaluate_candidates
from meter_core.evaluation.recipe_identity import identity_of_model
from meter_core.evaluation.splits import hold_out
from meter_core.features.readings import ReadingTable
from meter_core.jobs.training import Ground, StandingModel, Training, evidence
from meter_core.jobs.training_forecasts import train_forecasts
from meter_core.jobs.training_readings import train_readings
from meter_core.models.candidates import ahead_recipes, recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.forecaster import Forecaster
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import ModelRef
from meter_core.sources import load_profile, read_delivery

DATA = Path(__file__).parents[1] / "data"
HOME = ("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux")
MEASURED = {"reading": HOME, "ahead": ("fontana_10_homes_hourly_2016-17.csv.gz", "fontana")}
DAYS, LEARNT_DAYS = 120, 280
OLD, OLD_DAYS = ("linear", "ridge"), 35
"""Champions over which there may be an improvement, fitted so many days ago."""


WEEKS_BEFORE = (0, 12)
"""Before the end of the sample: two seasons to be better in."""


def shipped(file: str, profile: str, days: int) -> ReadingTable:
    """Return the last days of a sample."""
    delivery = read_delivery(DATA / file, load_profile(profile))
    whole = ReadingTable.of(delivery.frame, delivery.zone)
    return whole.take(whole.ts_s >= whole.ts_s.max() - days * DAY_S)


def noise(table: ReadingTable, seed: int) -> ReadingTable:
    """Return the table with its measured energies in another order."""
    kwh, measured = table.units_kwh.copy(), ~np.isnan(table.units_kwh)
    kwh[measured] = np.random.default_rng(seed).permutation(kwh[measured])
    return replace(table, units_kwh=kwh)


def judged(found: Evaluation) -> Verdict:
    """Return what the gate says of the best candidate where there is no champion."""
    best, primary = found.best, found.primary
    bounds = found.skill_bounds(best)
    given = Evidence(
        recipe=best,
        score=primary,
        value=found.candidate_scores[best][primary],
        baselines={name: scores and scores[primary] for name, scores in found.baseline_scores.items()},
        skill=found.skill(best)[primary],
        skill_low=bounds.one_sided_low if bounds else None,
        coverage=found.candidate_scores[best]["coverage"],
        rows=len(found.rows),
        skill_rmse=None if primary == "rmse" else found.skill(best)["rmse"],
    )
    return decide(given, None, "2010-01-01T00:00:00Z")


def evaluated(task: str, table: ReadingTable) -> Evaluation:
    """Return the scores of all candidates of a task on the last 28 days."""
    if task == "reading":
        return evaluate_candidates(TrainingData.of(table), hold_out(table), recipes())
    return evaluate_ahead(table.without_temperature(), [hold_out(table)], ahead_recipes(1), Ahead(hours=24))


def on_noise(task: str, seeds: int) -> None:
    """Print a row for each seed, and how many were promoted."""
    if not seeds:
        return
    table, promoted, reasons = shipped(*HOME, DAYS), 0, []
    print(f"\n| {task}, seed | best | skill | in RMSE | promoted |\n|---|---|---|---|---|")
    for seed in range(seeds):
        found = evaluated(task, noise(table, seed))
        verdict, skill = judged(found), found.skill(found.best)
        promoted += verdict.promoted
        reasons.append(verdict.why)
        said = "yes" if verdict.promoted else "no"
        print(f"| {seed} | {found.best} | {skill[found.primary]:+.2%} | {skill['rmse']:+.2%} | {said} |", flush=True)
    print(f"\n{promoted} of {seeds} promoted. What the gate said, of the first seed: {reasons[0]}")


def fitted(task: str, table: ReadingTable, until_s: int, name: str) -> Predictor | Forecaster:
    """Return a candidate fitted on what was known by an instant."""
    if task == "ahead":
        return fit_forecaster(table.without_temperature(), ahead_recipes(names=[name])[name], until_s).predictor
    return fit_predictor(table.take(table.available_s <= until_s), recipes(names=[name])[name]).predictor


def trained(task: str, table: ReadingTable, champion: Predictor | Forecaster) -> tuple[Training, Verdict]:
    """Return a training beside a champion, and what the gate says of it."""
    standing = StandingModel(ModelRef(REGISTERED_MODELS[task], "1", "run", "digest"), champion)
    ground = Ground("benchmark", datetime.now(UTC), table, (), standing)
    training = (train_readings if task == "reading" else train_forecasts)(ground, lambda *_: None)
    about = champion.about
    against = Champion("1", about["recipe"], about["training_until_ts"], identity_of_model(about))
    return training, decide(evidence(training), against, str(training.final.predictor.about["training_until_ts"]))


def on_measured(task: str, weeks_before: int) -> None:
    """Print what the gate says of an improvement and of a refresh, so many weeks before the end of the sample."""
    whole = shipped(*MEASURED[task], LEARNT_DAYS + 7 * weeks_before)
    table = whole.take(whole.ts_s <= whole.ts_s.max() - 7 * weeks_before * DAY_S)
    until_s, day = hold_out(table).fit_until_s, iso_utc(int(table.ts_s.max()))[:10]
    for name in OLD:
        old = fitted(task, table, int(table.ts_s.max()) - OLD_DAYS * DAY_S, name)
        training, verdict = trained(task, table, old)
        tell(f"{task} to {day}, {training.winner} over champion {name}", verdict)
    training, verdict = trained(task, table, fitted(task, table, until_s, training.winner))
    tell(f"{task} to {day}, a refresh of {training.winner}", verdict)


def tell(what: str, verdict: Verdict) -> None:
    """Print what the gate says."""
    print(f"\n{what}: {'promoted' if verdict.promoted else 'refused'}. {verdict.why}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--task", nargs="+", choices=list(MEASURED), default=list(MEASURED))
    parser.add_argument("--seeds", type=int, default=20, help="0: no noise")
    asked = parser.parse_args()
    for task in asked.task:
        on_noise(task, asked.seeds)
        for weeks_before in WEEKS_BEFORE:
            on_measured(task, weeks_before)


if __name__ == "__main__":
    main()
