"""JSON to the request of a forecast; what is wrong with it is said field by field."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bento.decoding import not_an, raw_values, refusal_of, why_wrong
from bento.forecast_schemas import ForecastRequest, PastColumn, PastKwh, PastValue, Weather
from bento.notes import missing, remedy_of, shortened, wrong_type
from bento.schemas import Note

_REQUEST: Final = msgspec.json.Decoder(ForecastRequest)
_ENTRIES: Final[dict[str, type[msgspec.Struct]]] = {"history": PastValue, "weather": Weather}
"""Fields that are lists of objects."""


def decode_forecast(body: bytes) -> ForecastRequest:
    """Return the request of `POST /forecast`.

    Raises:
        RefusedRequestError: with one note a field.
    """
    try:
        return _REQUEST.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raw = raw_values(body, error)
        if not isinstance(raw, dict):
            raise not_an(raw, "object with zone, interval_minutes, history and horizon") from error
        raise refusal_of(_notes(raw), error) from error


def _notes(raw: dict[str, Any]) -> Iterator[Note]:
    """Say what is wrong, entry by entry where a field is a list."""
    nested = {name: raw[name] for name in _ENTRIES if isinstance(raw.get(name), list)}
    if isinstance(raw.get("history"), dict):
        yield from _column_notes(raw["history"])
        nested["history"] = raw["history"]
    yield from _object_notes(raw, ForecastRequest, "", skipped=tuple(nested))
    for name, entries in nested.items():
        if isinstance(entries, list):
            yield from _entry_notes(name, entries)


def _column_notes(history: dict[str, Any]) -> Iterator[Note]:
    """Say what is wrong in `{"start": ..., "units_kwh": [...]}`."""
    values = history.get("units_kwh")
    listed = isinstance(values, list)
    yield from _object_notes(history, PastColumn, "history.", skipped=("units_kwh",) if listed else ())
    for number, value in enumerate(values if isinstance(values, list) else ()):
        if (reason := why_wrong(value, PastKwh)) is not None:
            yield wrong_type(f"history.units_kwh[{number}]", "units_kwh", value, reason)


def _entry_notes(name: str, entries: list[Any]) -> Iterator[Note]:
    """Say what is wrong in a list of objects."""
    for number, entry in enumerate(entries):
        path = f"{name}[{number}]"
        if isinstance(entry, dict):
            yield from _object_notes(entry, _ENTRIES[name], f"{path}.")
        else:
            yield Note(path, shortened(entry), "it is not an object", remedy_of(name))


def _object_notes(
    raw: dict[str, Any], expected: type[msgspec.Struct], prefix: str, skipped: tuple[str, ...] = ()
) -> Iterator[Note]:
    """Say which fields of an object are missing, unknown or of another type."""
    fields = {field.name: field for field in msgspec.structs.fields(expected)}
    yield from (missing(prefix + name, name) for name, field in fields.items() if field.required and name not in raw)
    for name, value in raw.items():
        if name not in fields:
            remedy = "leave it out; /docs lists the fields"
            yield Note(
                shortened(prefix + name), shortened(value), f"{shortened(name)} is none of the fields here", remedy
            )
        elif name not in skipped and (reason := why_wrong(value, fields[name].type)) is not None:
            yield wrong_type(prefix + name, name, value, reason)
