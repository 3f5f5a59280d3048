"""The leak linter: it proves at many moments that nothing which was not known then changes a feature.

Each feature is computed twice, the second time from readings of which everything that was not known at the moment is
another, or missing. What differs, sees the future; the linter then looks for the one value by which. It asks with
readings as they were delivered, with all of them late, and with corrections after the moment: a lag too short for a
delay, or a value that was corrected later, shows although the data at hand has neither.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import iso_utc
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import AUXILIARY, FloatArray
from meter_core.evaluation.leak_probes import Cells, Probe, changed, deliveries, probes
from meter_core.features.availability import ENERGY, KNOWN_FROM
from meter_core.features.readings import ReadingTable

DECLARATION_PROBES: Final = 4
SEED: Final = 0

Build = Callable[[ReadingTable, int], FloatArray]
"""Returns (h, k) features of a moment: the start of the interval of that row, of that row's meter."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features that are linted.

    Attributes:
        names: (k,) of the columns.
        build: computes them.
        needs: quantities that each is declared to be computed from.
    """

    names: tuple[str, ...]
    build: Build
    needs: Mapping[str, tuple[str, ...]]


def lint(table: ReadingTable, features: Features, seed: int = SEED) -> list[Finding]:
    """Return an error for each feature that sees what is not known yet, or what it does not declare.

    Args:
        table: readings.
        features: how they are computed.
        seed: of the moments.
    """
    asked, found = probes(table, seed), dict[str, Finding]()
    rng = np.random.default_rng(seed)
    for probe in asked:
        for delivered in deliveries(probe, rng):
            _seek(delivered, features, found)
    for probe in asked[:: max(1, len(asked) // DECLARATION_PROBES)]:
        _hold_to_declaration(probe, features, found)
    return [found[name] for name in features.names if name in found]


def _seek(probe: Probe, features: Features, found: dict[str, Finding]) -> None:
    """Add a finding for each feature that is seen to change."""
    before = features.build(probe.table, probe.row)
    for missing in (False, True):
        cells = probe.unknown()
        after = features.build(changed(probe.table, cells, missing), probe.row)
        for column in differing(before, after):
            name = features.names[column]
            if name not in found:
                found[name] = _sees_future(probe, features, column, missing)


def _sees_future(probe: Probe, features: Features, column: int, missing: bool) -> Finding:
    """Return the finding of a feature that changes, with the first value that changes it."""
    before = features.build(probe.table, probe.row)

    def differs(cells: Cells) -> bool:
        after = features.build(changed(probe.table, cells, missing), probe.row)
        return column in differing(before, after)

    quantity, row = first_cell(culprit(probe.unknown(), differs))
    name, table = features.names[column], probe.table
    known_s = table.available_s[row] if quantity == ENERGY else table.ts_s[row]
    whose = "" if table.meter_id[row] == table.meter_id[probe.row] else " of another meter"
    at, of, known = iso_utc(probe.origin_s), iso_utc(table.ts_s[row]), iso_utc(known_s)
    message = (
        f"{name} at {at} changes with {quantity}{whose} of the interval that starts at {of}, known from {known} on"
        f"{probe.delivered}: it sees the future. Compute it from what is known at its moment."
    )
    evidence = {"origin_ts": at, "quantity": quantity, "reading_ts": of, "known_ts": known}
    return Finding(f"{name}_sees_the_future", name, Severity.ERROR, message, evidence)


def _hold_to_declaration(probe: Probe, features: Features, found: dict[str, Finding]) -> None:
    """Add a finding for each feature that is not declared, or changes with a quantity that it does not declare."""
    for name in features.names:
        if name not in features.needs:
            found.setdefault(name, _undeclared(name, "is not declared"))
    before = features.build(probe.table, probe.row)
    everywhere = np.ones(len(probe.table), dtype=bool)
    for quantity in (ENERGY, *AUXILIARY):
        after = features.build(changed(probe.table, {quantity: everywhere}), probe.row)
        for column in differing(before, after):
            name = features.names[column]
            if quantity not in features.needs.get(name, ()):
                said = f"at {iso_utc(probe.origin_s)} changes with {quantity}, which it does not declare to need"
                found.setdefault(name, _undeclared(name, said, quantity))


def _undeclared(name: str, said: str, quantity: str | None = None) -> Finding:
    """Return the finding of a feature whose availability is not what is declared."""
    known = f" {quantity} is known from {KNOWN_FROM[quantity]}." if quantity else ""
    message = f"{name} {said}: say in meter_core/features/availability.py what it is computed from.{known}"
    return Finding(f"{name}_undeclared", name, Severity.ERROR, message, {"quantity": quantity})


def differing(before: FloatArray, after: FloatArray) -> list[int]:
    """Return the columns of two (h, k) matrices that differ anywhere, missing being equal to missing."""
    same = np.isclose(before, after, rtol=1e-9, atol=0.0, equal_nan=True)
    return [int(column) for column in np.flatnonzero(~same.all(axis=0))]


def culprit(cells: Cells, differs: Callable[[Cells], bool]) -> Cells:
    """Return as few as possible of the cells whose change makes a difference, by halving them.

    Args:
        cells: together they make one.
        differs: whether some of them do.
    """
    while True:
        listed = _listed(cells)
        half = len(listed) // 2
        if not half:
            return cells
        smaller = (_masks(part, cells) for part in (listed[:half], listed[half:]))
        found = next((part for part in smaller if differs(part)), None)
        if found is None:
            return cells
        cells = found


def first_cell(cells: Cells) -> tuple[str, int]:
    """Return quantity and row of the first cell."""
    quantity, row = _listed(cells)[0]
    return quantity, row


def _listed(cells: Cells) -> list[tuple[str, int]]:
    """Return quantity and row of each cell."""
    return [(name, row) for name, mask in cells.items() for row in np.flatnonzero(mask).tolist()]


def _masks(listed: list[tuple[str, int]], like: Cells) -> dict[str, NDArray[Any]]:
    """Return the cells of a list as masks."""
    masks = {name: np.zeros(len(mask), dtype=bool) for name, mask in like.items()}
    for name, row in listed:
        masks[name][row] = True
    return masks
