"""Plain values to readings: what comes otherwise than as JSON passes the same checks and is told the same."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from bento.columns import Columns
from bento.decoding import counted, limited, notes_of, refusal_of, why_wrong
from bento.notes import NULLABLE_MEASURED, in_columns, in_list, in_single, missing, wrong_type
from bento.schemas import DEFAULTS, FIELD_TYPES, REQUIRED, Note, Reading, Readings
from bento.wire import wrong_values

_COLUMN_TYPES: Final = {name: list[kind] for name, kind in FIELD_TYPES.items()}  # type: ignore[valid-type]


def reading_from(raw: dict[str, Any]) -> Reading:
    """Return the reading of plain values.

    Raises:
        RefusedRequestError: 422 with one note a field.
    """
    try:
        return msgspec.convert(raw, Reading)
    except msgspec.ValidationError as error:
        raise refusal_of(notes_of(raw, 0, in_single), error) from error


def readings_from(raws: list[dict[str, Any]]) -> Sequence[Reading]:
    """Return the readings of plain values.

    Raises:
        RefusedRequestError: 413 for too many, 422 with one note a field.
    """
    limited("readings", len(raws))
    try:
        return msgspec.convert({"readings": raws}, Readings).readings
    except msgspec.ValidationError as error:
        notes = (note for row, raw in enumerate(raws) for note in notes_of(raw, row, in_list))
        raise refusal_of(notes, error) from error


def columns_from(given: Mapping[str, list[Any]]) -> Columns:
    """Return all columns of readings from those that were given, None where a value was not.

    Raises:
        RefusedRequestError: 413 for too many, 422 with one note a value.
    """
    size = max(map(len, given.values()), default=0)
    limited("columns", size)
    if wrong := counted(chain(_misfits(given, size), _wrong_values(given))):
        raise wrong_values(wrong)
    return {name: given.get(name) or [DEFAULTS.get(name)] * size for name in FIELD_TYPES}


def _misfits(given: Mapping[str, list[Any]], size: int) -> Iterator[Note]:
    """Say which columns are missing or too short."""
    if size == 0:
        yield Note("columns", "list of 0", "there are no readings", "give each column one value a reading")
        return
    for name in REQUIRED:
        if name not in given and name not in NULLABLE_MEASURED:
            yield missing(f"columns.{name}", name)
    for name, values in given.items():
        if len(values) != size:
            message = f"{name} has {len(values):,} values where another column has {size:,}"
            yield Note(f"columns.{name}", f"list of {len(values)}", message, "give one value a reading, or none at all")


def _wrong_values(given: Mapping[str, list[Any]]) -> Iterator[Note]:
    """Say which values are out of bounds, where a column as a whole is not right."""
    for name, values in given.items():
        if why_wrong(values, _COLUMN_TYPES[name]) is not None:
            for row, value in enumerate(values):
                if (reason := why_wrong(value, FIELD_TYPES[name])) is not None:
                    yield wrong_type(in_columns(row, name), name, value, reason)
