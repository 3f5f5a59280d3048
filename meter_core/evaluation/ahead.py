"""Evaluation of the task `ahead`: every candidate and every baseline on identical intervals, origin by origin."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import RefusedError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.ahead_baselines import AHEAD_BASELINES, baseline_points, with_quantiles
from meter_core.evaluation.baselines import DEFINED_SHARE, Baseline
from meter_core.evaluation.evaluated import Candidate, Evaluation, Rows, evaluation_findings
from meter_core.evaluation.scores import Answers, score_meters
from meter_core.evaluation.splits import Split
from meter_core.evaluation.summed_paths import SummedPaths
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.history import HISTORY_DAYS
from meter_core.features.origins import Origins, daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.fit_ahead import FittedAhead, fit_forecaster
from meter_core.models.forecaster import Forecaster
from meter_core.models.recipes import Recipe

SEED: Final = 0
"""One: up to the samples that a fit takes, no seed can change it."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is forecast from where.

    Attributes:
        hours: how far each forecast reaches.
        first_hour: forecasts are scored from this hour after the origin.
        origin_hour: local hour of each day's origin.
    """

    hours: int = 24
    first_hour: int = 0
    origin_hour: int = 0


@dataclass(frozen=True, slots=True)
class ScoredMeter:
    """One meter's origins in the order of time, those of the weeks before the test too.

    Attributes:
        origins: what was known and what came.
        split: (n,) number of the window that each lies in, -1 before the test.
        scored: (n, h) whether an interval is scored: measured, and in the test.
        meter_id: the meter.
        mean_kwh: (n, h) the mean of its training rows at each origin, all meters' for one without.
        local_hour: (n, h) of the intervals.
        start_s: (n, h) UTC seconds of the intervals.
    """

    origins: Origins
    split: IntArray
    scored: NDArray[np.bool_]
    meter_id: str
    mean_kwh: FloatArray
    local_hour: IntArray
    start_s: IntArray


def evaluate_ahead(
    table: ReadingTable, splits: Sequence[Split], candidates: Mapping[str, Recipe], ahead: Ahead
) -> Evaluation:
    """Fit every candidate before each split's test and score its forecasts there, beside every baseline.

    Args:
        table: readings.
        splits: windows whose tests follow each other: a refit at the beginning of each.
        candidates: recipes by name.
        ahead: what is forecast from where.

    Raises:
        RefusedError: where nothing measured lies in the test, or too little before it.
    """
    meters = scored_meters(table, splits, ahead)
    _require_scored(meters)
    fits = {
        name: [fit_forecaster(table, recipe, split.fit_until_s, SEED) for split in splits]
        for name, recipe in candidates.items()
    }
    learnt = [
        set.intersection(*(set(each.predictor.intervals) for each in window))
        for window in zip(*fits.values(), strict=True)
    ]
    meters, unknown = of_known_lengths(meters, learnt)
    _require_scored(meters)
    rows = _rows(meters)
    evaluated, totals, scores = {}, {}, {}
    for name, recipe in candidates.items():
        evaluated[name], totals[name] = _candidate(meters, recipe, fits[name])
        scored, _ = score_meters(rows.measured_kwh, evaluated[name].answers[0], rows.meter)
        scores[name] = {**scored, "seconds": evaluated[name].seconds, "seeds": [SEED]}
    baselines = _baselines(meters)
    return Evaluation(
        rows=rows,
        candidates=evaluated,
        baselines=baselines,
        candidate_scores=scores,
        baseline_scores={
            name: None if one is None else score_meters(rows.measured_kwh, one.answers, rows.meter)[0]
            for name, one in baselines.items()
        },
        splits=tuple(splits),
        primary="pinball",
        totals=totals,
        findings=(*unknown, *evaluation_findings(baselines, evaluated)),
    )


def answers_ahead(forecaster: Forecaster, meters: Sequence[ScoredMeter]) -> Answers:
    """Return a forecaster's answers for all scored intervals, in the order of `Evaluation.rows`."""
    said = [forecaster.forecast(meter.origins.batch, meter.scored.shape[1]) for meter in meters]
    return _answers([one.mean_kwh for one in said], [one.quantiles_kwh for one in said], meters)


