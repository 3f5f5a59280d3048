"""Moments at which the leak linter asks for features, and tables in which what was not known then is another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S, local_hour_and_weekday, utc_offset_minutes
from meter_core.contracts.readings import AUXILIARY, FloatArray, IntArray
from meter_core.features.availability import ENERGY
from meter_core.features.readings import ReadingTable

RANDOM_ORIGINS: Final = 16
CLOCK_CHANGES: Final = 4
"""Clock changes around which is asked beside; half of all shifts by UTC show only there."""

BEFORE_S: Final = 60 * DAY_S
AFTER_S: Final = 10 * DAY_S
COMPANIONS: Final = 3
"""Other meters that lie beside the probed one: what is learnt over meters shows by them."""

LATE_S: Final = 36 * 3600
CORRECTED_SHARE: Final = 0.5

Mask = NDArray[np.bool_]
Cells = Mapping[str, Mask]
"""Which values of each quantity: (n,) masks by its name."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A moment at which features are asked for.

    Attributes:
        table: readings around it, of the meter and of some others.
        row: of the table; the moment is the start of its interval, the meter its own.
        delivered: how the table's values were delivered, in words; empty where as they were.
    """

    table: ReadingTable
    row: int
    delivered: str = ""

    @property
    def origin_s(self) -> int:
        """UTC seconds of the moment."""
        return int(self.table.ts_s[self.row])

    def unknown(self) -> dict[str, Mask]:
        """Return what is not known at the moment: energies not yet delivered, quantities of later intervals."""
        later = self.table.ts_s > self.origin_s
        return {ENERGY: self.table.available_s > self.origin_s, **dict.fromkeys(AUXILIARY, later)}


def probes(table: ReadingTable, seed: int = 0) -> list[Probe]:
    """Return probes at random rows with a measured energy, and at the rows around clock changes.

    Args:
        table: readings.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    measured = np.flatnonzero(~np.isnan(table.units_kwh))
    if not measured.size:
        return []
    random = rng.choice(measured, min(RANDOM_ORIGINS, measured.size), replace=False)
    rows = np.unique(np.concatenate([random, _around_clock_changes(table, rng)]))
    return [_cut(table, int(row), rng) for row in rows]


def deliveries(probe: Probe, rng: np.random.Generator) -> Iterator[Probe]:
    """Yield the probe as it is, with everything delivered late, and with values that are corrected after the moment."""
    table = probe.table
    end_s = table.ts_s + table.interval_minutes * 60
    yield probe
    late = replace(table, available_s=np.maximum(table.available_s, end_s + LATE_S))
    yield replace(probe, table=late, delivered=f", all delivered {LATE_S // 3600} hours late")
    corrected = rng.random(len(table)) < CORRECTED_SHARE
    known_s = np.where(corrected, np.maximum(table.available_s, probe.origin_s + DAY_S), table.available_s)
    yield replace(probe, table=replace(table, available_s=known_s), delivered=", corrected after the moment")


def changed(table: ReadingTable, cells: Cells, missing: bool = False) -> ReadingTable:
    """Return the table with other values in some cells: measured where none was; all missing where asked."""
    columns: dict[str, Any] = {name: _other(getattr(table, name), mask, missing) for name, mask in cells.items()}
    return replace(table, **columns)


def _other(values: FloatArray, mask: Mask, missing: bool) -> FloatArray:
    """Return values that are others where the mask says so."""
    other: Any = np.nan if missing else np.where(np.isnan(values), 5.0, values * 3 + 7)
    return np.where(mask, other, values)


def _cut(table: ReadingTable, row: int, rng: np.random.Generator) -> Probe:
    """Return a probe whose table holds what lies around it in time."""
    at, meter = table.ts_s[row], table.meter_id[row]
    near = np.flatnonzero((table.ts_s >= at - BEFORE_S) & (table.ts_s < at + AFTER_S))
    others = np.unique(table.meter_id[near].astype(str))
    others = others[others != meter]
    kept = [meter, *rng.choice(others, min(COMPANIONS, len(others)), replace=False).tolist()]
    near = near[np.isin(table.meter_id[near], np.array(kept, dtype=object))]
    return Probe(table.take(near), int(np.searchsorted(near, row)))


def _around_clock_changes(table: ReadingTable, rng: np.random.Generator) -> IntArray:
    """Return rows just after clock changes of one meter, and those at the local midnight before."""
    spans = list(table.groups())
    span = spans[int(rng.integers(len(spans)))]
    group = table.take(np.arange(span.start, span.stop))
    zone = str(group.zone[0])
    after = np.flatnonzero(np.diff(utc_offset_minutes(group.ts_s, zone))) + 1
    after = after[-CLOCK_CHANGES:]
    hour, _ = local_hour_and_weekday(group.ts_s, zone)
    midnights = np.flatnonzero(hour == 0)
    before = midnights[np.maximum(np.searchsorted(midnights, after) - 1, 0)] if midnights.size else after[:0]
    rows = np.concatenate([after - 1, after, after + 1, before])
    rows = rows[(rows >= 0) & (rows < len(group))]
    return np.asarray(rows[~np.isnan(group.units_kwh[rows])] + span.start)
