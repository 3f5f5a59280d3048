"""The gate on pure noise: twenty times the measured hours of a home in another random order, for both tasks.

Every candidate is fitted and scored as `meter train` does it, the best of them judged as a first champion.

    python -m benchmarks.gate_noise
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.evaluation.ahead import Ahead, evaluate_ahead
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.gate_evidence import Evidence
from meter_core.evaluation.promotion import Verdict, decide
from meter_core.evaluation.reading import evaluate_candidates
from meter_core.evaluation.splits import hold_out
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import ahead_recipes, recipes
from meter_core.models.fit import TrainingData
from meter_core.sources import load_profile, read_delivery

FILE = Path(__file__).parents[1] / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
DAYS, SEEDS = 120, 20


def noise(table: ReadingTable, seed: int) -> ReadingTable:
    """Return the table with its measured energies in another order."""
    kwh, measured = table.units_kwh.copy(), ~np.isnan(table.units_kwh)
    kwh[measured] = np.random.default_rng(seed).permutation(kwh[measured])
    return replace(table, units_kwh=kwh)


def judged(found: Evaluation) -> Verdict:
    """Return what the gate says of the best candidate where there is no champion."""
    best, primary = found.best, found.primary
    bounds = found.skill_bounds(best)
    evidence = Evidence(
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
    return decide(evidence, None, "2010-01-01T00:00:00Z")


def main() -> None:
    """Print how many were promoted, and the best skill, of each task."""
    delivery = read_delivery(FILE, load_profile("uci_sceaux"))
    whole = ReadingTable.of(delivery.frame, delivery.zone)
    table = whole.take(whole.ts_s >= whole.ts_s.max() - DAYS * DAY_S)
    for task in ("reading", "ahead"):
        promoted, skills = 0, []
        for seed in range(SEEDS):
            shuffled = noise(table, seed)
            split = hold_out(shuffled)
            if task == "reading":
                found = evaluate_candidates(TrainingData.of(shuffled), split, recipes())
            else:
                found = evaluate_ahead(shuffled, [split], ahead_recipes(), Ahead(hours=24))
            promoted += judged(found).promoted
            skills.append(found.skill(found.best)[found.primary] or 0.0)
        print(json.dumps({"task": task, "seeds": SEEDS, "promoted": promoted, "best_skill": round(max(skills), 5)}))


if __name__ == "__main__":
    main()
