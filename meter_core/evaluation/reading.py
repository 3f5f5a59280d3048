"""Evaluation of the task `reading`: every candidate and every baseline on identical rows that no model had seen."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.features import FEATURES
from meter_core.contracts.readings import IntArray
from meter_core.evaluation.baselines import BASELINES, Baseline, reading_baselines
from meter_core.evaluation.evaluated import Candidate, Evaluation, Rows, evaluation_findings
from meter_core.evaluation.naives import naive_columns
from meter_core.evaluation.scores import Answers, average, score_meters
from meter_core.evaluation.splits import Split
from meter_core.features.readings import ReadingTable, batches
from meter_core.models.candidates import seed_matters
from meter_core.models.fit import MOST_ROWS, Fitted, TrainingData, fit_predictor
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe

SEEDS: Final = (0, 1, 2)


def evaluate_candidates(
    data: TrainingData,
    splits: Split | Sequence[Split],
    candidates: Mapping[str, Recipe],
    seeds: Sequence[int] = SEEDS,
) -> Evaluation:
    """Fit every candidate before each split's test and score it there, beside every baseline.

    Args:
        data: readings with features.
        splits: one, or several whose tests follow each other: a refit at the beginning of each.
        candidates: recipes by name.
        seeds: each candidate is fitted with all of them, unless no seed can change its fit.

    Raises:
        RefusedError: where a test has no measured reading, or a training window too few.
    """
    windows = (splits,) if isinstance(splits, Split) else tuple(splits)
    test = [split.test_rows(data.table) for split in windows]
    if not any(mask.any() for mask in test):
        raise RefusedError("no reading with a measured energy lies in the test window; choose another one")
    order = np.concatenate([np.flatnonzero(mask) for mask in test])
    rows = _rows(data, order)
    evaluated = {name: _candidate(data, windows, recipe, seeds) for name, recipe in candidates.items()}
    baselines = _baselines(data, windows)
    return Evaluation(
        rows=rows,
        candidates=evaluated,
        baselines=baselines,
        candidate_scores={name: _candidate_scores(rows, candidate) for name, candidate in evaluated.items()},
        baseline_scores={
            name: None if one is None else score_meters(rows.measured_kwh, one.answers, rows.meter)[0]
            for name, one in baselines.items()
        },
        splits=windows,
        findings=tuple(evaluation_findings(baselines, evaluated)),
    )


def _rows(data: TrainingData, order: IntArray) -> Rows:
    """Return the rows that everything is scored on."""
    table = data.table.take(order)
    meter_id, meter = np.unique(table.meter_id.astype(str), return_inverse=True)
    hour = data.matrix[order, FEATURES.index("local_hour")].astype(np.int64)
    return Rows(table.units_kwh, meter, table.ts_s, table.ts_s, hour, meter_id)


def answers_of(
    predictor: Predictor, table: ReadingTable, rows: NDArray[Any], history: bool = True
) -> tuple[Answers, NDArray[np.bool_]]:
    """Return a predictor's answers for some rows of a table, in its order, and which of them used history."""
    parts = [predictor.predict(batch) for _, batch in batches(table, rows, history)]
    quantiles = [predictor.quantiles_kwh(batch) for _, batch in batches(table, rows, history)]
    if not parts:
        return Answers(np.empty(0), np.empty((0, 3))), np.empty(0, dtype=bool)
    answers = Answers(np.concatenate([part.units_kwh for part in parts]), np.concatenate(quantiles))
    return answers, np.concatenate([part.used_history for part in parts])


def _candidate(data: TrainingData, windows: Sequence[Split], recipe: Recipe, seeds: Sequence[int]) -> Candidate:
    """Return a recipe's answers with each seed that matters."""
    fit_rows = min(MOST_ROWS, int(windows[-1].fit_rows(data.table).sum()))
    tried = tuple(seeds) if seed_matters(recipe, fit_rows) else tuple(seeds[:1])
    each = [_answers_of_seed(data, windows, recipe, seed) for seed in tried]
    fitted = each[0].fitted
    return Candidate(
        recipe=recipe,
        answers=tuple(one.answers for one in each),
        snapshot_only=tuple(one.snapshot_only for one in each if one.snapshot_only is not None),
        used_history=float(each[0].used_history.mean()),
        seeds=tried,
        out_of_sample=fitted.out_of_sample.get("history", fitted.out_of_sample["snapshot"]),
        seconds=float(np.mean([one.seconds for one in each])),
        fitted=fitted,
    )


@dataclass(frozen=True, slots=True)
class _OfSeed:
    answers: Answers
    snapshot_only: Answers | None
    used_history: NDArray[np.bool_]
    seconds: float
    fitted: Fitted


def _answers_of_seed(data: TrainingData, windows: Sequence[Split], recipe: Recipe, seed: int) -> _OfSeed:
    """Return the answers of one seed over all splits."""
    answers, alone, used, seconds = [], [], [], []
    for split in windows:
        began = time.perf_counter()
        fitted = fit_predictor(data, recipe, split.fit_rows(data.table), seed)
        seconds.append(time.perf_counter() - began)
        test = split.test_rows(data.table)
        said, with_history = answers_of(fitted.predictor, data.table, test)
        answers.append(said)
        used.append(with_history)
        if fitted.predictor.history is not None:
            alone.append(answers_of(fitted.predictor, data.table, test, history=False)[0])
    snapshot_only = _joined(alone) if len(alone) == len(answers) else None
    return _OfSeed(_joined(answers), snapshot_only, np.concatenate(used), float(np.mean(seconds)), fitted)


def _baselines(data: TrainingData, windows: Sequence[Split]) -> dict[str, Baseline | None]:
    """Return the baselines over all splits."""
    naives = naive_columns(data.table)
    parts = [reading_baselines(data, split, naives) for split in windows]
    sizes = [int(split.test_rows(data.table).sum()) for split in windows]
    joined: dict[str, Baseline | None] = {}
    for name in BASELINES:
        each = [part[name] for part in parts]
        defined = [0.0 if one is None else one.defined for one in each]
        share = float(np.average(defined, weights=sizes))
        whole = [one.answers for one in each if one is not None]
        joined[name] = Baseline(_joined(whole), share) if len(whole) == len(parts) else None
    return joined


def _joined(answers: Sequence[Answers]) -> Answers:
    """Return the answers of all splits in a row."""
    return Answers(
        np.concatenate([one.mean_kwh for one in answers]), np.concatenate([one.quantiles_kwh for one in answers])
    )


def _candidate_scores(rows: Rows, candidate: Candidate) -> dict[str, Any]:
    """Return the mean scores over meters and seeds."""
    scores: dict[str, Any] = dict(_mean_scores(rows, candidate.answers))
    scores |= {"seconds": candidate.seconds, "seeds": list(candidate.seeds), "used_history": candidate.used_history}
    if candidate.snapshot_only:
        scores["snapshot_only"] = _mean_scores(rows, candidate.snapshot_only)
    return scores


def _mean_scores(rows: Rows, answers: Sequence[Answers]) -> dict[str, float]:
    """Return the mean over seeds of the scores."""
    return average([score_meters(rows.measured_kwh, one, rows.meter)[0] for one in answers])
