"""What an evaluation found: candidates and baselines on identical rows that no model had seen, and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.baselines import DEFINED_SHARE, Baseline
from meter_core.evaluation.bootstrap import SkillBounds, skill_bounds
from meter_core.evaluation.gate_evidence import Comparison
from meter_core.evaluation.scores import Answers, losses, skills, strongest
from meter_core.evaluation.splits import Split
from meter_core.models.fit import Fitted
from meter_core.models.fit_ahead import FittedAhead
from meter_core.models.recipes import Recipe

LossName = Literal["rmse", "mae", "pinball"]


@dataclass(frozen=True)
class Rows:
    """The rows that everything is scored on.

    Attributes:
        measured_kwh: (n,) energy.
        meter: (n,) number of each row's meter in `meter_id`.
        ts_s: (n,) UTC seconds.
        origin_s: (n,) UTC seconds at which each was predicted; of readings their own start.
        local_hour: (n,) 0..23 on the meters' clocks.
        meter_id: (m,) the meters.
    """

    measured_kwh: FloatArray
    meter: IntArray
    ts_s: IntArray
    origin_s: IntArray
    local_hour: IntArray
    meter_id: NDArray[np.str_]

    def __len__(self) -> int:
        """Return n."""
        return len(self.ts_s)


@dataclass(frozen=True)
class Candidate:
    """A recipe's answers on the rows, one set a seed.

    Attributes:
        recipe: that was fitted.
        answers: of each seed.
        seeds: that were fitted: one where no seed can change the fit.
        out_of_sample: primary score on the walk-forward folds inside the training window, kW.
        seconds: one fit took, its range included.
        fitted: the last fit of the last split with the first seed.
        snapshot_only: of each seed, had the readings come without history; empty where that is no question.
        used_history: share of the rows that the part with history answered; None likewise.
    """

    recipe: Recipe
    answers: tuple[Answers, ...]
    seeds: tuple[int, ...]
    out_of_sample: float
    seconds: float
    fitted: Fitted | FittedAhead
    snapshot_only: tuple[Answers, ...] = ()
    used_history: float | None = None


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
        primary: the score that candidates are chosen and promoted by: `rmse` for readings, `pinball` ahead.
        totals: by candidate, scores of the meters' sum, where joint paths say what it is.
        findings: what a reader of the scores should know.
    """

    rows: Rows
    candidates: Mapping[str, Candidate]
    baselines: Mapping[str, Baseline | None]
    candidate_scores: Mapping[str, dict[str, Any]]
    baseline_scores: Mapping[str, dict[str, float] | None]
    splits: tuple[Split, ...]
    primary: LossName = "rmse"
    totals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def best(self) -> str:
        """The candidate with the lowest primary score on the scored rows."""
        return min(self.candidate_scores, key=lambda name: float(self.candidate_scores[name][self.primary]))

    @property
    def chosen_before(self) -> str:
        """The candidate with the lowest primary score inside the training window: chosen without the test."""
        return min(self.candidates, key=lambda name: self.candidates[name].out_of_sample)

    def skill(self, name: str) -> dict[str, float | None]:
        """Return a candidate's skill over the strongest baseline, by score."""
        return skills(self.candidate_scores[name], self.baseline_scores)

    def skill_bounds(self, name: str, loss: LossName | None = None) -> SkillBounds | None:
        """Return the bootstrap bounds of that skill; None without a baseline or with less than two weeks."""
        loss = loss or self.primary
        against = strongest(self.baseline_scores, loss)
        baseline = None if against is None else self.baselines[against]
        if baseline is None:
            return None
        other = losses(self.rows.measured_kwh, baseline.answers)[loss]
        return self._bounds(self._loss(name, loss), other, loss)

    def comparison(self, name: str, other: str) -> Comparison | None:
        """Return how much better one candidate is than another on the same rows; None with less than two weeks."""
        bounds = self._bounds(self._loss(name, self.primary), self._loss(other, self.primary), self.primary)
        return None if bounds is None else Comparison(other, bounds.value, bounds.one_sided_low, len(self.rows))

    def compared_with(
        self, name: str, answers: Answers, called: str, rows: NDArray[np.bool_] | None = None
    ) -> Comparison | None:
        """Return how much better a candidate is than given answers, on the rows of a mask (all where None)."""
        chosen = np.ones(len(self.rows), dtype=bool) if rows is None else rows
        if not chosen.any():
            return None
        _, meter = np.unique(self.rows.meter[chosen], return_inverse=True)
        other = losses(self.rows.measured_kwh, answers)[self.primary]
        ts_s, root = self.rows.ts_s[chosen], self.primary == "rmse"
        bounds = skill_bounds(self._loss(name, self.primary)[chosen], other[chosen], meter, ts_s, root)
        return None if bounds is None else Comparison(called, bounds.value, bounds.one_sided_low, int(chosen.sum()))

    def _loss(self, name: str, loss: LossName) -> FloatArray:
        """Return (n,) a candidate's losses, the mean over its seeds."""
        each = [losses(self.rows.measured_kwh, answers)[loss] for answers in self.candidates[name].answers]
        return np.asarray(np.mean(each, axis=0))

    def _bounds(self, loss: FloatArray, other: FloatArray, name: str) -> SkillBounds | None:
        """Return the bootstrap of two columns of losses on the rows."""
        return skill_bounds(loss, other, self.rows.meter, self.rows.ts_s, root=name == "rmse")


def evaluation_findings(baselines: Mapping[str, Baseline | None], candidates: Mapping[str, Candidate]) -> list[Finding]:
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
