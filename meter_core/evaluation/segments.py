"""Segments of meters by the shape of their load: in which part of the local day a meter uses most.

What a utility calls its segments is better where it is known; this is what the readings themselves tell.
"""

from typing import Final

import numpy as np

from meter_core.calendar import local_hour_and_weekday
from meter_core.features.readings import ReadingTable

PARTS: Final = ("night", "morning", "afternoon", "evening")
"""From 0, 6, 12 and 18 o'clock on."""

FLAT: Final = "flat"
FLAT_BELOW: Final = 1.2
"""The strongest part of the day of a flat meter has less than this times its mean."""

FEWEST: Final = 7
"""Values of each part that a shape needs."""


def load_segments(table: ReadingTable, until_s: int) -> dict[str, str]:
    """Return the segment of each meter whose measured readings before an instant show one.

    Args:
        table: readings.
        until_s: UTC seconds; later readings are not looked at.
    """
    segments = {}
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        kw = np.where(group.ts_s < until_s, group.mean_kw, np.nan)
        hour, _ = local_hour_and_weekday(group.ts_s, str(group.zone[0]))
        known = ~np.isnan(kw)
        part = hour[known] // 6
        count = np.bincount(part, minlength=len(PARTS))
        if count.min() < FEWEST:
            continue
        means = np.bincount(part, weights=kw[known], minlength=len(PARTS)) / count
        strongest = int(means.argmax())
        flat = means[strongest] < FLAT_BELOW * means.mean()
        segments[str(group.meter_id[0])] = FLAT if flat else PARTS[strongest]
    return segments
