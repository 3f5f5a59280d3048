"""Evaluation of the task `reading`: every candidate and every baseline on identical rows that no model had seen."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.baselines import BASELINES, DEFINED_SHARE, Baseline, reading_baselines
from meter_core.evaluation.bootstrap import SkillBounds, skill_bounds
from meter_core.evaluation.naives import naive_columns
from meter_core.evaluation.promotion import Comparison
from meter_core.evaluation.scores import Answers, average, losses, score_meters, skills, strongest
from meter_core.evaluation.splits import Split
from meter_core.features.readings import ReadingTable, batches
from meter_core.models.estimators import seed_matters
from meter_core.models.fit import Fitted, TrainingData, fit_predictor
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe

SEEDS: Final = (0, 1, 2)

LossName = Literal["rmse", "mae", "pinball"]


@dataclass(frozen=True)
class Rows:
    """The rows that everything is scored on.

    Attributes:
        measured_kwh: (n,) energy.
        meter: (n,) number of each row's meter in `meter_id`.
        ts_s: (n,) UTC seconds.
        meter_id: (m,) the meters.
    """

    measured_kwh: FloatArray
    meter: IntArray
    ts_s: IntArray
    meter_id: NDArray[np.str_]

    def __len__(self) -> int:
        """Return n."""
        return len(self.ts_s)

    @classmethod
    def of(cls, table: ReadingTable) -> "Rows":
        """Return the rows of a table of measured readings."""
        meter_id, meter = np.unique(table.meter_id.astype(str), return_inverse=True)
        return cls(table.units_kwh, meter, table.ts_s, meter_id)


@dataclass(frozen=True)
class Candidate:
    """A recipe's answers on the rows, one set a seed.

    Attributes:
        recipe: that was fitted.
        answers: of each seed.
        snapshot_only: of each seed, had the readings come without history; empty for a recipe that uses none.
        used_history: share of the rows that the part with history answered.
        seeds: that were fitted: one where no seed can change the fit.
        out_of_sample_rmse: on the walk-forward folds inside the training window, kW.
        seconds: one fit took, its range included.
        fitted: the last fit of the last split with the first seed.
    """

    recipe: Recipe
    answers: tuple[Answers, ...]
    snapshot_only: tuple[Answers, ...]
    used_history: float
    seeds: tuple[int, ...]
    out_of_sample_rmse: float
    seconds: float
    fitted: Fitted


@dataclass(frozen=True)
class Evaluation:
    """What was scored, on what, and how sure it is.

    Attributes:
        rows: that everything was scored on.
        candidates: by name.
        baselines: by name, None where defined on less than 90 % of the rows.
        candidate_scores: by name: rmse, mae, pinball, coverage, r2, nmbe, cv_rmse as means over meters and seeds,
            seconds, and for a recipe with history `snapshot_only` with the same scores.
        baseline_scores: by name, None likewise.
        splits: the windows.
        findings: what a reader of the scores should know.
    """

    rows: Rows
    candidates: Mapping[str, Candidate]
    baselines: Mapping[str, Baseline | None]
    candidate_scores: Mapping[str, dict[str, Any]]
    baseline_scores: Mapping[str, dict[str, float] | None]
    splits: tuple[Split, ...]
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def best(self) -> str:
        """The candidate with the lowest RMSE on the scored rows."""
        return min(self.candidate_scores, key=lambda name: float(self.candidate_scores[name]["rmse"]))

    @property
    def chosen_before(self) -> str:
        """The candidate with the lowest RMSE on the folds inside the training window: chosen without the test."""
        return min(self.candidates, key=lambda name: self.candidates[name].out_of_sample_rmse)

    def skill(self, name: str) -> dict[str, float | None]:
        """Return a candidate's skill over the strongest baseline, by score."""
        return skills(self.candidate_scores[name], self.baseline_scores)

    def skill_bounds(self, name: str, loss: LossName = "rmse") -> SkillBounds | None:
        """Return the bootstrap bounds of that skill; None without a baseline or with less than two weeks."""
        against = strongest(self.baseline_scores, loss)
        baseline = None if against is None else self.baselines[against]
        if baseline is None:
            return None
        other = losses(self.rows.measured_kwh, baseline.answers)[loss]
        return self._bounds(self._loss(name, loss), other, loss)

    def comparison(self, name: str, other: str, loss: LossName = "rmse") -> Comparison | None:
        """Return how much better one candidate is than another on the same rows; None with less than two weeks."""
        bounds = self._bounds(self._loss(name, loss), self._loss(other, loss), loss)
        return None if bounds is None else Comparison(other, bounds.value, bounds.one_sided_low, len(self.rows))

    def compared_with(
        self, name: str, answers: Answers, called: str, rows: NDArray[np.bool_] | None = None
    ) -> Comparison | None:
        """Return how much better a candidate is than given answers, on the rows of a mask (all where None)."""
        chosen = np.ones(len(self.rows), dtype=bool) if rows is None else rows
        if not chosen.any():
            return None
        _, meter = np.unique(self.rows.meter[chosen], return_inverse=True)
        other = losses(self.rows.measured_kwh, answers)["rmse"]
        ts_s = self.rows.ts_s[chosen]
        bounds = skill_bounds(self._loss(name, "rmse")[chosen], other[chosen], meter, ts_s, root=True)
        return None if bounds is None else Comparison(called, bounds.value, bounds.one_sided_low, int(chosen.sum()))

    def _loss(self, name: str, loss: LossName) -> FloatArray:
        """Return (n,) a candidate's losses, the mean over its seeds."""
        each = [losses(self.rows.measured_kwh, answers)[loss] for answers in self.candidates[name].answers]
        return np.asarray(np.mean(each, axis=0))

    def _bounds(self, loss: FloatArray, other: FloatArray, name: str) -> SkillBounds | None:
        """Return the bootstrap of two columns of losses on the rows."""
        return skill_bounds(loss, other, self.rows.meter, self.rows.ts_s, root=name == "rmse")


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
    rows = Rows.of(data.table.take(order))
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
        findings=tuple(_findings(baselines, evaluated)),
    )


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
    fit_rows = int(windows[-1].fit_rows(data.table).sum())
    tried = tuple(seeds) if seed_matters(recipe, fit_rows) else tuple(seeds[:1])
    each = [_answers_of_seed(data, windows, recipe, seed) for seed in tried]
    fitted = each[0].fitted
    return Candidate(
        recipe=recipe,
        answers=tuple(one.answers for one in each),
        snapshot_only=tuple(one.snapshot_only for one in each if one.snapshot_only is not None),
        used_history=float(each[0].used_history.mean()),
        seeds=tried,
        out_of_sample_rmse=fitted.out_of_sample.get("history", fitted.out_of_sample["snapshot"]),
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


def _findings(baselines: Mapping[str, Baseline | None], candidates: Mapping[str, Candidate]) -> list[Finding]:
    """Return which baselines have no score, and which features no value."""
    undefined = [name for name, baseline in baselines.items() if baseline is None]
    findings = []
    if undefined:
        message = f"No score for {', '.join(undefined)}: defined on less than {DEFINED_SHARE:.0%} of the rows."
        findings.append(Finding("baseline_undefined", "baselines", Severity.INFO, message, {"baselines": undefined}))
    for name, candidate in candidates.items():
        empty = candidate.fitted.predictor.empty_features
        if empty:
            message = f"{', '.join(empty)}: no value in the training window, so no weight in {name}"
            findings.append(Finding("empty_feature", name, Severity.WARNING, message, {"features": list(empty)}))
    return findings
