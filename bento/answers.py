"""From columns of readings to predictions, or to what is wrong with them: one code for one reading and ten thousand."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bento.champion import Champion
from bento.checks import check_derived, check_interval, warnings_of
from bento.columns import Columns, of_readings, reading_batch
from bento.localtime import Notes, local_times
from bento.notes import Where, in_single
from bento.schemas import Note, Prediction, Reading
from meter_core.contracts.readings import FloatArray, PredictionBatch, ReadingBatch


@dataclass(frozen=True, slots=True)
class Checked:
    """Readings that can be computed with, and what is to be said about them.

    Attributes:
        batch: all readings; those with notes in `wrong` hold placeholders where needed.
        wrong: errors of a reading by its number.
        warnings: warnings likewise.
    """

    batch: ReadingBatch
    wrong: Notes
    warnings: Notes


def checked(values: Columns, champion: Champion, where: Where) -> Checked:
    """Check readings against each other's fields and against the champion."""
    wrong: Notes = {}
    times = local_times(values, where, time.time(), wrong)
    batch = reading_batch(values, times)
    check_interval(batch.interval_minutes, champion.interval_minutes, where, wrong)
    check_derived(values, batch, where, wrong)
    return Checked(batch, wrong, warnings_of(batch, where))


def answer_each(readings: Sequence[Reading], champion: Champion) -> list[Prediction | list[Note]]:
    """Return each reading's prediction, or what is wrong with it; none touches its neighbours."""
    values = of_readings(readings)
    found = checked(values, champion, in_single)
    if not found.wrong:
        return [Prediction(*row) for row in zip(*prediction_columns(values, found, champion), strict=True)]
    good = [row for row in range(len(readings)) if row not in found.wrong]
    answers: list[Prediction | list[Note]] = [found.wrong.get(row, []) for row in range(len(readings))]
    if good:
        for row, answer in zip(good, answer_each([readings[row] for row in good], champion), strict=True):
            answers[row] = answer
    return answers


def prediction_columns(values: Columns, found: Checked, champion: Champion) -> list[Sequence[Any]]:
    """Return the fields of `Prediction` in order, each with its n values."""
    result: PredictionBatch = champion.predictor.predict(found.batch)
    size = len(result)
    return [
        result.units_kwh.tolist(),
        result.low_kwh.tolist(),
        result.high_kwh.tolist(),
        result.status.tolist(),
        result.basis.tolist(),
        _null_for_nan(result.usual_low_kwh),
        _null_for_nan(result.usual_high_kwh),
        result.used_history.tolist(),
        [champion.version] * size,
        values["meter_id"],
        [found.warnings.get(row, []) for row in range(size)],
    ]


def _null_for_nan(values: FloatArray) -> list[float | None]:
    """Return plain values, None for NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]