def scored_meters(table: ReadingTable, splits: Sequence[Split], ahead: Ahead) -> list[ScoredMeter]:
    """Return the origins of all meters, and what is scored of them."""
    meters = []
    means = [_mean_kw(table, split) for split in splits]
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        warm_s = splits[0].test_from_s - (HISTORY_DAYS + ahead.hours // 24 + 2) * DAY_S
        at = daily_origins(group, warm_s, splits[-1].test_until_s, ahead.origin_hour)
        if not len(at):
            continue
        origins = origins_of(group, at, ahead.hours)
        if len(origins.batch):
            meters.append(_scored_meter(group, origins, splits, means, ahead))
    return meters


def of_known_lengths(
    meters: Sequence[ScoredMeter], intervals: Sequence[Collection[int]]
) -> tuple[list[ScoredMeter], list[Finding]]:
    """Return the meters without the origins from which no fit can forecast, and a finding that names their lengths.

    Args:
        meters: what would be scored.
        intervals: lengths in minutes that were learnt, for each window.
    """
    kept, unknown, rows = [], set(), 0
    for meter in meters:
        minutes = int(meter.origins.batch.interval_minutes[0])
        left_out = np.isin(meter.split, [n for n, known in enumerate(intervals) if minutes not in known])
        if meter.scored[left_out].any():
            unknown.add(minutes)
            rows += int(meter.scored[left_out].sum())
        scored = meter.scored & ~left_out[:, None]
        kept.append(replace(meter, split=np.where(left_out, -1, meter.split), scored=scored))
    return kept, [_left_out(sorted(unknown), rows)] if unknown else []


def _left_out(minutes: Sequence[int], rows: int) -> Finding:
    """Return what a reader should know of intervals that nothing was learnt of."""
    message = (
        f"{rows:,} intervals of {' and '.join(map(str, minutes))} minutes are not scored: that length first appears in "
        "the test window, so no fit knows it. A training after some weeks of it does."
    )
    evidence = {"interval_minutes": list(minutes), "rows": rows}
    return Finding("length_not_learnt", "interval_minutes", Severity.WARNING, message, evidence)


def _require_scored(meters: Sequence[ScoredMeter]) -> None:
    """Refuse a test window in which nothing can be scored."""
    if not any(meter.scored.any() for meter in meters):
        raise RefusedError(
            "no reading with a measured energy can be forecast in the test window from lengths of interval that were "
            "learnt before it; choose another one"
        )


def _scored_meter(
    group: ReadingTable, origins: Origins, splits: Sequence[Split], means: Sequence[dict[str, float]], ahead: Ahead
) -> ScoredMeter:
    """Return one meter's origins, and which intervals are scored."""
    horizon, minutes, meter_id = origins.measured_kwh.shape[1], int(group.interval_minutes[0]), str(group.meter_id[0])
    at = origins.batch.origin_ts_s
    split = np.searchsorted(np.array([split.test_from_s for split in splits]), at, side="right") - 1
    coming = targets(clock_days(origins.batch), horizon)
    inside = (split >= 0)[:, None] & (coming.start_s < splits[-1].test_until_s)
    inside &= np.arange(horizon) >= ahead.first_hour * 60 // minutes
    mean_kw = np.array([of.get(meter_id, of[""]) for of in means])[np.maximum(split, 0)]
    return ScoredMeter(
        origins=origins,
        split=split,
        scored=inside & ~np.isnan(origins.measured_kwh),
        meter_id=meter_id,
        mean_kwh=np.broadcast_to((mean_kw * (minutes / 60.0))[:, None], origins.measured_kwh.shape),
        local_hour=coming.local_minute // 60,
        start_s=coming.start_s,
    )


def _mean_kw(table: ReadingTable, split: Split) -> dict[str, float]:
    """Return the mean kW of each meter's training rows, and under no name that of all."""
    fit = table.take(split.fit_rows(table))
    meter_id, meter = np.unique(fit.meter_id.astype(str), return_inverse=True)
    means = np.bincount(meter, weights=fit.mean_kw) / np.bincount(meter)
    every = float(fit.mean_kw.mean()) if len(fit) else 0.0
    return {"": every, **dict(zip(meter_id.tolist(), means.tolist(), strict=True))}


def _rows(meters: Sequence[ScoredMeter]) -> Rows:
    """Return the intervals that everything is scored on."""
    names = np.unique([meter.meter_id for meter in meters if meter.scored.any()])
    number = {name: n for n, name in enumerate(names.tolist())}

    def each(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([value[meter.scored] for value, meter in zip(values, meters, strict=True)])

    shapes = [meter.scored.shape for meter in meters]
    origin_s = [meter.origins.batch.origin_ts_s[:, None] for meter in meters]
    return Rows(
        measured_kwh=each([meter.origins.measured_kwh for meter in meters]),
        meter=each([np.full(s, number.get(m.meter_id, -1)) for m, s in zip(meters, shapes, strict=True)]),
        ts_s=each([meter.start_s for meter in meters]),
        origin_s=each([np.broadcast_to(at, shape) for at, shape in zip(origin_s, shapes, strict=True)]),
        local_hour=each([meter.local_hour for meter in meters]),
        meter_id=names,
    )


def _candidate(
    meters: Sequence[ScoredMeter], recipe: Recipe, fits: Sequence[FittedAhead]
) -> tuple[Candidate, dict[str, Any]]:
    """Return a recipe's answers over all splits, and the scores of the meters' sum."""
    mean = [np.full(meter.scored.shape, np.nan) for meter in meters]
    quantiles = [np.full((*meter.scored.shape, 3), np.nan) for meter in meters]
    total = SummedPaths.of([(m.origins.batch.origin_ts_s[m.split >= 0], m.scored[m.split >= 0]) for m in meters])
    for number, fitted in enumerate(fits):
        for place, meter in enumerate(meters):
            chosen = np.flatnonzero(meter.split == number)
            if chosen.size:
                said = fitted.predictor.forecast(meter.origins.batch.take(chosen), meter.scored.shape[1])
                mean[place][chosen], quantiles[place][chosen] = said.mean_kwh, said.quantiles_kwh
                measured = np.where(meter.scored, meter.origins.measured_kwh, np.nan)
                total.add(meter.origins.batch.origin_ts_s[chosen], said, measured[chosen])
    answers, seconds = _answers(mean, quantiles, meters), float(np.mean([fitted.seconds for fitted in fits]))
    found = Candidate(recipe, (answers,), (SEED,), fits[-1].out_of_sample, seconds, fits[-1])
    return found, total.scores()


def _baselines(meters: Sequence[ScoredMeter]) -> dict[str, Baseline | None]:
    """Return each baseline, None where defined on less than 90 % of the intervals."""
    points = [{"mean": meter.mean_kwh, **baseline_points(meter.origins)} for meter in meters]
    baselines: dict[str, Baseline | None] = {}
    for name in AHEAD_BASELINES:
        known = [~np.isnan(each[name][meter.scored]) for each, meter in zip(points, meters, strict=True)]
        defined = float(np.concatenate(known).mean())
        if defined < DEFINED_SHARE:
            baselines[name] = None
            continue
        filled = [_filled(each, name) for each in points]
        quantiles = [with_quantiles(meter.origins, point) for meter, point in zip(meters, filled, strict=True)]
        baselines[name] = Baseline(_answers(filled, quantiles, meters), defined)
    return baselines


def _filled(points: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Return a baseline's points; where it is not defined, the 28-day profile, else the mean."""
    profile = points["hour_profile_28d"]
    fallback = np.where(np.isnan(profile), points["mean"], profile)
    return np.where(np.isnan(points[name]), fallback, points[name])


def _answers(mean: Sequence[FloatArray], quantiles: Sequence[FloatArray], meters: Sequence[ScoredMeter]) -> Answers:
    """Return what is said of the scored intervals."""
    return Answers(
        np.concatenate([value[meter.scored] for value, meter in zip(mean, meters, strict=True)]),
        np.concatenate([value[meter.scored] for value, meter in zip(quantiles, meters, strict=True)]),
    )
