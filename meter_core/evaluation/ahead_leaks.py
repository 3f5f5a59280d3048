"""The leak check of the task `ahead`: nothing that became known after an origin may change a feature."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from meter_core.contracts.finding import Finding
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.leaks import sees_future
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import daily_origins, origins_of
from meter_core.features.readings import ReadingTable

ORIGINS: Final = 12
"""Origins at which the future is changed, spread over all meters."""

HOURS: Final = 48

Builder = Callable[[ReadingTable, IntArray], FloatArray]


def ahead_leak_findings(table: ReadingTable, build: Builder | None = None) -> list[Finding]:
    """Return an error for each feature that knows what became known after its origin.

    Args:
        table: readings.
        build: what computes (n, h, k) features, columns as in `AHEAD_FEATURES`, from the readings of one meter and
            (n,) origins; the product's own where None.
    """
    groups = [table.take(np.arange(span.start, span.stop)) for span in table.groups()]
    chosen = np.linspace(0, len(groups) - 1, min(ORIGINS, len(groups))).astype(np.int64)
    guilty: set[str] = set()
    for group in [groups[number] for number in chosen.tolist()]:
        origins = daily_origins(group, int(group.ts_s[0]), int(group.ts_s[-1]))
        for at in origins[np.linspace(0, len(origins) - 1, min(-(-ORIGINS // len(chosen)), len(origins))).astype(int)]:
            guilty |= _seeing(group, at, build or _features)
    return [sees_future(name) for name in sorted(guilty)]


def _seeing(group: ReadingTable, at: int, build: Builder) -> set[str]:
    """Return the features at an origin that differ when the future does."""
    changed = replace(group, units_kwh=np.where(group.available_s > at, group.units_kwh * 3 + 7, group.units_kwh))
    before, after = (build(each, np.array([at])) for each in (group, changed))
    same = np.isclose(before, after, equal_nan=True).all(axis=(0, 1))
    return {AHEAD_FEATURES[column] for column in np.flatnonzero(~same)}


def _features(group: ReadingTable, origin_ts_s: IntArray) -> FloatArray:
    """Return the features of some origins."""
    days = clock_days(origins_of(group, origin_ts_s, HOURS).batch)
    return ahead_features(days, targets(days, HOURS * 3600 // days.step_s), 1.0).matrix
