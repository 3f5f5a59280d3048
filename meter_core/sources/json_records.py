"""JSON lines: an object a line. Numbers stay the text they are, so a value is the double that it is in CSV."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from meter_core.contracts.readings import IntArray
from meter_core.sources.column_names import check_names
from meter_core.sources.columns import blanked, without_zero_bytes
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import Profile
from meter_core.sources.records import Records
from meter_core.sources.text_lines import DeliveredText, TextLines

DEEPEST: Final = 8
"""Objects within objects that are looked into."""
Record = dict[str, Any]


class JsonRecords:
    """A file of JSON lines; see `RecordFile`. A name with dots reaches into objects: `meter.id`.

    Args:
        path: The file, plain, gzip or zstd.
        profile: How to read it.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self.names: list[str] = []
        self._profile = profile
        self._text = DeliveredText(path, profile.encoding)
        self._decode = _decoder(profile.decimal)

    @property
    def digest(self) -> str:
        """SHA-256 of the file as delivered; known after the last records."""
        return self._text.digest

    def records(self) -> Iterator[Records]:
        """Yield all lines of data; see `RecordFile.records`."""
        for text in self._text.blocks():
            filled = text.filled()
            if len(filled):
                yield self._taken_apart(text, filled)

    def _taken_apart(self, text: TextLines, filled: IntArray) -> Records:
        """Return these lines in fields."""
        numbers = filled + text.first
        decoded = [self._object(text.line(number)) for number in numbers.tolist()]
        found = [each for each in decoded if each is not None]
        if not self.names:
            self._read_names(found)
        whole = np.fromiter((each is not None for each in decoded), dtype=bool, count=len(decoded))
        columns = {name: self._column(found, name) for name in self._profile.file_columns}
        return Records(numbers, whole, columns, text.lines)

    def _object(self, line: str) -> Record | None:
        """Return a line's object, None where it is none."""
        try:
            record = self._decode(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, dict):
            return None
        return flat(record) if any(isinstance(value, dict) for value in record.values()) else record

    def _read_names(self, found: list[Record]) -> None:
        """Take the names of the first objects, and compare them with the profile's.

        Raises:
            UnreadableDeliveryError: there is no object at all.
        """
        if not found:
            raise UnreadableDeliveryError(
                f"{self._text.file_name} has no line that is a JSON object. A JSON array or an indented object is no "
                "JSON lines: ask for one object a line; for CSV say `format: csv` in its source profile"
            )
        self.names = list(dict.fromkeys(name for record in found for name in record))
        check_names(self.names, self._profile, self._text.file_name)

    def _column(self, found: list[Record], name: str) -> pa.Array:
        """Return one field of all objects as text."""
        values = [record.get(name) for record in found]
        try:
            texts = pa.array(values, pa.string())
        except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
            texts = pa.array([_text(value) for value in values], pa.string())
        return blanked(without_zero_bytes(texts), self._profile)


def _decoder(decimal: str) -> Any:
    """Return what decodes a line, its numbers as texts with this decimal sign."""

    def number(text: str) -> str:
        return text.replace(".", decimal)

    return json.JSONDecoder(parse_float=number, parse_int=str, parse_constant=str).decode


def flat(record: Record, deeper: int = DEEPEST) -> Record:
    """Return an object without objects in it, their names joined by dots."""
    found: Record = {}
    for name, value in record.items():
        if isinstance(value, dict) and deeper:
            found |= {f"{name}.{inner}": each for inner, each in flat(value, deeper - 1).items()}
        else:
            found[name] = value
    return found


def _text(value: Any) -> str | None:
    """Return a value as text: one that is no number or string as JSON, halves of surrogate pairs spelt out."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "backslashreplace").decode()
