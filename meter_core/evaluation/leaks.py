"""The leak check: does any feature know what it is to predict? It fails a training run.

Two ways to find out. A declared instant at an interval's start stands between two intervals: if it knows the coming one
far better than the one before, it is that interval's mean under another name. And a feature may not change when
everything that happens from the interval's start on is changed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import FEATURES
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import AUXILIARY, FloatArray
from meter_core.features.history import FEATURE_SETS
from meter_core.features.readings import ReadingTable, table_features
from meter_core.models.fit import TrainingData

EXPLAINED: Final = 0.9
"""A feature that explains less of the target's variance is no copy of it."""

UNEXPLAINED_RATIO: Final = 0.25
"""What a copy leaves unexplained of its own interval is less than this share of what it leaves of the one before."""

FEWEST_PAIRS: Final = 50
ORIGINS: Final = 12
"""Rows at which the future is changed."""

FeatureBuilder = Callable[[ReadingTable, NDArray[Any]], FloatArray]


def leak_findings(data: TrainingData, features: str = "history") -> list[Finding]:
    """Return an error for each feature that knows its target.

    Args:
        data: readings with features, as training sees them.
        features: the feature set that is trained on.
    """
    width = len(FEATURE_SETS[features])
    copies = target_copies(data.table, data.matrix[:, :width], FEATURE_SETS[features])
    return copies + future_findings(data.table, features)


def target_copies(table: ReadingTable, matrix: FloatArray, names: tuple[str, ...]) -> list[Finding]:
    """Return an error for each feature that explains its own interval's energy and hardly the one before.

    Args:
        table: n readings.
        matrix: (n, k) their features.
        names: (k,) of the features.
    """
    before = _of_interval_before(table, table.mean_kw)
    copied: dict[str, list[tuple[float, float]]] = {}
    for group in table.groups():
        target, previous = table.mean_kw[group], before[group]
        for column, name in enumerate(names):
            pair = _copied(matrix[group, column], target, previous)
            if pair is not None:
                copied.setdefault(name, []).append(pair)
    return [_copy(name, copied[name]) for name in names if name in copied]


def future_findings(table: ReadingTable, features: str, builder: FeatureBuilder | None = None) -> list[Finding]:
    """Return an error for each feature that changes when what comes after the start of its interval is changed.

    Args:
        table: n readings.
        features: name of the feature set.
        builder: what computes it from a table and row numbers; the product's own where None.
    """
    build = builder or (lambda changed, rows: table_features(changed, features, rows))
    measured = np.flatnonzero(~np.isnan(table.units_kwh))
    if not measured.size:
        return []
    guilty: set[str] = set()
    for row in measured[np.linspace(0, len(measured) - 1, min(ORIGINS, len(measured))).astype(np.int64)]:
        rows = np.array([row])
        same = np.isclose(build(table, rows), build(_changed_from(table, int(row)), rows), equal_nan=True)
        guilty |= {FEATURE_SETS[features][column] for column in np.flatnonzero(~same[0])}
    return [sees_future(name) for name in sorted(guilty)]


def _changed_from(table: ReadingTable, row: int) -> ReadingTable:
    """Return the table with other energies from the row's start on, and other quantities after it."""
    later = table.ts_s >= table.ts_s[row]
    after = table.ts_s > table.ts_s[row]
    changed = {name: np.where(after, getattr(table, name) * 3 + 7, getattr(table, name)) for name in AUXILIARY}
    return replace(table, units_kwh=np.where(later, table.units_kwh * 3 + 7, table.units_kwh), **changed)


def _of_interval_before(table: ReadingTable, values: FloatArray) -> FloatArray:
    """Return (n,) the value of the interval before each, NaN where the table has none."""
    before = np.full(len(table), np.nan)
    follows = (table.meter_id[1:] == table.meter_id[:-1]) & (np.diff(table.ts_s) == table.interval_minutes[1:] * 60)
    before[1:] = np.where(follows, values[:-1], np.nan)
    return before


def _copied(feature: FloatArray, target: FloatArray, before: FloatArray) -> tuple[float, float] | None:
    """Return what one meter's feature explains of its own interval and of the one before, if that makes it a copy."""
    known = ~(np.isnan(feature) | np.isnan(target) | np.isnan(before))
    if known.sum() < FEWEST_PAIRS:
        return None
    own, previous = (_explained(feature[known], other[known]) for other in (target, before))
    return (own, previous) if own >= EXPLAINED and (1 - own) < UNEXPLAINED_RATIO * (1 - previous) else None


def _explained(feature: FloatArray, target: FloatArray) -> float:
    """Return the squared correlation of ranks (Spearman 1904): another scale counts, one lucky peak does not."""
    return _squared_correlation(_ranks(feature), _ranks(target))


def _squared_correlation(one: FloatArray, other: FloatArray) -> float:
    """Return the squared Pearson correlation, 0 where one side does not vary."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1] ** 2)


def _ranks(values: FloatArray) -> FloatArray:
    """Return the average rank of each value."""
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[index], dtype=np.float64)


def _copy(name: str, meters: list[tuple[float, float]]) -> Finding:
    """Return the finding of a feature that copies its target, of the meter where it is plainest."""
    own, previous = max(meters)
    remedy = "declare it interval_mean in its source profile" if name in FEATURES else "compute it from the past only"
    message = (
        f"{name} explains {own:.1%} of the energy of the interval it stands at the start of, and {previous:.1%} of the "
        f"one before ({len(meters)} meters): it is measured in the interval it is to predict. If so, {remedy}."
    )
    evidence = {"explained": own, "explained_before": previous, "meters": len(meters)}
    return Finding(f"{name}_leaks", name, Severity.ERROR, message, evidence)


def sees_future(name: str) -> Finding:
    """Return the finding of a feature that sees the future."""
    message = f"{name} changes when only what comes after it is changed: it sees the future. Compute it from the past."
    return Finding(f"{name}_sees_the_future", name, Severity.ERROR, message)
