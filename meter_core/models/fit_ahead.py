"""Fitting a recipe of the task `ahead`: its models on all samples, its range and paths on weeks they had not seen."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from meter_core.calendar import DAY_S, iso_utc
from meter_core.contracts.errors import TooLittleDataError
from meter_core.contracts.forecasts import FORECAST_HOURS, FORECAST_LEVELS
from meter_core.contracts.readings import FloatArray
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.features.readings import ReadingTable
from meter_core.models.ahead_samples import Samples, joined, training_samples, usual_level, whole_samples
from meter_core.models.candidates import Candidate, Examples, candidate, candidate_class
from meter_core.models.fit import EMBARGO_S, THREADS
from meter_core.models.forecast_paths import PathLibrary, normal_scores
from meter_core.models.forecast_range import PUBLISHED, ForecastRange, Outline
from meter_core.models.forecaster import KINDS, Forecaster
from meter_core.models.mean_blend import MeanBlend
from meter_core.models.outline import ERROR, LINE, MEAN, QUANTILES, OutlineModels
from meter_core.models.pipeline import pipeline
from meter_core.models.recipes import Recipe

FOLDS: Final = 3
"""Blocks of the later half of the training window, each forecast by models fitted on what was known before it."""

FEWEST_SAMPLES: Final = 2_000
"""Fewer say nothing about a week ahead: two or three weeks of one hourly meter."""


WEATHER_SHARE: Final = 0.5
"""Share of what is learnt from whose weather has to be known for a model that looks at weather."""

WEEK_S: Final = (FORECAST_HOURS - 24) * 3600
"""Seconds ahead that something has to be known of for a week to be seen as a whole."""


@dataclass(frozen=True, slots=True)
class FittedAhead:
    """What a fit gives.

    Attributes:
        recipe: that was fitted.
        predictor: the export.
        estimators: the library's models by name.
        rows: samples they were fitted on, under `ahead`.
        out_of_sample: pinball loss on the weeks of the walk-forward folds, kW; NaN where there were none.
        seconds: the fit took, range and paths included.
        spans_weeks: whether the range and paths were learnt from whole weeks: weather forecasts may end before.
    """

    recipe: Recipe
    predictor: Forecaster
    estimators: Mapping[str, Any]
    rows: Mapping[str, int]
    out_of_sample: float
    seconds: float
    spans_weeks: bool = True


def fit_forecaster(
    table: ReadingTable, recipe: Recipe, until_s: int, seed: int = 0, about: Mapping[str, Any] | None = None
) -> FittedAhead:
    """Fit a recipe on what was known by an instant, and export it.

    Where the table has weather, twice: with it, for intervals whose weather is known, and without for all others. Each
    has ranges and paths of its own.

    Args:
        table: readings; later ones are not looked at.
        recipe: what to fit.
        until_s: UTC seconds.
        seed: of the candidates.
        about: goes into the forecaster beside what is known here; plain JSON types.

    Raises:
        TooLittleDataError: where there is too little to learn from.
    """
    began = time.perf_counter()
    dry = _fitted(table.without_weather(), recipe, until_s, seed, about)
    if not table.has_weather:
        return dry
    try:
        wet = _fitted(table, recipe, until_s, seed, about, int(WEATHER_SHARE * dry.rows["ahead"]))
    except TooLittleDataError:  # weather of less than half of what is learnt from: a model of it knows too little
        return dry
    predictor = replace(wet.predictor, dry=dry.predictor)
    if not wet.spans_weeks:
        predictor = replace(predictor, paths=dry.predictor.paths)
    return replace(wet, predictor=predictor, seconds=time.perf_counter() - began)


def _fitted(
    table: ReadingTable,
    recipe: Recipe,
    until_s: int,
    seed: int,
    about: Mapping[str, Any] | None,
    fewest: int = FEWEST_SAMPLES,
) -> FittedAhead:
    """Return what one fit of a recipe gives.

    Raises:
        TooLittleDataError: where there is too little to learn from.
    """
    began = time.perf_counter()
    learnt = (table.available_s <= until_s) & ~np.isnan(table.units_kwh)
    usual_kw = usual_level(table, learnt) if learnt.any() else 1.0
    samples = training_samples(table.take(learnt), until_s, usual_kw)
    if len(samples) < max(fewest, FEWEST_SAMPLES):
        raise TooLittleDataError(
            f"{len(samples)} hours seen from an earlier moment to learn from, and at least {FEWEST_SAMPLES} are needed "
            "beside those held out for scoring; load a longer history, or choose a wider window"
        )
    models, fitted = _fit(samples, recipe, usual_kw, seed)
    weeks, outline = _unseen(table.take(learnt), samples, recipe, until_s, usual_kw, seed)
    seen = not len(weeks)
    if seen:  # too short a window to hold anything out: the range is then of seen rows, and too narrow
        weeks, outline = samples, models.outline(samples.matrix)
    spread = ForecastRange.calibrate(outline, weeks.share, weeks.kind, KINDS, models.has_median)
    curve = spread.curve(outline, weeks.kind)
    blend = MeanBlend.learn(outline, weeks.matrix, weeks.share, weeks.weights(usual_kw) ** 2, weeks.kind, KINDS)
    known = {
        "recipe": recipe.name,
        "features": recipe.features,
        "pipeline": pipeline(recipe.features),
        "settings": dict(recipe.settings),
        "training_from_ts": iso_utc(table.ts_s[learnt].min()),
        "training_until_ts": iso_utc((table.ts_s + table.interval_minutes * 60)[learnt].max()),
        "rows": {"ahead": len(samples)},
        "meters": len(set(table.meter_id[learnt].tolist())),
        "range_from": "seen rows" if seen else "unseen rows",
        "seed": seed,
    }
    forecaster = Forecaster(
        models=models,
        blend=blend,
        range=spread,
        paths=_libraries(weeks, curve),
        usual_kw=usual_kw,
        floor_kw=0.0 if table.units_kwh[learnt].min() >= 0 else None,
        about=known | dict(about or {}),
    )
    loss = float("nan") if seen else _pinball_kw(weeks, curve)
    return FittedAhead(
        recipe, forecaster, {name: each.fitted for name, each in fitted.items()}, {"ahead": len(samples)},
        loss, time.perf_counter() - began, bool((weeks.lead_s >= WEEK_S).any()),
    )  # fmt: skip


def _fit(samples: Samples, recipe: Recipe, usual_kw: float, seed: int) -> tuple[OutlineModels, dict[str, Candidate]]:
    """Return the models of an outline."""
    used, kind = np.flatnonzero(~np.isnan(samples.matrix).all(axis=0)), candidate_class(recipe.name)
    examples = Examples(
        samples.matrix,
        samples.share,
        samples.weights(usual_kw),
        samples.origin_s,
        samples.available_s,
        AHEAD_FEATURES,
    ).of_columns(used)
    line = _one(recipe if kind.is_line else kind.stands_on(recipe.settings), examples, seed)
    missed = examples.aimed_at(samples.share - line.export().predict(examples.matrix))
    fitted = {LINE: line} | _of_missed(recipe, missed, seed)
    if not kind.fits_quantiles:
        said = fitted[MEAN].export().predict(examples.matrix) if MEAN in fitted else 0.0
        fitted[ERROR] = _one(recipe, examples.aimed_at(np.abs(missed.target - said)), seed)
    return OutlineModels(examples.columns, {name: each.export() for name, each in fitted.items()}), fitted


def _of_missed(recipe: Recipe, missed: Examples, seed: int) -> dict[str, Candidate]:
    """Return the models of what a line misses, fitted side by side: its mean, and its quantiles as far as fitted."""
    kind = candidate_class(recipe.name)
    aims: dict[str, float | None] = {} if kind.is_line else {MEAN: None}
    if kind.fits_quantiles:
        aims |= dict(zip(QUANTILES, FORECAST_LEVELS, strict=True))
    with ThreadPoolExecutor(THREADS) as pool:
        fits = {name: pool.submit(_one, recipe, missed, seed, level) for name, level in aims.items()}
        return {name: fit.result() for name, fit in fits.items()}


def _one(recipe: Recipe, examples: Examples, seed: int, quantile: float | None = None) -> Candidate:
    """Return one fitted candidate."""
    one = candidate(recipe, seed, quantile)
    one.fit(examples)
    return one


def _unseen(
    table: ReadingTable, samples: Samples, recipe: Recipe, until_s: int, usual_kw: float, seed: int
) -> tuple[Samples, Outline]:
    """Return the weeks of all folds, and their outlines by models that had not seen them."""
    weeks, outlines = [], []
    edges = np.quantile(samples.origin_s, np.linspace(0.5, 1.0, FOLDS + 1)).astype(np.int64)
    for start, stop in pairwise(edges.tolist()):
        before = samples.available_s <= start - EMBARGO_S
        block = whole_samples(table, start, stop, until_s, usual_kw)
        if before.sum() < FEWEST_SAMPLES or not len(block):
            continue
        weeks.append(block)
        outlines.append(_fit(samples.take(before), recipe, usual_kw, seed)[0].outline(block.matrix))
    if not weeks:
        return samples.take(np.zeros(len(samples), dtype=bool)), Outline(*[np.empty(0)] * len(Outline.__slots__))
    columns = [np.concatenate([getattr(one, name) for one in outlines]) for name in Outline.__slots__]
    return joined(weeks), Outline(*columns)


def _libraries(weeks: Samples, curve: FloatArray) -> dict[int, PathLibrary]:
    """Return how errors go together, for each interval length."""
    scores = normal_scores(curve, weeks.share)
    libraries = {}
    for minutes in sorted(set(weeks.minutes.tolist())):
        rows = (weeks.minutes == minutes) & (weeks.kind < KINDS - 2)
        _, vector = np.unique(weeks.vector[rows], return_inverse=True)
        table = np.full((int(vector.max(initial=-1)) + 1, FORECAST_HOURS * 60 // minutes), np.nan)
        width = table.shape[1]
        table[vector, np.mod(weeks.slot[rows], width)] = scores[rows]
        date = np.zeros(len(table), dtype=np.int64)
        date[vector] = weeks.origin_s[rows] // DAY_S
        libraries[minutes] = PathLibrary.learn(table, date)
    return libraries


def _pinball_kw(weeks: Samples, curve: FloatArray) -> float:
    """Return the mean pinball loss of the published quantiles over the first day, kW."""
    first = weeks.kind == 0
    over = weeks.share[first, None] - curve[first][:, PUBLISHED]
    levels = np.array(FORECAST_LEVELS)
    return float((np.maximum(levels * over, (levels - 1) * over).mean(axis=1) * weeks.level_kw[first]).mean())
