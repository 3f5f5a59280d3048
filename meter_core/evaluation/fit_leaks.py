"""Whether what was fitted saw the test window: fitted twice, the second time with another test window.

The fits are of the recipe that is to be registered, with few trees: how much a model learns does not decide what it
looks at.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from meter_core.calendar import DAY_S, iso_utc
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.forecasts import HistoryBatch
from meter_core.contracts.readings import AUXILIARY, FloatArray
from meter_core.evaluation.leak_linter import culprit, first_cell
from meter_core.evaluation.leak_probes import Cells, Mask, changed
from meter_core.evaluation.splits import Split
from meter_core.evaluation.weather_leaks import changed_after
from meter_core.features.availability import ENERGY
from meter_core.features.origins import daily_origins, origins_of
from meter_core.features.readings import ReadingTable, batches
from meter_core.models.candidates import quick
from meter_core.models.fit import fit_predictor
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.recipes import Recipe

ROWS: Final = 20_000
"""Readings that are fitted on, about: the newest of some meters. More take longer and show nothing else."""

LEAST_DAYS: Final = 150
TREES: Final = 5
ASKED_ROWS: Final = 200
ASKED_DAYS: Final = 7
ASKED_METERS: Final = 20

Answers = Callable[[ReadingTable, ReadingTable], Mapping[str, FloatArray]]
"""Fits on the first table and returns columns of what the fit says of the second, by name."""


def fit_findings(table: ReadingTable, split: Split, answers: Answers) -> list[Finding]:
    """Return an error for each part of a fit that changes with what may not be learnt from.

    Args:
        table: readings.
        split: what may be learnt from, and what is scored.
        answers: fits and asks.
    """
    cells = _not_to_learn(table, split)
    before, after = answers(table, table), answers(changed(table, cells), table)
    found = _saw_weather(table, split, answers, before)
    for name in before:
        if not _same(before[name], after[name]):
            differs = partial(_differs, table, answers, name, before[name])
            found.append(_saw_test(table, split, name, culprit(cells, differs)))
    return found


def _saw_weather(
    table: ReadingTable, split: Split, answers: Answers, before: Mapping[str, FloatArray]
) -> list[Finding]:
    """Return an error for each part of a fit that changes with weather which became known after the fit."""
    if all(each is None for each in table.weather):
        return []
    after, at = answers(changed_after(table, split.fit_until_s), table), iso_utc(split.fit_until_s)
    message = "changes with weather that became known later: the fit saw what it is scored on"
    return [
        Finding(f"{name}_saw_the_test", name, Severity.ERROR, f"{name}, fitted at {at}, {message}.", {"origin_ts": at})
        for name in before
        if not _same(before[name], after[name])
    ]


def reading_fit_findings(table: ReadingTable, split: Split, recipe: Recipe) -> list[Finding]:
    """Return the errors of a recipe of the task `reading`."""

    def answers(learnt: ReadingTable, asked: ReadingTable) -> dict[str, FloatArray]:
        predictor = fit_predictor(learnt, _quick(recipe), split.fit_rows(learnt)).predictor
        rows = np.flatnonzero(split.fit_rows(asked))[-ASKED_ROWS:]
        said = [predictor.predict(batch) for _, batch in batches(asked, rows)]
        return {
            "prediction": np.concatenate([one.units_kwh for one in said]),
            "range": np.concatenate([edge for one in said for edge in (one.low_kwh, one.high_kwh)]),
            "usual": np.concatenate([edge for one in said for edge in (one.usual_low_kwh, one.usual_high_kwh)]),
        }

    return fit_findings(_some(table, split), split, answers)


def ahead_fit_findings(table: ReadingTable, split: Split, recipe: Recipe) -> list[Finding]:
    """Return the errors of a recipe of the task `ahead`."""

    def answers(learnt: ReadingTable, asked: ReadingTable) -> dict[str, FloatArray]:
        forecaster = fit_forecaster(learnt, _quick(recipe), split.fit_until_s).predictor
        said = [forecaster.forecast(batch, horizon) for batch, horizon in _asked(asked, split, forecaster.intervals)]
        return {
            "prediction": np.concatenate([np.empty(0), *(one.mean_kwh.ravel() for one in said)]),
            "range": np.concatenate([np.empty(0), *(one.quantiles_kwh.ravel() for one in said)]),
            "paths": np.concatenate([np.empty(0), *(one.paths_kwh(3).ravel() for one in said)]),
        }

    return fit_findings(_some(table, split), split, answers)


def _asked(table: ReadingTable, split: Split, intervals: Collection[int]) -> Iterator[tuple[HistoryBatch, int]]:
    """Yield what was known of some meters on their last days before a fit ended, and how many intervals make a day.

    Meters that had no reading by then, and lengths that the fit never saw, have no forecast that could be asked for.
    """
    groups = [table.take(np.arange(span.start, span.stop)) for span in table.groups()]
    known = [each for each in groups if each.interval_minutes[0] in intervals and each.ts_s[0] < split.fit_until_s]
    drawn = np.linspace(0, len(known) - 1, min(len(known), ASKED_METERS)).astype(np.int64)
    for group in (known[place] for place in drawn):
        batch = origins_of(group, daily_origins(group, int(group.ts_s[0]), split.fit_until_s), 24).batch
        if len(batch):
            yield batch.take(np.arange(len(batch))[-ASKED_DAYS:]), 24 * 60 // int(group.interval_minutes[0])


def _not_to_learn(table: ReadingTable, split: Split) -> dict[str, Mask]:
    """Return what no fit before the test may have seen."""
    later = table.ts_s >= split.fit_until_s
    return {ENERGY: later | (table.available_s > split.test_from_s), **dict.fromkeys(AUXILIARY, later)}


def _some(table: ReadingTable, split: Split) -> ReadingTable:
    """Return the newest readings of as many meters as `ROWS` allows, half a year of each or more.

    Meters that were read until the fit ended come first, and of these the ones that are known longest.
    """
    if len(table) <= ROWS:
        return table
    meters, meter = np.unique(table.meter_id.astype(str), return_inverse=True)
    before = table.ts_s < split.fit_until_s
    first_s, last_s = np.full(len(meters), split.fit_until_s), np.full(len(meters), table.ts_s.min())
    np.minimum.at(first_s, meter[before], table.ts_s[before])
    np.maximum.at(last_s, meter[before], table.ts_s[before])
    recent = before & (table.ts_s >= last_s[meter] - LEAST_DAYS * DAY_S)
    longest = np.lexsort((first_s, last_s < split.fit_until_s - LEAST_DAYS * DAY_S))
    enough = np.searchsorted(np.cumsum(np.bincount(meter[recent], minlength=len(meters))[longest]), ROWS)
    kept = np.isin(meter, longest[: max(1, int(enough))])
    own = table.take(kept)
    oldest_s = np.sort(own.ts_s)[-ROWS] if len(own) > ROWS else own.ts_s.min()
    return own.take(own.ts_s >= np.minimum(oldest_s, last_s[meter[kept]] - LEAST_DAYS * DAY_S))


def _quick(recipe: Recipe) -> Recipe:
    """Return the recipe with few trees."""
    return replace(recipe, settings=quick(recipe.name, recipe.settings, TREES))


def _differs(table: ReadingTable, answers: Answers, name: str, before: FloatArray, cells: Cells) -> bool:
    """Return whether another value in some cells makes another fit."""
    return not _same(before, answers(changed(table, cells), table)[name])


def _same(before: FloatArray, after: FloatArray) -> bool:
    """Return whether a fit said the same, missing being equal to missing."""
    return before.shape == after.shape and np.array_equal(before, after, equal_nan=True)


def _saw_test(table: ReadingTable, split: Split, name: str, cells: Cells) -> Finding:
    """Return the finding of a fit that saw what it may not."""
    quantity, row = first_cell(cells)
    of, at = iso_utc(table.ts_s[row]), iso_utc(split.fit_until_s)
    message = (
        f"{name}, fitted at {at}, changes with {quantity} of the interval that starts at {of}: the fit saw what it is "
        "scored on. Learn from `Split.fit_rows` only, scalers and means included."
    )
    evidence = {"origin_ts": at, "quantity": quantity, "reading_ts": of}
    return Finding(f"{name}_saw_the_test", name, Severity.ERROR, message, evidence)
