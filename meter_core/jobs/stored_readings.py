"""Readings of the store as the sorted columns that features are computed from."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from meter_core.contracts.readings import DEFAULT_CHANNEL
from meter_core.features.readings import ReadingTable

NONE: frozenset[str] = frozenset()


def stored_table(frame: pd.DataFrame, interval_means: Mapping[str, frozenset[str]]) -> ReadingTable:
    """Return stored readings of the main channel, each quantity as it was known at its interval's start.

    Where a meter's values come from sources that disagree, a quantity counts as an interval mean if any of them says
    so: known later is the safe side.

    Args:
        frame: as `Store.readings` returns it.
        interval_means: as `Store.interval_means` returns it.
    """
    frame = frame[frame["channel"] == DEFAULT_CHANNEL]
    pairs = frame[["meter_id", "source"]].drop_duplicates()
    late: dict[str, frozenset[str]] = {}
    for meter_id, source in pairs.itertuples(index=False):
        late[meter_id] = late.get(meter_id, NONE) | interval_means.get(source, NONE)
    tables = []
    for kinds in sorted(set(late.values()), key=sorted):
        meters = [meter_id for meter_id, own in late.items() if own == kinds]
        part = frame if len(meters) == len(late) else frame[frame["meter_id"].isin(meters)]
        tables.append(ReadingTable.of(part, interval_means=kinds))
    if not tables:
        return ReadingTable.of(frame)
    return ReadingTable(
        **{each.name: np.concatenate([getattr(table, each.name) for table in tables]) for each in fields(ReadingTable)}
    )
