"""What a training leaves behind: the run folder with model, predictor, plots and tables."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meter_core.calendar import iso_utc
from meter_core.contracts.models import DIGEST_TAG, EXPERIMENTS, PREDICTOR_FOLDER
from meter_core.contracts.plain_json import plain
from meter_core.evaluation.gate_evidence import Policy
from meter_core.evaluation.recipe_identity import identity
from meter_core.jobs.model_card import model_card
from meter_core.jobs.training import RANDOM_SPLIT, SCORES, Training, evidence
from meter_core.jobs.training_figures import metrics, note, params
from meter_core.jobs.training_models import model_parts
from meter_core.jobs.training_plots import HoldOut, save_plots
from meter_core.models.forecaster import Forecaster
from meter_core.models.part import Line
from meter_core.models.predictor import Predictor
from meter_core.registry.digest import folder_digest
from meter_core.registry.runs import ARTIFACTS_FOLDER, MODEL_FOLDER, TrainingRun, write_run
from meter_core.registry.runs import TrainingData as DataNote


def write_training(training: Training, folder: Path, policy: Policy) -> None:
    """Fill a run folder."""
    main, *others = model_parts(training.final)
    main.save(folder / MODEL_FOLDER)
    for part in others:
        part.save(folder / MODEL_FOLDER / part.name)
    predictor = folder / MODEL_FOLDER / PREDICTOR_FOLDER
    training.final.predictor.save(predictor)
    artifacts = folder / ARTIFACTS_FOLDER
    save_plots(_hold_out(training), artifacts / "plots")
    _save_tables(training, artifacts)
    write_run(folder, _run(training, folder_digest(predictor), main.name, policy))


def predictor_digest(predictor: Predictor | Forecaster) -> str:
    """Return the digest that a version with this predictor is registered under."""
    with tempfile.TemporaryDirectory(prefix="meter-predictor-") as scratch:
        predictor.save(Path(scratch))
        return folder_digest(Path(scratch))


def _run(training: Training, digest: str, main: str, policy: Policy) -> TrainingRun:
    """Return what MLflow will be told in words and figures."""
    known, primary = training.final.predictor.about, training.evaluation.primary
    since, until = str(known["training_from_ts"]), str(known["training_until_ts"])
    rows = int((~np.isnan(training.table.units_kwh)).sum())
    return TrainingRun(
        name=training.name,
        experiment=EXPERIMENTS[training.task],
        model=training.model,
        started_ms=int(training.started.timestamp() * 1000),
        ended_ms=int(datetime.now(UTC).timestamp() * 1000),
        data=DataNote("meter_reading", training.digest, since, until, rows),
        params=params(training, since, until),
        metrics=metrics(training),
        tags={"task": training.task, "recipe": training.final.recipe.name, "data_digest": training.digest},
        version_tags={
            DIGEST_TAG: digest,
            "task": training.task,
            "recipe": training.final.recipe.name,
            "recipe_identity": identity(training.final.recipe),
            "trained_from": since,
            "trained_until": until,
            "data_digest": training.digest,
            primary: f"{training.evaluation.candidate_scores[training.winner][primary]:.6f}",
        },
        note=note(training, since, until, main),
        evidence=plain(evidence(training).as_dict()),
        policy=asdict(policy),
    )


def _save_tables(training: Training, folder: Path) -> None:
    """Write scores, coefficients and findings as files that MLflow shows."""
    evaluation = training.evaluation
    rows = [
        {"name": name, "kind": kind, **{key: (scores or {}).get(key) for key in SCORES}}
        for kind, group in (("candidate", evaluation.candidate_scores), ("baseline", evaluation.baseline_scores))
        for name, scores in group.items()
    ]
    published = {name: scores for name, scores in training.random_split.items() if isinstance(scores, Mapping)}
    rows += [{"name": name, "kind": RANDOM_SPLIT, **scores} for name, scores in published.items()]
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    coefficients = _coefficients(training)
    if coefficients:
        pd.DataFrame(coefficients).to_csv(folder / "coefficients.csv", index=False)
    said = {
        "findings": [finding.as_dict() for finding in training.findings],
        "about": dict(training.final.predictor.about),
    }
    (folder / "model_card.md").write_text(model_card(training), encoding="utf-8")
    (folder / "model_card.json").write_text(json.dumps(plain(said), indent=1, sort_keys=True))


def _coefficients(training: Training) -> list[dict[str, Any]]:
    """Return the linear candidate's coefficients: of the winner where it won, else of its fit before the hold-out."""
    linear = training.evaluation.candidates.get("linear")
    if linear is None:
        return []
    fitted = training.final if training.winner == "linear" else linear.fitted
    rows: list[dict[str, Any]] = []
    for part in model_parts(fitted):
        if isinstance(part.model, Line):
            rows.append({"part": part.name, "feature": "intercept", "kw_per_unit": part.model.intercept})
            pairs = zip(part.used, part.model.coefficients.tolist(), strict=True)
            rows += [{"part": part.name, "feature": name, "kw_per_unit": value} for name, value in pairs]
            rows += [{"part": part.name, "feature": name, "kw_per_unit": None} for name in part.empty]
    return rows


def _hold_out(training: Training) -> HoldOut:
    """Return the winner's answers on the hold-out, for the plots."""
    evaluation = training.evaluation
    answers = evaluation.candidates[training.winner].answers[0]
    window = f"{iso_utc(training.split.test_from_s)[:10]} to {iso_utc(training.split.test_until_s)[:10]}"
    return HoldOut(
        ts_s=evaluation.rows.ts_s,
        actual=evaluation.rows.measured_kwh,
        predicted=answers.mean_kwh,
        low=answers.quantiles_kwh[:, 0],
        high=answers.quantiles_kwh[:, -1],
        local_hour=evaluation.rows.local_hour,
        title=f"{training.winner}, hold-out {window}, fitted on what lies before",
    )
