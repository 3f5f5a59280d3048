"""JSON to readings. What is right is decoded in one go; what is wrong is looked at field by field, to say all of it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from bento.columns import Columns, of_readings, of_rows, rows_type
from bento.notes import Where, in_list, in_single, in_table, missing, remedy_of, shortened, unknown, wrong_type
from bento.schemas import FIELD_TYPES, REQUIRED, Note, Reading, Readings, Table
from bento.wire import MOST_COUNTED, RefusedRequestError, wrong_values
from meter_core.contracts.features import BATCH_LIMIT


class RawTable(msgspec.Struct, forbid_unknown_fields=True):
    """A table whose rows are decoded once the columns are known."""

    columns: list[str]
    rows: msgspec.Raw


_READING = msgspec.json.Decoder(Reading)
_READINGS = msgspec.json.Decoder(Readings)
_TABLE = msgspec.json.Decoder(RawTable)
_STARTS_TABLE = re.compile(rb'\s*\{\s*"(columns|rows)"')

_BOUND = re.compile(r"Expected (?P<what>[a-z ]+?)(?: of length)? (?P<sign><=|>=) (?P<limit>\S+)")
_WANTED = re.compile(r"Expected (?P<what>[a-z]+)\b.*, got .*")
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field (?P<name>.*)")
_NAN = re.compile(rb"[:\[,]\s*-?(NaN|Infinity)\b")
_NO_NAN = "JSON has neither NaN nor Infinity: give null where nothing was measured"
_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "array": "a list",
    "object": "an object",
    "bool": "true, false, 0 or 1",
}


def decode_reading(body: bytes) -> Reading:
    """Return the reading of `/predict`.

    Raises:
        RefusedRequestError: with one note a field.
    """
    try:
        return _READING.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raw = raw_values(body, error)
        if not isinstance(raw, dict):
            raise not_an(raw, "object with the fields of one reading") from error
        raise refusal_of(notes_of(raw, 0, in_single), error) from error


def decode_batch(body: bytes) -> tuple[Columns, Where, bool]:
    """Return the readings of `/predict_batch` as columns, where their fields stand, and whether a table was asked.

    Raises:
        RefusedRequestError: with one note a field.
    """
    if _STARTS_TABLE.match(body):
        columns, rows = _decode_table(body)
        return of_rows(columns, rows), in_table(columns), True
    return of_readings(_decode_list(body)), in_list, False


def notes_of(raw: dict[str, Any], row: int, where: Where) -> Iterator[Note]:
    """Say what types and bounds are wrong in one reading object."""
    yield from (missing(where(row, field), field) for field in REQUIRED if field not in raw)
    for field, value in raw.items():
        if field not in FIELD_TYPES:
            yield unknown(where(row, field), field, value)
        elif (reason := why_wrong(value, FIELD_TYPES[field])) is not None:
            yield wrong_type(where(row, field), field, value, reason)


def _decode_list(body: bytes) -> Sequence[Reading]:
    """Return the readings of `{"readings": [...]}`."""
    try:
        return _READINGS.decode(body).readings
    except (msgspec.DecodeError, RecursionError) as error:
        raw = raw_values(body, error)
        readings = raw.get("readings") if isinstance(raw, dict) else None
        if not isinstance(readings, list):
            raise not_an(raw, 'object {"readings": [...]} or {"columns": [...], "rows": [[...]]}') from error
        limited("readings", len(readings))
        notes = (note for row, one in enumerate(readings) for note in _notes_of_entry(one, row))
        raise refusal_of(notes, error) from error


def _notes_of_entry(raw: Any, row: int) -> Iterable[Note]:
    """Return what is wrong in one entry of a list."""
    if isinstance(raw, dict):
        return notes_of(raw, row, in_list)
    remedy = "give an object with the fields of one reading"
    return [Note(f"readings[{row}]", shortened(raw), "the reading is not an object", remedy)]


def _decode_table(body: bytes) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns and rows of `{"columns": [...], "rows": [[...]]}`."""
    try:
        table = _TABLE.decode(body)
        if notes := _column_notes(table.columns):
            raise wrong_values(notes)
        rows = msgspec.json.decode(table.rows, type=rows_type(tuple(table.columns)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise refusal_of(_table_notes(raw_values(body, error)), error) from error
    limited("rows", len(rows))
    if not rows:
        raise wrong_values([Note("rows", "list of 0", "there are no rows", "give one list of values a reading")])
    return table.columns, rows


def _column_notes(columns: list[str]) -> list[Note]:
    """Return which columns are none of a reading's, stand twice, or are missing."""
    times = Counter(columns)
    strange = (unknown(f"columns[{at}]", name, name) for at, name in enumerate(columns) if name not in FIELD_TYPES)
    twice = (shortened(name) for name in sorted(times) if times[name] > 1)
    again = (Note("columns", name, f"{name} is named twice", "name each column once") for name in twice)
    absent = (missing("columns", name) for name in REQUIRED if name not in times)
    return counted(chain(strange, again, absent))


def _table_notes(raw: Any) -> Iterable[Note]:
    """Return what is wrong in a table, row by row."""
    try:
        table = msgspec.convert(raw, Table)
    except msgspec.ValidationError as error:
        rows = raw.get("rows") if isinstance(raw, dict) else None
        limited("rows", len(rows) if isinstance(rows, list) else 0)
        return [_note_of(error)]
    where = in_table(table.columns)
    return (note for row, values in enumerate(table.rows) for note in _row_notes(table.columns, values, row, where))


def _row_notes(columns: list[str], values: list[Any], row: int, where: Where) -> Iterable[Note]:
    """Return what is wrong in one row of a table."""
    if len(values) != len(columns):
        reason = f"{len(values)} values for {len(columns)} columns"
        return [Note(f"rows[{row}]", f"list of {len(values)}", f"the row has {reason}", "give one value a column")]
    return notes_of(dict(zip(columns, values, strict=True)), row, where)


def counted(notes: Iterable[Note]) -> list[Note]:
    """Return the notes, and of very many one more than are counted."""
    return list(islice(notes, MOST_COUNTED + 1))


def limited(path: str, count: int) -> None:
    """Refuse more readings than one request may hold.

    Raises:
        RefusedRequestError: 413, with how many were given and may be.
    """
    if count > BATCH_LIMIT:
        many, remedy = f"{count:,} readings in one request", f"send at most {BATCH_LIMIT:,} at once"
        raise RefusedRequestError(413, f"{many}; {remedy}", [Note(path, f"list of {count}", many, remedy)])


def raw_values(body: bytes, error: Exception) -> Any:
    """Return the body as plain values.

    Raises:
        RefusedRequestError: where it is no JSON at all, or holds a number that no machine holds.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        raise refusal_of([], error) from error
    except (msgspec.DecodeError, RecursionError) as broken:
        reason = "nested too deeply" if isinstance(broken, RecursionError) else str(broken)
        note = Note("", None, reason, _NO_NAN if _NAN.search(body) else "send one JSON object in UTF-8; see /docs")
        detail = f"the body could not be read as JSON: {reason}; {note.remedy}"
        raise RefusedRequestError(400, detail, [note]) from broken


def why_wrong(value: Any, expected: Any) -> str | None:
    """Return why a value is none of a type, None where it is one."""
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        return _readable(error)
    return None


def refusal_of(notes: Iterable[Note], error: Exception) -> RefusedRequestError:
    """Return the refusal of what was found; in the decoder's own words where no field is to blame."""
    return wrong_values(counted(notes) or [_note_of(error)])


def _note_of(error: Exception) -> Note:
    """Return the note of a decoder's error, `Expected ... - at `$.path``."""
    path = str(error).partition("`$")[2].rstrip("`").lstrip(".")
    if field := _FIELD.fullmatch(_said(error)):
        path = f"{path}.{field['name']}".lstrip(".")
        reason = "is missing" if field["what"].startswith("missing") else "is none of the fields here"
        return Note(shortened(path), None, f"{shortened(field['name'])} {reason}", "see /docs for what is expected")
    return Note(
        path, None, _readable(error), remedy_of(path) if path in FIELD_TYPES else "see /docs for what is expected"
    )


def _said(error: Exception) -> str:
    """Return a decoder's error without its path."""
    return str(error).partition(" - at ")[0].replace("`", "")


def _readable(error: Exception) -> str:
    """Return a decoder's error in the words of who sent the value."""
    said = _said(error)
    if bound := _BOUND.fullmatch(said):
        unit = " values" if bound["what"].startswith(("array", "str")) else ""
        least = bound["sign"] == ">="
        if unit and least:
            return "it is empty"
        return f"{'less' if least else 'more'} than {float(bound['limit']):,.10g}{unit} cannot be"
    if "matching regex" in said:
        return "not written as it should be"
    if wanted := _WANTED.fullmatch(said):
        return f"not {_KINDS.get(wanted['what'], wanted['what'])}"
    return said[:1].lower() + said[1:]


def not_an(raw: Any, expected: str) -> RefusedRequestError:
    """Return the refusal of a body of another shape."""
    note = Note("", shortened(raw), f"the body is not an {expected}", "see /docs for an example")
    return wrong_values([note])
