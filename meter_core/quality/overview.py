"""What arrived when: the picture of a delivery, put together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import pandas as pd

from meter_core.contracts.readings import IntArray

KINDS: Final = ("loaded", "missing", "quarantined")
"""What a value is in the picture, from the bottom of a bar to its top."""
MINUTE_S: Final = 60
NOTHING: Final = np.zeros(0, dtype=np.int64)
Counted = tuple[IntArray, IntArray]


@dataclass(frozen=True, eq=False)
class Overview:
    """Values by time.

    Attributes:
        counted: Kind -> (minutes since 1970 UTC in order, how many values), of the values with a possible time.
        first_s: The earliest of them, in seconds since 1970 UTC; None where there is none.
        last_s: The latest.
        step_s: Seconds of the shortest interval; None where none can be read.
        timeless: Values without a possible time.
        meters: Whose values are loaded.
    """

    counted: Mapping[str, Counted]
    first_s: int | None
    last_s: int | None
    step_s: int | None
    timeless: int
    meters: frozenset[str]


def overview_of(judged: pd.DataFrame) -> Overview:
    """Return the overview of (a part of) a delivery's frame, which has its codes.

    A value of 2090 would stretch the picture: it counts as one without a possible time.
    """
    codes = judged["code"].to_numpy()
    instants = judged["reading_ts"].dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    timed = ~np.isnat(instants) & (codes != "impossible_stamp")
    seconds = instants[timed].astype("datetime64[s]").astype(np.int64)
    quarantined = pd.notna(codes)
    missing = judged["units_kwh"].isna().to_numpy() & ~quarantined
    masks = {"loaded": ~quarantined & ~missing, "missing": missing, "quarantined": quarantined}
    lengths = judged["interval_minutes"].to_numpy()[timed]
    lengths = lengths[lengths > 0]
    return Overview(
        {kind: _counted(seconds[mask[timed]]) for kind, mask in masks.items()},
        int(seconds.min()) if len(seconds) else None,
        int(seconds.max()) if len(seconds) else None,
        int(lengths.min()) * MINUTE_S if len(lengths) else None,
        int((~timed).sum()),
        frozenset(judged["meter_id"].array[~quarantined].unique()),
    )


def _counted(seconds: IntArray) -> Counted:
    """Return the distinct minutes and how often each stands there."""
    minutes, counts = np.unique(seconds // MINUTE_S, return_counts=True)
    return minutes, counts.astype(np.int64)


def refused_later(stamps: Sequence[pd.Timestamp]) -> Overview:
    """Return what changes an overview where values of these times turn out not to be loaded."""
    seconds = np.asarray([int(stamp.timestamp()) for stamp in stamps], dtype=np.int64)
    minutes, counts = _counted(seconds)
    changes = {"loaded": (minutes, -counts), "missing": (NOTHING, NOTHING), "quarantined": (minutes, counts)}
    return Overview(changes, None, None, None, 0, frozenset())


def together(parts: Sequence[Overview]) -> Overview:
    """Return the overview of a delivery from those of its parts."""
    return reduce(_both, parts)


def _both(one: Overview, other: Overview) -> Overview:
    """Return the overview of two parts."""
    return Overview(
        {kind: _sum(one.counted[kind], other.counted[kind]) for kind in KINDS},
        min((each.first_s for each in (one, other) if each.first_s is not None), default=None),
        max((each.last_s for each in (one, other) if each.last_s is not None), default=None),
        min((each.step_s for each in (one, other) if each.step_s is not None), default=None),
        one.timeless + other.timeless,
        one.meters | other.meters,
    )


def _sum(one: Counted, other: Counted) -> Counted:
    """Return the counts of two parts by minute."""
    minutes, place = np.unique(np.concatenate((one[0], other[0])), return_inverse=True)
    counts = np.zeros(len(minutes), dtype=np.int64)
    np.add.at(counts, place, np.concatenate((one[1], other[1])))
    return minutes, counts


def heights(overview: Overview, most: int) -> tuple[IntArray, dict[str, IntArray]]:
    """Return the bounds of at most so many bars in seconds, and for each kind the values of each bar.

    Bounds are multiples of the shortest interval, so that full bars are equally high. Empty where no value has a time.
    """
    if overview.first_s is None or overview.last_s is None:
        return NOTHING, {}
    step, first, last = overview.step_s or 3600, overview.first_s, overview.last_s
    each = -(-((last - first) // step + 1) // most) * step
    edges = first + each * np.arange((last - first) // each + 2)
    return edges, {
        kind: np.histogram(np.maximum(minutes * MINUTE_S, first), edges, weights=counts)[0].astype(np.int64)
        for kind, (minutes, counts) in overview.counted.items()
    }
