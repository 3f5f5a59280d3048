"""Sums over slabs of a history: a meter's are the same, bit for bit, in any batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.forecasts import HISTORY_NEEDED_VALUES
from meter_core.contracts.readings import FloatArray, IntArray


def sum_of(values: FloatArray) -> FloatArray:
    """Return the sums of slabs, added one after the other: a meter's are the same in any batch."""
    if values[0].size == 1:  # numpy would add a single column in pairs, in another order than columns side by side
        return np.cumsum(values, axis=0)[-1]
    return np.add.reduce(values, axis=0)


def count_of(there: NDArray[np.bool_]) -> IntArray:
    """Return how many slabs have a value."""
    return np.add.reduce(there.view(np.int8), axis=0, dtype=np.int8).astype(np.int64)


def mean_of_sums(total: FloatArray, count: NDArray[Any], at_least: float = HISTORY_NEEDED_VALUES) -> FloatArray:
    """Return means, NaN where of fewer values."""
    enough = count >= at_least
    return np.where(enough, total / np.where(enough, count, 1), np.nan)


def first_slab(values: FloatArray) -> FloatArray:
    """Return the first slab's value that is not NaN."""
    first = values[-1]
    for slab in values[-2::-1]:
        first = np.where(np.isnan(slab), first, slab)
    return first
