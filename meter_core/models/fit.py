"""Fitting a recipe: its models on all training rows, its range on residuals of rows they had not seen."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S, iso_utc
from meter_core.contracts.errors import TooLittleDataError
from meter_core.contracts.features import FEATURES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.history import FEATURE_SETS, HISTORY_DAYS, HISTORY_NEEDS, has_history
from meter_core.features.readings import ReadingTable, table_features
from meter_core.models.candidates import Candidate, Examples, candidate
from meter_core.models.explain import typical_reading
from meter_core.models.part import Part
from meter_core.models.pipeline import pipeline
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe
from meter_core.models.residual_range import ResidualRange
from meter_core.models.usual import Usual

EMBARGO_S: Final = DAY_S
"""Time between what a model is fitted on and what it is scored on."""

FOLDS: Final = 4
"""Blocks of the later half of the training rows, each predicted by a model fitted on what lies before it."""

MOST_ROWS: Final = 60_000
"""A part is fitted on no more, drawn at random from all: seven years of hours of one meter are fewer."""

THREADS: Final = 2
"""Fits at a time, each on one thread."""

FEWEST_ROWS: Final = 50
"""A part is fitted on no fewer."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Readings with their features, computed once for all candidates.

    Attributes:
        table: n readings.
        matrix: (n, k) features, columns as in `FEATURE_SETS["history"]`.
    """

    table: ReadingTable
    matrix: FloatArray

    @classmethod
    def of(cls, table: ReadingTable) -> "TrainingData":
        """Return the table with its features."""
        return cls(table, table_features(table, "history"))


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit gives.

    Attributes:
        recipe: that was fitted.
        predictor: the export.
        estimators: the library's model of each part, `snapshot` and where there is one `history`.
        used: the columns that each was fitted on.
        rows: that each was fitted on.
        out_of_sample: RMSE of each part on the rows of the walk-forward folds, kW; NaN where there were none.
        seconds: the fit took, range included.
    """

    recipe: Recipe
    predictor: Predictor
    estimators: Mapping[str, Any]
    used: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]
    out_of_sample: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class _FittedPart:
    part: Part
    fitted: Any
    rows: int
    out_of_sample_rmse: float


