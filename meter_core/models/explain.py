"""What moved a prediction: the share of each group of inputs in its difference from that of a typical reading.

Exact Shapley values (L. S. Shapley, A value for n-person games, 1953) of the groups against a reference reading: every
subset of the groups takes the reading's values, the others the reference's, and the model answers all of them in one
batch. The shares add up to the prediction less the reference's.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.features import FEATURES, MEASURED
from meter_core.contracts.readings import FloatArray, IntArray, ReadingBatch
from meter_core.features.history import FEATURE_SETS, HISTORY_FEATURES, has_history
from meter_core.features.snapshot import snapshot_matrix
from meter_core.models.part import Part
from meter_core.models.predictor import Predictor

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "load": ("load_kw", "load_intensity"),
    "voltage": ("voltage_v", "voltage_flag"),
    "power_factor": ("power_factor", "pf_issue"),
    "temperature": ("temperature_c", "high_temp"),
    "frequency": ("frequency_hz",),
    "time": ("local_hour", "local_day_of_week", "is_weekend"),
    "recent": HISTORY_FEATURES,
}
"""Every feature, with what it derives from: their shares cannot be told apart by anyone who reads a meter."""

_WORDS: Final = {
    "load": ("Load", "load_kw", "{:.2f} kW"),
    "voltage": ("Voltage", "voltage_v", "{:.1f} V"),
    "power_factor": ("Power factor", "power_factor", "{:.3f}"),
    "temperature": ("Temperature", "temperature_c", "{:.1f} \N{DEGREE SIGN}C"),
    "frequency": ("Frequency", "frequency_hz", "{:.2f} Hz"),
    "recent": ("Recent consumption", "last_day_kw", "{:.2f} kW on the day before"),
}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one group of inputs did.

    Attributes:
        group: key of `GROUPS`.
        value: of the reading, as people read it.
        reference: of the typical reading, likewise.
        kwh: by how much it moved the prediction.
        words: all of it in one line.
    """

    group: str
    value: str
    reference: str
    kwh: float
    words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction taken apart.

    Attributes:
        reference_kwh: what the model predicts for the typical reading.
        contributions: of the groups that the model looks at, the largest first; with `reference_kwh` they add up to
            the prediction.
    """

    reference_kwh: float
    contributions: tuple[Contribution, ...]


def explain(predictor: Predictor, batch: ReadingBatch) -> Explanation | None:
    """Return what moved the prediction of one reading; None where the predictor was saved without a reference.

    Raises:
        UsageError: where the batch holds not exactly one reading, or an interval that was never trained on.
    """
    if len(batch) != 1:
        raise UsageError(f"{len(batch)} readings to explain; give one")
    if predictor.reference is None:
        return None
    part, row = _answering(predictor, batch)
    typical = predictor.reference[: len(row)]
    groups = [group for group, names in GROUPS.items() if set(names) & set(part.used)]
    taken = _subsets(len(groups)) @ _belonging(groups, part)
    power_kw = predictor.floored(part.mean_kw(np.where(taken, row, typical)))
    kwh = power_kw * (batch.interval_minutes[0] / 60.0)
    shares = shapley(kwh).tolist()
    found = [_contribution(group, row, typical, share) for group, share in zip(groups, shares, strict=True)]
    return Explanation(float(kwh[0]), tuple(sorted(found, key=lambda one: -abs(one.kwh))))


def shapley(values: FloatArray) -> FloatArray:
    """Return the (g,) Shapley values of a game.

    Args:
        values: (2**g,) what each subset is worth; bit i of its number says whether player i is in it.
    """
    without, bits, weights = _orders((len(values) - 1).bit_length())
    gains = values[without | bits] - values[without]
    # `einsum` without BLAS, as everywhere: the last bits must not depend on the machine.
    return np.einsum("ij,ij->i", weights, gains)


def typical_reading(matrix: FloatArray, rows: NDArray[np.bool_]) -> FloatArray:
    """Return the (k,) features of a reading with the median of each quantity: what predictions are compared with.

    Args:
        matrix: (n, k) history feature matrix.
        rows: (n,) those of the training window. Medians are the lower ones: values that do occur.
    """
    typical = np.array([_median(matrix[rows, column]) for column in range(matrix.shape[1])])
    known = dict(zip(FEATURES, typical, strict=False))
    hour, weekday = (np.array([int(known[name])]) for name in ("local_hour", "local_day_of_week"))
    measured = {name: np.array([known[name]]) for name in MEASURED}
    batch = ReadingBatch(**measured, local_hour=hour, local_day_of_week=weekday, interval_minutes=np.array([60]))
    typical[: len(FEATURES)] = snapshot_matrix(batch)[0]
    return typical


def _answering(predictor: Predictor, batch: ReadingBatch) -> tuple[Part, FloatArray]:
    """Return the part that answers a reading, and the row of features that it does so from."""
    row = predictor.features(batch)
    history = predictor.history
    if history is not None and has_history(row[:, len(FEATURES) :], history.needs)[0]:
        return history, row[0]
    return predictor.snapshot, row[0, : len(FEATURES)]


@lru_cache(maxsize=16)
def _subsets(size: int) -> NDArray[np.bool_]:
    """Return the (2**size, size) members of every subset; row n has those whose bits are set in n."""
    return (np.arange(2**size)[:, None] >> np.arange(size)) & 1 == 1


def _belonging(groups: list[str], part: Part) -> NDArray[np.bool_]:
    """Return (g, k): which column of the part's matrix belongs to which group."""
    return np.array([[name in GROUPS[group] for name in FEATURE_SETS[part.features]] for group in groups])


@lru_cache(maxsize=16)
def _orders(size: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Return of each player the (size, 2**(size - 1)) subsets without it, its bit, and the subsets' weights."""
    inside = _subsets(size)
    members = inside.sum(axis=1)
    share = np.array([1 / (size * math.comb(size - 1, n)) for n in range(size)])
    without = np.array([np.flatnonzero(~inside[:, player]) for player in range(size)])
    return without, 1 << np.arange(size)[:, None], share[members[without]]


def _contribution(group: str, row: FloatArray, typical: FloatArray, kwh: float) -> Contribution:
    """Return a group's share with the words for it."""
    value = _value(group, row)
    title = "" if group == "time" else f"{_WORDS[group][0]} "
    return Contribution(group, value, _value(group, typical), kwh, f"{title}{value}: {kwh:+.2f} kWh")


def _value(group: str, row: FloatArray) -> str:
    """Return a group's value as people read it."""
    if group == "time":
        hour, weekday = (int(row[FEATURES.index(name)]) for name in ("local_hour", "local_day_of_week"))
        return f"{_DAYS[weekday]} {hour:02d}:00"
    _, name, form = _WORDS[group]
    value = row[FEATURE_SETS["history"].index(name)]
    return "not measured" if np.isnan(value) else form.format(value)


def _median(values: FloatArray) -> float:
    """Return the lower median of the values that are not NaN; NaN without any."""
    there = values[~np.isnan(values)]
    middle = (len(there) - 1) // 2
    return float(np.partition(there, middle)[middle]) if len(there) else math.nan
