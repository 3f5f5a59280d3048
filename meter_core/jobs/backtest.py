"""`meter backtest`: a model and every baseline, fitted and scored on time splits of one file, without a database."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from meter_core.calendar import DAY_S, iso_utc, zone_of
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.plain_json import plain
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.leaks import leak_findings
from meter_core.evaluation.reading import evaluate_candidates
from meter_core.evaluation.scores import LOSSES, Answers, score, score_meters, strongest
from meter_core.evaluation.splits import Split, split_at
from meter_core.features.readings import ReadingTable
from meter_core.models.fit import EMBARGO_S, TrainingData
from meter_core.models.recipes import recipes
from meter_core.quality.check import check
from meter_core.sources import Kind, load_profile, read_delivery

REFITS: Final = ("none", "28d", "month")


@dataclass(frozen=True)
class BacktestResult:
    """What a backtest found.

    Attributes:
        evaluation: answers and scores of everything.
        chosen: the candidate with the lowest error inside the training window: the choice did not see the test.
        content: the JSON object of `meter backtest --json`.
        findings: leaks (errors), and what a reader of the scores should know.
    """

    evaluation: Evaluation
    chosen: str
    content: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def leaking(self) -> bool:
        """Whether the leak check says that the scores are not to be believed."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return dict(self.content)


def backtest(
    file: Path,
    profile: str,
    task: str = "reading",
    *,
    test_from: date,
    until: date | None = None,
    features: str = "snapshot",
    refit: str = "none",
    zone: str | None = None,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> BacktestResult:
    """Fit the candidates of a task before the test and score them in it, beside every baseline on the same rows.

    Args:
        file: a delivery.
        profile: name of a built-in profile, or a YAML file.
        task: `reading`.
        test_from: first day of the test, from local midnight of the meters; an aware datetime is taken as it is.
            Models learn from what begins 24 hours or more before.
        until: the day after the last one; the end of the file where None.
        features: `snapshot` or `history`.
        refit: `none`, `28d` or `month`: how often candidates are fitted anew.
        zone: IANA zone of the meters, in place of the profile's.
        out: folder for `backtest.json` and `scored_rows.csv`.
        progress: is told what is being done.

    Raises:
        UsageError: a task, refit or feature set that does not exist; dates in the wrong order.
        SourceError: the file cannot be read.
        RefusedError: `meter ingest` would stop the file too, or too few measured readings before or in the test.
    """
    if task != "reading":
        raise UsageError(f"task {task!r} cannot be backtested; say reading")
    candidates = recipes(features)
    progress(f"reading {file.name}")
    table, where = _table(file, profile, zone)
    splits = _splits(table, where, test_from, until, refit)
    progress(f"computing features of {len(table):,} readings")
    data = TrainingData.of(table)
    progress(f"fitting {' and '.join(candidates)}, {len(splits)} times")
    evaluation = evaluate_candidates(data, splits, candidates)
    findings = (*leak_findings(data, features), *evaluation.findings)
    chosen = evaluation.chosen_before
    protocol = _protocol(evaluation, task, features, refit, where)
    content = plain(_content(evaluation, chosen, protocol, findings))
    if out is not None:
        _write(out, evaluation, chosen, content)
    return BacktestResult(evaluation, chosen, content, findings)


def _table(file: Path, profile: str, zone: str | None) -> tuple[ReadingTable, str]:
    """Return the readings of a file that pass the quality rules, and their zone."""
    delivery = read_delivery(file, load_profile(profile), zone)
    means = [name for name, kind in delivery.profile.quantities.items() if kind is Kind.INTERVAL_MEAN]
    verdict = check(delivery.frame, file_name=delivery.file_name)
    if verdict.stopped_reason is not None:
        raise RefusedError(verdict.stopped_reason)
    return ReadingTable.of(verdict.frame, delivery.zone, interval_means=means), delivery.zone


def _splits(table: ReadingTable, zone: str, test_from: date, until: date | None, refit: str) -> list[Split]:
    """Return one split for each refit."""
    if refit not in REFITS:
        raise UsageError(f"refit {refit!r} is unknown; say {', '.join(REFITS)}")
    where = zone_of(zone)
    begins = _instant(test_from, where)
    ends = int((table.ts_s + table.interval_minutes * 60).max()) if len(table) else 0
    ends = ends if until is None else min(ends, _instant(until, where))
    if begins >= ends:
        raise UsageError(
            f"the test would begin at {iso_utc(begins)} and end at {iso_utc(ends)}: give an earlier --test-from"
        )
    edges = [begins]
    while (following := _next_refit(edges[-1], refit, where, ends)) < ends:
        edges.append(following)
    return [split_at(start, stop) for start, stop in zip(edges, [*edges[1:], ends], strict=True)]


def _next_refit(since_s: int, refit: str, where: ZoneInfo, ends_s: int) -> int:
    """Return when the model is fitted anew after an instant."""
    if refit == "none":
        return ends_s
    if refit == "28d":
        return since_s + 28 * DAY_S
    local = datetime.fromtimestamp(since_s, where)
    return _instant((local.replace(day=1) + timedelta(days=32)).replace(day=1).date(), where)


def _instant(day: date, where: ZoneInfo) -> int:
    """Return the UTC second at which a local day begins, or of an aware datetime."""
    at = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local midnight
    return int((at if at.tzinfo else at.replace(tzinfo=where)).timestamp())


def _protocol(evaluation: Evaluation, task: str, features: str, refit: str, zone: str) -> dict[str, Any]:
    """Return how the scores came about."""
    first, last = evaluation.splits[0], evaluation.splits[-1]
    seeds = sorted({seed for candidate in evaluation.candidates.values() for seed in candidate.seeds})
    return {
        "task": task,
        "features": features,
        "zone": zone,
        "fit_until_ts": iso_utc(first.fit_until_s),
        "test_from_ts": iso_utc(first.test_from_s),
        "test_until_ts": iso_utc(last.test_until_s),
        "embargo_hours": EMBARGO_S // 3600,
        "refit": refit,
        "refits": len(evaluation.splits),
        "seeds": seeds,
        "seeds_note": "one seed where no other can change a fit: nothing is drawn at random up to 200,000 rows",
        "choice": "lowest RMSE on folds inside the training window",
        "weather": "none",
        "rows": len(evaluation.rows),
    }


def _content(
    evaluation: Evaluation, chosen: str, protocol: Mapping[str, Any], findings: tuple[Finding, ...]
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
        "total": _total(evaluation, answers),
        "protocol": protocol,
        "rows": len(rows),
        "origins": len(np.unique(rows.origin_s)),
        "findings": [finding.as_dict() for finding in findings],
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


def _write(out: Path, evaluation: Evaluation, chosen: str, content: Mapping[str, Any]) -> None:
    """Write the JSON object and the scored rows into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "backtest.json").write_text(json.dumps(content, indent=1))
    rows, answers = evaluation.rows, evaluation.candidates[chosen].answers[0]
    frame = pd.DataFrame(
        {
            "meter_id": rows.meter_id[rows.meter],
            "reading_ts": pd.to_datetime(rows.ts_s, unit="s", utc=True).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "measured_kwh": rows.measured_kwh,
            "units_kwh": answers.mean_kwh,
            "low_kwh": answers.quantiles_kwh[:, 0],
            "median_kwh": answers.quantiles_kwh[:, 1],
            "high_kwh": answers.quantiles_kwh[:, 2],
        }
    )
    frame.to_csv(out / "scored_rows.csv", index=False)
