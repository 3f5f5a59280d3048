"""Where a model is better or worse: its scores beside the strongest baseline's by hour, horizon, meter and so on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.bootstrap import skill_bounds
from meter_core.evaluation.evaluated import Evaluation, Rows
from meter_core.evaluation.scores import Answers, losses, score_meters, strongest
from meter_core.features.readings import ReadingTable

BAND_C: Final = 5
"""Width of a temperature band, degrees Celsius."""

HOURS_APART: Final = 48
"""Horizons up to here are shown hour by hour, longer ones day by day."""

SHOWN: Final = ("rmse", "mae", "pinball", "coverage", "nmbe")


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to divide the scored rows.

    Attributes:
        names: of the groups, in the order in which they are shown.
        of_row: (n,) number of each row's group, -1 for one without.
    """

    names: Sequence[str]
    of_row: IntArray


@dataclass(frozen=True, slots=True)
class Slice:
    """The scores on one group of rows.

    Attributes:
        name: of the group.
        rows: how many.
        meters: of how many meters.
        scores: the model's.
        baseline: the strongest baseline's; None where there is none.
        skill: in the primary score, with its 95 % interval; None without a baseline, the interval with under two weeks.
        low: its lower end.
        high: its upper end.
    """

    name: str
    rows: int
    meters: int
    scores: Mapping[str, float]
    baseline: Mapping[str, float] | None
    skill: float | None = None
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def breakdown(evaluation: Evaluation, chosen: str, groupings: Mapping[str, Grouping]) -> dict[str, list[Slice]]:
    """Return the scores of a candidate in each group of each grouping, groups without rows left out."""
    return {
        by: [
            _slice(evaluation, chosen, str(name), np.flatnonzero(grouping.of_row == number))
            for number, name in enumerate(grouping.names)
            if (grouping.of_row == number).any()
        ]
        for by, grouping in groupings.items()
    }


def groupings_of(rows: Rows, segments: Mapping[str, str], temperature_c: FloatArray) -> dict[str, Grouping]:
    """Return the ways to divide scored rows; those of which nothing is known are left out.

    Args:
        rows: the scored rows.
        segments: of meters, where known.
        temperature_c: (n,) at each row, NaN where unknown.
    """
    hours = [f"{hour:02d}:00" for hour in range(24)]
    found = {"hour": Grouping(hours, rows.local_hour)}
    lead_h = (rows.ts_s - rows.origin_s) // 3600
    if lead_h.any():
        found["horizon"] = _by_horizon(lead_h)
    found["meter"] = Grouping(rows.meter_id.tolist(), rows.meter)
    if segments:
        names = sorted(set(segments.values()))
        of_meter = np.array([names.index(segments[m]) if m in segments else -1 for m in rows.meter_id.tolist()])
        found["segment"] = Grouping(names, of_meter[rows.meter])
    if not np.isnan(temperature_c).all():
        found["temperature"] = _by_temperature(temperature_c)
    return found


def temperatures(table: ReadingTable, rows: Rows) -> FloatArray:
    """Return (n,) degrees Celsius on the reading of each scored row, NaN where none was measured."""
    found = np.full(len(rows), np.nan)
    meters = table.meter_id.astype(str)
    for number, meter_id in enumerate(rows.meter_id.tolist()):
        own, wanted = table.take(meters == meter_id), np.flatnonzero(rows.meter == number)
        order = np.argsort(own.ts_s, kind="stable")
        place = np.minimum(np.searchsorted(own.ts_s[order], rows.ts_s[wanted]), len(own) - 1)
        same = own.ts_s[order][place] == rows.ts_s[wanted]
        found[wanted] = np.where(same, own.temperature_c[order][place], np.nan)
    return found


def _by_horizon(lead_h: IntArray) -> Grouping:
    """Return the rows by hours ahead, counted from 1; by days where they reach far."""
    if lead_h.max() < HOURS_APART:
        return Grouping([f"{hour + 1} h" for hour in range(int(lead_h.max()) + 1)], lead_h)
    return Grouping([f"day {day + 1}" for day in range(int(lead_h.max()) // 24 + 1)], lead_h // 24)


def _by_temperature(temperature_c: FloatArray) -> Grouping:
    """Return the rows by bands of temperature."""
    known = ~np.isnan(temperature_c)
    band = np.floor(np.where(known, temperature_c, 0.0) / BAND_C).astype(np.int64)
    first, last = int(band[known].min()), int(band[known].max())
    names = [f"{n * BAND_C} to {(n + 1) * BAND_C} °C" for n in range(first, last + 1)]
    return Grouping(names, np.where(known, band - first, -1))


def _slice(evaluation: Evaluation, chosen: str, name: str, at: IntArray) -> Slice:
    """Return the scores on some rows."""
    rows, primary = evaluation.rows, evaluation.primary
    numbers, meter = np.unique(rows.meter[at], return_inverse=True)
    answers = _taken(evaluation.candidates[chosen].answers[0], at)
    own = _scores(rows.measured_kwh[at], answers, meter)
    against = strongest(evaluation.baseline_scores, primary)
    baseline = None if against is None else evaluation.baselines[against]
    if baseline is None:
        return Slice(name, len(at), len(numbers), own, None)
    others = _taken(baseline.answers, at)
    theirs = _scores(rows.measured_kwh[at], others, meter)
    lost, their_loss = (losses(rows.measured_kwh[at], each)[primary] for each in (answers, others))
    if not theirs[primary] > 0:
        return Slice(name, len(at), len(numbers), own, theirs)
    with np.errstate(invalid="ignore", divide="ignore"):  # a vacant home's baseline may lose nothing in some draws
        bounds = skill_bounds(lost, their_loss, meter, rows.ts_s[at], primary == "rmse")
    low, high = (None, None) if bounds is None or not np.isfinite(bounds.low) else (bounds.low, bounds.high)
    return Slice(name, len(at), len(numbers), own, theirs, 1.0 - own[primary] / theirs[primary], low, high)


def _taken(answers: Answers, at: IntArray) -> Answers:
    """Return the answers of some rows."""
    return Answers(answers.mean_kwh[at], answers.quantiles_kwh[at])


def _scores(measured_kwh: FloatArray, answers: Answers, meter: IntArray) -> dict[str, float]:
    """Return the scores that a report shows, means over meters."""
    scores, _ = score_meters(measured_kwh, answers, meter)
    return {name: scores[name] for name in SHOWN}
