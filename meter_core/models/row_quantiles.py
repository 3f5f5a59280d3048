"""Empirical quantiles of each row, whatever is missing in it."""

from collections.abc import Sequence

import numpy as np

from meter_core.contracts.readings import FloatArray


def row_quantiles(values: FloatArray, levels: Sequence[float], at_least: int) -> FloatArray:
    """Return the quantiles of the values of each row that are not NaN.

    Type 6 of Hyndman and Fan (1996), `weibull` in numpy: the value of rank level * (n + 1), between neighbours linear.

    Args:
        values: (n, k).
        levels: (q,) between 0 and 1.
        at_least: rows with fewer values get NaN.

    Returns:
        (n, q).
    """
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = (~np.isnan(values)).sum(axis=1)[:, None]
    rank = np.clip((count + 1) * np.asarray(levels), 1, np.maximum(count, 1))
    below = np.floor(rank).astype(np.int64)
    low = np.take_along_axis(ordered, below - 1, axis=1)
    high = np.take_along_axis(ordered, np.minimum(below, count.clip(1) - 1), axis=1)
    return np.where(count >= at_least, low + (rank - below) * (high - low), np.nan)
