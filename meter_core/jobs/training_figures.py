"""What MLflow shows of a training run: parameters, figures, and a description in words."""

import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from meter_core.calendar import iso_utc
from meter_core.jobs.training import RANDOM_SPLIT, SCORES, Training
from meter_core.models.fit import EMBARGO_S

_HOW_SCORED = (
    "Scored on {rows:,} rows from {since} on, fitted on what lies a day and more before; then fitted again on "
    "everything."
)
_WHAT_IT_TAKES = {
    "reading": "The scikit-learn model predicts the mean kW of the interval from the columns of its signature, all as "
    "doubles; kW times hours is kWh.",
    "ahead": "The scikit-learn model predicts the mean kW of a coming interval, in units of the meter's level, from "
    "the columns of its signature, all as doubles; the models of the quantiles lie in folders beside it.",
}
_PARTS = {
    "history": "It is the part that uses history; `snapshot/` beside it holds the part that needs none.",
    "snapshot": "It was trained without history.",
    "line": "It was trained without trees; `error/` beside it says how far it misses.",
    "mean": "Sums of hours and of meters come from joint sample paths, which only `predictor/` draws.",
}


def params(training: Training, since: str, until: str) -> dict[str, str]:
    """Return what the run was set up with."""
    recipe, split = training.final.recipe, training.split
    return {
        "recipe": recipe.name,
        "features": recipe.features,
        **{f"{recipe.name}.{name}": str(value) for name, value in recipe.settings.items()},
        "seeds": ",".join(map(str, training.evaluation.candidates[training.winner].seeds)),
        "trained_from": since,
        "trained_until": until,
        "hold_out_from": iso_utc(split.test_from_s),
        "hold_out_until": iso_utc(split.test_until_s),
        "hold_out_rows": str(len(training.evaluation.rows)),
        "embargo_hours": str(EMBARGO_S // 3600),
        "rows": json.dumps(dict(training.final.rows)),
        "meters": str(len(set(training.table.meter_id.tolist()))),
        "empty_features": ",".join(training.final.predictor.empty_features) or "none",
        "scikit_learn": version("scikit-learn"),
    }


def metrics(training: Training) -> dict[str, float]:
    """Return every figure under a name; the winner's own without a prefix."""
    evaluation, winner = training.evaluation, training.winner
    named: dict[str, Any] = {name: evaluation.candidate_scores[winner][name] for name in SCORES}
    named["training_seconds"] = training.final.seconds
    named |= {f"skill_{name}": value for name, value in evaluation.skill(winner).items()}
    bounds = evaluation.skill_bounds(winner)
    if bounds is not None:
        of = f"skill_{evaluation.primary}"
        named |= {f"{of}_low": bounds.one_sided_low, f"{of}_standard_error": bounds.standard_error}
    groups: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("candidate", evaluation.candidate_scores),
        ("baseline", evaluation.baseline_scores),
        (RANDOM_SPLIT, training.random_split),
    )
    for group, members in groups:
        named |= _flat(members, f"{group}/")
    return {name: float(value) for name, value in named.items() if _is_figure(value)}


def note(training: Training, since: str, until: str, main: str) -> str:
    """Return the description that MLflow shows with run and version, as Markdown."""
    evaluation, winner = training.evaluation, training.winner
    table = ["| | RMSE kWh | MAE kWh | pinball kWh | R2 |", "|---|--:|--:|--:|--:|"]
    everyone = {**evaluation.candidate_scores, **evaluation.baseline_scores}
    for name, scores in sorted(
        everyone.items(), key=lambda item: math.inf if not item[1] else item[1][evaluation.primary]
    ):
        if scores:
            bold = "**" if name in evaluation.candidates else ""
            figures = " | ".join(f"{scores[key]:.4f}" for key in ("rmse", "mae", "pinball", "r2"))
            table.append(f"| {bold}{name}{bold} | {figures} |")
    empty = training.final.predictor.empty_features
    parts = [
        f"`{winner}` for the task `{training.task}`, trained on readings from {since} to {until}.",
        _HOW_SCORED.format(rows=len(evaluation.rows), since=iso_utc(training.split.test_from_s)),
        "\n".join(table),
        _WHAT_IT_TAKES[training.task],
        _PARTS[main],
        "`predictor/` holds what batch and service use: the same as numbers.",
    ]
    if empty:
        parts.append(f"No value in the training window, so no weight: {', '.join(empty)}.")
    return "\n\n".join(parts)


def _flat(figures: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return nested figures under names like `baseline/mean/rmse`."""
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        flat |= _flat(value, f"{prefix}{name}/") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
