"""What a training knows when it is done, and what the gate and the model card are told of it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.contracts.plain_json import plain
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.gate_evidence import Comparison, Evidence, Segment
from meter_core.evaluation.recipe_identity import identity, named
from meter_core.evaluation.segment_comparison import segments_against
from meter_core.evaluation.segments import load_segments
from meter_core.evaluation.splits import Split
from meter_core.features.readings import ReadingTable
from meter_core.features.weather import PlaceWeather
from meter_core.models.fit import Fitted
from meter_core.models.fit_ahead import FittedAhead
from meter_core.models.forecaster import Forecaster
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe
from meter_core.registry.rest import ModelRef

SCORES = ("rmse", "mae", "r2", "pinball", "coverage", "nmbe", "cv_rmse")
RANDOM_SPLIT = "random_split_70_30"

Progress = Callable[..., None]


@dataclass(frozen=True, slots=True)
class StandingModel:
    """The champion that stands, as it could be had.

    Attributes:
        ref: What the registry says of it.
        predictor: Its export.
    """

    ref: ModelRef
    predictor: Predictor | Forecaster


@dataclass(frozen=True, slots=True)
class Ground:
    """What a training of any task begins with.

    Attributes:
        name: Of the run.
        started: When it began.
        table: All readings.
        interval_means: Quantities that a source delivers as means of their interval.
        champion: That stands; None where there is none or it could not be had.
        segments: Of meters that have one on record.
        candidates: Names of those to compare; None: the task's own.
    """

    name: str
    started: datetime
    table: ReadingTable
    interval_means: tuple[str, ...]
    champion: StandingModel | None
    segments: Mapping[str, str] = field(default_factory=dict)
    candidates: Sequence[str] | None = None


@dataclass(frozen=True)
class Training:
    """Everything a training knows when it is done.

    Attributes:
        task: `reading` or `ahead`.
        name: Of the run.
        started: When it began.
        table: All readings.
        digest: Of the rows learnt from.
        split: Hold-out.
        evaluation: Candidates and baselines on the hold-out.
        final: The winner, fitted on everything.
        random_split: Scores of the published, leaky protocol, by candidate; none ahead, where nobody publishes such.
        champion: That stood; None where there is none or it could not be had.
        refresh: The winner against the champion itself, where that has learnt from no more.
        segments: The winner against the champion's recipe, by segment of meters.
        findings: Of leak check and evaluation.
    """

    task: str
    name: str
    started: datetime
    table: ReadingTable
    digest: str
    split: Split
    evaluation: Evaluation
    final: Fitted | FittedAhead
    random_split: Mapping[str, Any]
    champion: ModelRef | None
    refresh: Comparison | None
    segments: Sequence[Segment]
    findings: Sequence[Finding]

    @property
    def model(self) -> str:
        """Registered model."""
        return REGISTERED_MODELS[self.task]

    @property
    def winner(self) -> str:
        """Name of the best candidate."""
        return self.evaluation.best


def data_digest(table: ReadingTable) -> str:
    """Return the digest of the readings to learn from: equal readings, equal digest, whatever order they came in."""
    rows = table.take(~np.isnan(table.units_kwh))
    total = hashlib.sha256()
    for name in sorted(rows.__dataclass_fields__):
        values = getattr(rows, name)
        texts = values.dtype == object
        content = "\0".join(_words(values)).encode() if texts else np.ascontiguousarray(values).tobytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"sha256:{total.hexdigest()}"


def _words(values: NDArray[np.object_]) -> list[str]:
    """Return names as they are, and digests of weather."""
    digests = {each: each.digest() for each in set(values.tolist()) if isinstance(each, PlaceWeather)}
    return [digests.get(each, each or "") for each in values.tolist()]


def evidence(training: Training) -> Evidence:
    """Return what the promotion gate decides on."""
    evaluation, winner = training.evaluation, training.winner
    identities = {name: identity(candidate.recipe) for name, candidate in evaluation.candidates.items()}
    bounds = evaluation.skill_bounds(winner)
    others = [evaluation.comparison(winner, name) for name in evaluation.candidates if name != winner]
    primary = evaluation.primary
    return Evidence(
        recipe=winner,
        score=primary,
        value=evaluation.candidate_scores[winner][primary],
        baselines={name: scores[primary] if scores else None for name, scores in evaluation.baseline_scores.items()},
        skill=evaluation.skill(winner)[primary],
        skill_low=bounds.one_sided_low if bounds else None,
        coverage=evaluation.candidate_scores[winner]["coverage"],
        rows=len(evaluation.rows),
        leaks=tuple(training.findings),
        others=tuple(replace(other, identity=identities[other.name]) for other in others if other is not None),
        refresh=training.refresh,
        segments=tuple(training.segments),
        identity=identities[winner],
        rmse=evaluation.candidate_scores[winner]["rmse"],
        skill_rmse=None if primary == "rmse" else evaluation.skill(winner)["rmse"],
    )


def segments(ground: Ground, evaluation: Evaluation, candidates: Mapping[str, Recipe], split: Split) -> list[Segment]:
    """Return the winner against the champion's recipe by segment: those on record, else what the load's shape says."""
    if ground.champion is None:
        return []
    known = {**load_segments(ground.table, split.fit_until_s), **ground.segments}
    return segments_against(evaluation, evaluation.best, named(candidates, ground.champion.predictor.about), known)


def learnt_until_s(about: Mapping[str, Any]) -> float:
    """Return the end of what a predictor has learnt from, UTC seconds."""
    return datetime.fromisoformat(str(about["training_until_ts"])).timestamp()


def refuse_leaks(leaks: Sequence[Finding]) -> None:
    """Fail the training where a feature knows what it is to predict: no score of it would mean anything."""
    errors = [leak.message for leak in leaks if leak.severity is Severity.ERROR]
    if errors:
        raise RefusedError(f"the leak check failed the training: {' '.join(errors)}")


def card_of(
    task: str, ground: Ground, digest: str, split: Split, evaluation: Evaluation, random_split: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the model card says beside what the predictor knows itself.

    No duration: the same readings and recipes have to give the same predictor, bit for bit.
    """
    best = evaluation.best
    scores = {
        name: {key: value for key, value in each.items() if key != "seconds"}
        for name, each in evaluation.candidate_scores.items()
    }
    return plain(
        {
            "task": task,
            "data_digest": digest,
            "hold_out_from_ts": datetime.fromtimestamp(split.test_from_s, UTC).isoformat(),
            "hold_out_until_ts": datetime.fromtimestamp(split.test_until_s, UTC).isoformat(),
            "hold_out_rows": len(evaluation.rows),
            "metrics": scores[best],
            "candidates": scores,
            "baselines": evaluation.baseline_scores,
            "skill": evaluation.skill(best),
            "random_split": random_split,
            "interval_means": ground.interval_means,
        }
    )
