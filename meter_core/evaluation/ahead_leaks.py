"""The leak check of the task `ahead`: nothing that became known after an origin may change a feature."""

from typing import Final

import numpy as np

from meter_core.contracts.finding import Finding
from meter_core.contracts.readings import FloatArray
from meter_core.evaluation.leak_linter import Features, lint
from meter_core.evaluation.weather_leaks import weather_leak_findings
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.availability import AHEAD_NEEDS
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import origins_of
from meter_core.features.readings import ReadingTable

HOURS: Final = 48
"""How far ahead is asked: beyond a day, where a lag of one looks past the origin."""


def ahead_leak_findings(table: ReadingTable) -> list[Finding]:
    """Return an error for each feature that knows what became known after its origin."""
    features = Features(AHEAD_FEATURES, features_ahead, AHEAD_NEEDS)
    found = {finding.what: finding for finding in (*lint(table, features), *weather_leak_findings(table, features))}
    return list(found.values())


def features_ahead(table: ReadingTable, row: int) -> FloatArray:
    """Return (h, k) features of the intervals from the start of a row's on, of its meter, with the weather as known.

    That is how models are trained and asked. Temperatures as they came later are for backtests that say so, an upper
    bound.
    """
    group = meter_of(table, row).without_temperature()
    days = clock_days(origins_of(group, table.ts_s[[row]], HOURS).batch)
    return ahead_features(days, targets(days, HOURS * 3600 // days.step_s), 1.0).matrix.reshape(-1, len(AHEAD_FEATURES))


def meter_of(table: ReadingTable, row: int) -> ReadingTable:
    """Return the readings of a row's meter and interval length."""
    span = next(span for span in table.groups() if span.start <= row < span.stop)
    return table.take(np.arange(span.start, span.stop))
