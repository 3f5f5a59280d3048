"""CSV: a line of column names, then a line a record."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from meter_core.contracts.readings import IntArray
from meter_core.sources.column_names import check_names
from meter_core.sources.columns import plain_columns, text_columns
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import Profile
from meter_core.sources.records import Records
from meter_core.sources.text_lines import DeliveredText, TextLines


class CsvRecords:
    """A CSV file; see `RecordFile`. The line of names is the first that is not blank, after those to skip.

    Args:
        path: The file, plain, gzip or zstd.
        profile: How to read it.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self.names: list[str] = []
        self._profile = profile
        self._text = DeliveredText(path, profile.encoding)

    @property
    def digest(self) -> str:
        """SHA-256 of the file as delivered; known after the last records."""
        return self._text.digest

    def records(self) -> Iterator[Records]:
        """Yield all lines of data; see `RecordFile.records`."""
        is_empty = True
        for text in self._text.blocks():
            filled = text.filled()
            if text.first <= self._profile.skip_lines:
                filled = filled[filled + text.first > self._profile.skip_lines]
            if not self.names and len(filled):
                self._read_names(text, text.first + int(filled[0]))
                filled = filled[1:]
            if len(filled):
                is_empty = False
                yield self._taken_apart(text, filled)
        if is_empty:
            raise UnreadableDeliveryError(
                f"{self._text.file_name} has a header and no readings; ask its sender whether there were none to send"
            )

    def _read_names(self, text: TextLines, number: int) -> None:
        """Read the line of names."""
        line = text.line(number)
        try:
            self.names = [name.strip() for name in next(csv.reader([line], delimiter=self._profile.delimiter))]
        except csv.Error as error:
            why = "a carriage return stands within it: some lines end otherwise than others" if "\r" in line else error
            raise UnreadableDeliveryError(
                f"{self._text.file_name} line {number}, where the columns' names belong, is no line of CSV ({why}); "
                "ask its sender for the file again"
            ) from error
        check_names(self.names, self._profile, self._text.file_name, f" line {number}")

    def _taken_apart(self, text: TextLines, filled: IntArray) -> Records:
        """Return these lines in fields."""
        columns = plain_columns(text.between(filled[0], filled[-1]), len(filled), self.names, self._profile)
        if columns is not None:
            return Records(filled + text.first, np.ones(len(filled), dtype=bool), columns, text.lines)
        whole = text.field_counts(self._profile.delimiter)[filled] == len(self.names)
        columns = text_columns(text.joined(filled[whole]), self.names, self._profile)
        return Records(filled + text.first, whole, columns, text.lines)
