"""What a backtest says: the JSON object of `meter backtest --json`, and the files of its report."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meter_core.contracts.finding import Finding
from meter_core.contracts.readings import IntArray
from meter_core.evaluation.bootstrap import standard_error
from meter_core.evaluation.breakdown import Slice, breakdown, groupings_of, temperatures
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.predictability import Predictability, predictability
from meter_core.evaluation.scores import LOSSES, Answers, losses, score, score_meters, strongest
from meter_core.evaluation.segments import load_segments
from meter_core.features.readings import ReadingTable
from meter_core.jobs.report_page import report_page


def content_of(
    evaluation: Evaluation,
    chosen: str,
    protocol: Mapping[str, Any],
    findings: tuple[Finding, ...],
    slices: Mapping[str, list[Slice]],
    expected: Mapping[str, Predictability],
) -> dict[str, Any]:
    """Return the JSON object."""
    rows, answers = evaluation.rows, evaluation.candidates[chosen].answers[0]
    _, each = score_meters(rows.measured_kwh, answers, rows.meter)
    bounds = {name: evaluation.skill_bounds(chosen, name) for name in LOSSES}
    return {
        "candidates": {
            name: scores | {f"out_of_sample_{evaluation.primary}": evaluation.candidates[name].out_of_sample}
            for name, scores in evaluation.candidate_scores.items()
        },
        "chosen": chosen,
        "metrics": evaluation.candidate_scores[chosen],
        "baselines": evaluation.baseline_scores,
        "strongest": {name: strongest(evaluation.baseline_scores, name) for name in LOSSES},
        "skill": evaluation.skill(chosen),
        "skill_bounds": {name: None if bound is None else asdict(bound) for name, bound in bounds.items()},
        "coverage": evaluation.candidate_scores[chosen]["coverage"],
        "per_meter": dict(zip(rows.meter_id.tolist(), each, strict=True)),
        "predictability": {meter_id: each.as_dict() for meter_id, each in expected.items()},
        "standard_errors": _standard_errors(evaluation),
        "breakdown": {by: [each.as_dict() for each in of_kind] for by, of_kind in slices.items()},
        "total": evaluation.totals.get(chosen) or _total(evaluation, answers),
        "protocol": protocol,
        "rows": len(rows),
        "origins": len(np.unique(rows.origin_s)),
        "findings": [finding.as_dict() for finding in findings],
    }


def slices_of(evaluation: Evaluation, chosen: str, table: ReadingTable) -> dict[str, list[Slice]]:
    """Return the chosen candidate's scores by hour, horizon, meter, segment and temperature, as far as known."""
    rows = evaluation.rows
    segments = load_segments(table, evaluation.splits[0].fit_until_s) if len(rows.meter_id) > 1 else {}
    return breakdown(evaluation, chosen, groupings_of(rows, segments, temperatures(table, rows)))


def expected_of(evaluation: Evaluation, table: ReadingTable) -> dict[str, Predictability]:
    """Return what error was to be expected of each scored meter, from what lay before the test."""
    scored = set(evaluation.rows.meter_id.tolist())
    found = predictability(table, evaluation.splits[0].fit_until_s)
    return {each.meter_id: each for each in found if each.meter_id in scored}


def _standard_errors(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    """Return the standard error of each score of everything."""
    answers = {name: each.answers[0] for name, each in evaluation.candidates.items()}
    answers |= {name: each.answers for name, each in evaluation.baselines.items() if each is not None}
    rows = evaluation.rows
    return {
        name: {
            loss: standard_error(values, rows.meter, rows.ts_s, loss == "rmse")
            for loss, values in losses(rows.measured_kwh, said).items()
        }
        for name, said in answers.items()
    }


def _total(evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    """Return the scores of the meters' sum where all were measured. Means add up; quantiles do not."""
    rows = evaluation.rows
    _, at = np.unique(rows.ts_s, return_inverse=True)
    whole = np.bincount(at) == len(rows.meter_id)
    measured = np.bincount(at, weights=rows.measured_kwh)[whole]
    mean = np.bincount(at, weights=answers.mean_kwh)[whole]
    if not whole.any():
        return {"rows": 0}
    scores = score(measured, Answers(mean, np.stack([mean] * 3, axis=1)))
    return {"rows": int(whole.sum())} | {name: scores[name] for name in ("rmse", "r2", "nmbe", "cv_rmse")}


def write_report(
    out: Path, evaluation: Evaluation, chosen: str, content: Mapping[str, Any], slices: Mapping[str, list[Slice]]
) -> None:
    """Write the page, the JSON object and the scored rows into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "backtest.json").write_text(json.dumps(content, indent=1))
    (out / "report.html").write_text(report_page(evaluation, chosen, content, slices), encoding="utf-8")
    rows, answers = evaluation.rows, evaluation.candidates[chosen].answers[0]
    frame = pd.DataFrame(
        {
            "meter_id": rows.meter_id[rows.meter],
            "origin_ts": _stamps(rows.origin_s),
            "reading_ts": _stamps(rows.ts_s),
            "measured_kwh": rows.measured_kwh,
            "units_kwh": answers.mean_kwh,
            "low_kwh": answers.quantiles_kwh[:, 0],
            "median_kwh": answers.quantiles_kwh[:, 1],
            "high_kwh": answers.quantiles_kwh[:, 2],
        }
    )
    frame.to_csv(out / "scored_rows.csv", index=False)


def _stamps(ts_s: IntArray) -> pd.Index:
    """Return instants in UTC seconds as ISO 8601."""
    return pd.to_datetime(ts_s, unit="s", utc=True).strftime("%Y-%m-%dT%H:%M:%SZ")
