"""The leak check of the task `reading`: does any feature know what it is to predict? It fails a training run.

A declared instant at an interval's start stands between two intervals: if it knows the coming one far better than the
one before, it is that interval's mean under another name. That is a fault of the data, and no change of them shows it.
All other leaks the linter finds: nothing that was not known at a moment may change a feature.
"""

from typing import Final

import numpy as np

from meter_core.contracts.features import FEATURES
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import FloatArray
from meter_core.evaluation.leak_linter import Features, lint
from meter_core.features.availability import READING_NEEDS
from meter_core.features.history import FEATURE_SETS
from meter_core.features.readings import ReadingTable, table_features
from meter_core.models.fit import TrainingData

EXPLAINED: Final = 0.9
"""A feature that explains less of the target's variance is no copy of it."""

UNEXPLAINED_RATIO: Final = 0.25
"""What a copy leaves unexplained of its own interval is less than this share of what it leaves of the one before."""

FEWEST_PAIRS: Final = 50


def leak_findings(data: TrainingData, features: str = "history") -> list[Finding]:
    """Return an error for each feature that knows its target.

    Args:
        data: readings with features, as training sees them.
        features: the feature set that is trained on.
    """
    width = len(FEATURE_SETS[features])
    copies = target_copies(data.table, data.matrix[:, :width], FEATURE_SETS[features])
    return copies + lint(data.table, reading_features(features))


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


def reading_features(features: str) -> Features:
    """Return a feature set of the product as the linter takes it."""

    def build(table: ReadingTable, row: int) -> FloatArray:
        return table_features(table, features, np.array([row]))

    return Features(FEATURE_SETS[features], build, READING_NEEDS)


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