def fit_predictor(
    data: TrainingData | ReadingTable,
    recipe: Recipe,
    rows: NDArray[np.bool_] | None = None,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fit a recipe and export it.

    Args:
        data: readings, with features where the caller has them already.
        recipe: what to fit.
        rows: (n,) mask of the rows to learn from; all where None. Rows without a measured target are left out.
        seed: of the estimator.
        about: goes into the predictor beside what is known here (a data digest, say); plain JSON types.

    Raises:
        TooLittleDataError: where there are too few measured readings.
    """
    began = time.perf_counter()
    data = TrainingData.of(data) if isinstance(data, ReadingTable) else data
    learn = ~np.isnan(data.table.units_kwh)
    if rows is not None:
        learn &= rows
    if learn.sum() < FEWEST_ROWS:
        raise TooLittleDataError(
            f"{int(learn.sum())} measured readings to learn from, and at least {FEWEST_ROWS} are needed beside those "
            "held out for scoring; load a longer history, or choose a wider window"
        )
    parts = {features: _fit_part(data, recipe, features, learn, seed) for features in recipe.parts}
    fitted: dict[str, _FittedPart] = {features: part for features, part in parts.items() if part is not None}
    predictor = _assemble(data, recipe, learn, fitted, {"seed": seed} | dict(about or {}))
    return Fitted(
        recipe=recipe,
        predictor=predictor,
        estimators={features: part.fitted for features, part in fitted.items()},
        used={features: part.part.used for features, part in fitted.items()},
        rows={features: part.rows for features, part in fitted.items()},
        out_of_sample={features: part.out_of_sample_rmse for features, part in fitted.items()},
        seconds=time.perf_counter() - began,
    )


def _fit_part(
    data: TrainingData, recipe: Recipe, features: Literal["snapshot", "history"], learn: NDArray[np.bool_], seed: int
) -> _FittedPart | None:
    """Return one part; None where too few readings have history."""
    matrix = data.matrix[:, : len(FEATURE_SETS[features])]
    needs: tuple[str, ...] = ()
    if features == "history":
        needs, with_history = _history_rows(matrix[:, len(FEATURES) :], learn)
        learn = learn & with_history
        if learn.sum() < FEWEST_ROWS:
            return None
    chosen = drawn(np.flatnonzero(learn))
    names, kw, ts_s = FEATURE_SETS[features], data.table.mean_kw[chosen], data.table.ts_s[chosen]
    available_s = data.table.available_s[chosen]
    examples = Examples(matrix[chosen], kw, when_s=ts_s, available_s=available_s, columns=names)
    used, fitted = _fit(recipe, seed, examples)
    model = fitted.export()
    predicted, measured = _walk_forward(recipe, seed, examples, ts_s)
    error = float(np.sqrt(np.mean((predicted - measured) ** 2))) if len(measured) else float("nan")
    if not len(measured):  # too short a window to hold anything out: the range is then of seen rows, and too narrow
        predicted, measured = model.predict(examples.matrix[:, used]), kw
    names = tuple(names[column] for column in used)
    part = Part(features, names, model, ResidualRange.calibrate(predicted, measured), needs)
    return _FittedPart(part, fitted.fitted, len(chosen), error)


def drawn(rows: IntArray, most: int = MOST_ROWS) -> IntArray:
    """Return so many of the rows as are learnt from, in their order: the same rows, the same draw."""
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _history_rows(history: FloatArray, learn: NDArray[np.bool_]) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return the history features that a reading must have, and which rows have them.

    The previous value is among them unless most readings lack it, as where values arrive a day late.
    """
    profile_only = HISTORY_NEEDS[:1]
    with_all, with_profile = has_history(history), has_history(history, profile_only)
    if (with_all & learn).sum() * 2 >= (with_profile & learn).sum():
        return HISTORY_NEEDS, with_all
    return profile_only, with_profile


def _fit(recipe: Recipe, seed: int, examples: Examples) -> tuple[IntArray, Candidate]:
    """Return the columns that have any value, and the candidate fitted on them."""
    used = np.flatnonzero(~np.isnan(examples.matrix).all(axis=0))
    fitted = candidate(recipe, seed)
    fitted.fit(examples.of_columns(used))
    return used, fitted


def _walk_forward(recipe: Recipe, seed: int, examples: Examples, ts_s: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return predictions and measurements of the rows of all folds, by models that had not seen them."""

    def of_fold(fold: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> FloatArray:
        before, block = fold
        used, fitted = _fit(recipe, seed, examples.take(before))
        return fitted.export().predict(np.ascontiguousarray(examples.matrix[block][:, used]))

    folds = list(_folds(ts_s))
    with ThreadPoolExecutor(THREADS) as pool:
        predicted = list(pool.map(of_fold, folds))
    return np.concatenate([np.empty(0), *predicted]), np.concatenate(
        [np.empty(0), *(examples.target[block] for _, block in folds)]
    )


def _folds(ts_s: IntArray) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the rows before each block less the embargo, and the rows of the block.

    Blocks hold equal numbers of rows, not equal times: where a second fleet joined years after the first, its range
    must come from models that knew it.
    """
    edges = np.quantile(ts_s, np.linspace(0.5, 1.0, FOLDS + 1))
    edges[-1] += 1
    for start, stop in pairwise(edges.tolist()):
        before, block = ts_s < start - EMBARGO_S, (ts_s >= start) & (ts_s < stop)
        if before.sum() >= FEWEST_ROWS and block.any():
            yield before, block


def _assemble(
    data: TrainingData,
    recipe: Recipe,
    learn: NDArray[np.bool_],
    parts: Mapping[str, _FittedPart],
    about: Mapping[str, Any],
) -> Predictor:
    """Return the predictor of the fitted parts."""
    table = data.table.take(learn)
    hour, weekday = (
        data.matrix[learn, FEATURES.index(name)].astype(np.int64) for name in ("local_hour", "local_day_of_week")
    )
    recent = table.ts_s >= table.ts_s.max() - HISTORY_DAYS * DAY_S
    usual = Usual.measure(table.meter_id, table.interval_minutes, hour, weekday, table.mean_kw, recent)
    known = {
        "recipe": recipe.name,
        "features": recipe.features,
        "pipeline": pipeline(recipe.features),
        "settings": dict(recipe.settings),
        "training_from_ts": iso_utc(table.ts_s.min()),
        "training_until_ts": iso_utc((table.ts_s + table.interval_minutes * 60).max()),
        "rows": {features: part.rows for features, part in parts.items()},
        "meters": len(usual.meter_id),
        "range_from": {f: "seen rows" if np.isnan(p.out_of_sample_rmse) else "unseen rows" for f, p in parts.items()},
    }
    return Predictor(
        snapshot=parts["snapshot"].part,
        usual=usual,
        intervals=tuple(int(interval) for interval in usual.interval_minutes),
        history=parts["history"].part if "history" in parts else None,
        floor_kw=0.0 if table.units_kwh.min() >= 0 else None,
        reference=typical_reading(data.matrix, learn),
        about=known | dict(about),
    )
