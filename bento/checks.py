"""What a single value's type and bounds cannot tell: contradictions, intervals nobody trained on, unusual values."""

import numpy as np

from bento.columns import Columns
from bento.localtime import Notes
from bento.notes import Where, unusual, wrong_type
from bento.schemas import Note
from meter_core.contracts.features import DERIVED, FEATURES, MEASURED, USUAL_RANGE
from meter_core.contracts.readings import IntArray, ReadingBatch
from meter_core.features.snapshot import snapshot_matrix

ROUNDED = 0.01
"""How far a given `load_intensity` may lie from the computed one: clients round."""

_LOW, _HIGH = (np.array([USUAL_RANGE[name][side] for name in MEASURED]) for side in (0, 1))


def check_interval(minutes: IntArray, trained: IntArray, where: Where, notes: Notes) -> None:
    """Say which readings ask for an interval that the model never saw."""
    if set(minutes.tolist()).issubset(trained.tolist()):
        return
    for row in np.flatnonzero(~np.isin(minutes, trained)).tolist():
        given, path = int(minutes[row]), where(row, "interval_minutes")
        reason = f"interval_minutes is {given}: the model was trained on {', '.join(str(value) for value in trained)}"
        note = Note(path, given, reason, "give a length of interval that the model was trained on, in minutes")
        notes.setdefault(row, []).append(note)


def check_derived(values: Columns, batch: ReadingBatch, where: Where, notes: Notes) -> None:
    """Say which derived values that were given contradict what they derive from."""
    given = [name for name in DERIVED if any(value is not None for value in values[name])]
    if not given:
        return
    computed = snapshot_matrix(batch)
    timeless = set(notes)
    for name in given:
        said = np.array(values[name], dtype=np.float64)
        true = computed[:, FEATURES.index(name)]
        tolerance = ROUNDED if name == "load_intensity" else 0.0
        agrees = np.isnan(said) | (np.abs(said - true) <= tolerance)
        for row in np.flatnonzero(~agrees).tolist():
            if name == "is_weekend" and row in timeless:
                continue  # its time is wrong already, and says so
            note = wrong_type(where(row, name), name, values[name][row], _contradiction(name, float(true[row])))
            notes.setdefault(row, []).append(note)


def _contradiction(name: str, true: float) -> str:
    """Return what a derived value should be."""
    if np.isnan(true):
        return "nothing to derive it from was measured"
    return (
        f"what it derives from gives {true:g}" if name == "load_intensity" else f"it is {'true' if true else 'false'}"
    )


def warnings_of(batch: ReadingBatch, where: Where) -> Notes:
    """Return a warning for each measured value outside its usual range."""
    quantities = np.stack([getattr(batch, name) for name in MEASURED], axis=1)
    warnings: Notes = {}
    outside = (quantities < _LOW) | (quantities > _HIGH)
    if not outside.any():
        return warnings
    for row, column in np.argwhere(outside).tolist():
        field = MEASURED[column]
        note = unusual(where(row, field), field, float(quantities[row, column]))
        warnings.setdefault(row, []).append(note)
    return warnings
