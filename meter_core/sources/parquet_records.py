"""Parquet: a row a record, read by some thousand rows. Its columns become text, so that all formats go one way."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from meter_core.contracts.readings import IntArray
from meter_core.sources.column_names import check_names
from meter_core.sources.columns import blanked, without_zero_bytes
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import Profile
from meter_core.sources.records import Records, chosen_lines
from meter_core.sources.text_lines import PARQUET
from meter_core.sources.unpacking import PIECE, DeliveredBytes

ROWS: Final = 1 << 17
"""Rows that are handled at once, about as many as CSV has lines in a block."""


class ParquetRecords:
    """A Parquet file; see `RecordFile`. Its rows count from 1.

    Args:
        path: The file, plain, or within gzip or zstd as it is kept.
        profile: How to read it.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self.names: list[str] = []
        self.digest = ""
        self._path = path
        self._profile = profile

    def records(self) -> Iterator[Records]:
        """Yield all rows; see `RecordFile.records`."""
        with _opened(self._path) as file:
            self.names = file.schema_arrow.names
            check_names(self.names, self._profile, self._path.name)
            self._check_clock(file.schema_arrow)
            if file.metadata.num_rows == 0:
                raise UnreadableDeliveryError(
                    f"{self._path.name} has columns and no rows; ask its sender whether there were none to send"
                )
            for batch, first in _batches(file, self._path.name):
                columns = {name: self._text(batch, name) for name in self._profile.file_columns}
                numbers = np.arange(first, first + batch.num_rows)
                yield Records(numbers, np.ones(batch.num_rows, dtype=bool), columns, _Rows(batch, first).lines)
        with self._path.open("rb") as stream:
            self.digest = hashlib.file_digest(stream, "sha256").hexdigest()

    def _check_clock(self, schema: pa.Schema) -> None:
        """Raise where a column of instants stands for naive stamps, or the other way round."""
        column = self._profile.columns["reading_ts"]
        kind = schema.field(column).type
        clock = self._profile.stamp.clock
        if pa.types.is_timestamp(kind) and (kind.tz is not None) != (clock == "offset"):
            has, remedy = ("no zone", "local or utc") if kind.tz is None else ("a zone", "offset")
            raise UnreadableDeliveryError(
                f"{self._path.name}: the stamps of {column!r} have {has} ({kind}), the profile says clock: {clock}; "
                f"say `stamp: {{clock: {remedy}}}` in its source profile"
            )

    def _text(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        """Return a column as text: null and a float's NaN are missing."""
        values = batch.column(name)
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
        is_number = pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
        try:
            text = pc.cast(values, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UnreadableDeliveryError(
                f"{self._path.name}: the column {name!r} is {values.type}, which is no text, number or time ({error}); "
                "ask its sender for a plain column"
            ) from error
        if is_number and self._profile.decimal != ".":
            text = pc.replace_substring(text, ".", self._profile.decimal)
        return blanked(without_zero_bytes(text), self._profile)


class _Rows:
    """Rows as lines that people can read."""

    def __init__(self, batch: pa.RecordBatch, first: int) -> None:
        self._batch = batch
        self._first = first

    def line(self, number: int) -> str:
        """Return a row as a JSON object.

        Raises:
            IndexError: where it is none of these.
        """
        text: str = self.lines(np.array([number]))[0].as_py()
        return text

    def lines(self, numbers: IntArray) -> pa.Array:
        """Return rows as JSON objects.

        Raises:
            IndexError: where one is none of these.
        """
        places = numbers - self._first
        if (outside := numbers[(places < 0) | (places >= self._batch.num_rows)]).size:
            raise IndexError(f"rows {self._first} to {self._first + self._batch.num_rows - 1}, not {outside[0]}")
        rows = self._batch.take(pa.array(places)).to_pylist()
        return pa.array([json.dumps(row, default=str, ensure_ascii=False) for row in rows], pa.string())


def row_lines(path: Path, wanted: Iterable[int]) -> dict[int, str]:
    """Return rows of a Parquet file as JSON objects, by number.

    Raises:
        UsageError: where the file has no such row.
        UnreadableDeliveryError: where the file is broken.
    """
    with _opened(path) as file:
        blocks = ((first, batch.num_rows, _Rows(batch, first).line) for batch, first in _batches(file, path.name))
        return chosen_lines(blocks, wanted, path.name)


def first_rows(path: Path, count: int) -> pd.DataFrame:
    """Return the first rows of a Parquet file, every column as text.

    Raises:
        UnreadableDeliveryError: it is none, or damaged.
    """
    with _opened(path) as file:
        batch = next((batch for batch, _ in _batches(file, path.name)), None)
        rows = batch.slice(0, count).to_pylist() if batch is not None else []
    texts = [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]
    return pd.DataFrame(texts, columns=file.schema_arrow.names, dtype="str")


@contextmanager
def _opened(path: Path) -> Iterator[parquet.ParquetFile]:
    """Open a Parquet file; one that came compressed is unpacked into a temporary file first.

    Raises:
        UnreadableDeliveryError: it is none, or damaged.
    """
    pieces = DeliveredBytes(path).unpacked()
    first = next(pieces, b"")
    if not first.startswith(PARQUET):
        raise UnreadableDeliveryError(
            f"{path.name} is no Parquet file: it begins otherwise; say `format: csv` or `format: jsonl` in its "
            "source profile, or ask its sender"
        )
    with path.open("rb") as delivered, tempfile.TemporaryFile() as unpacked:
        file = delivered if delivered.read(len(PARQUET)) == PARQUET else _filled(unpacked, first, pieces)
        try:
            opened = parquet.ParquetFile(file, buffer_size=PIECE, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path.name, error) from error
        yield opened


def _filled(file: IO[bytes], first: bytes, others: Iterator[bytes]) -> IO[bytes]:
    """Write the pieces into a file and return it."""
    file.write(first)
    file.writelines(others)
    return file


def _batches(file: parquet.ParquetFile, name: str) -> Iterator[tuple[Any, int]]:
    """Yield the rows of a file, and the number of the first of them."""
    first = 1
    try:
        for batch in file.iter_batches(batch_size=ROWS):
            yield batch, first
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error, first) from error


def _damaged(name: str, error: Exception, row: int = 1) -> UnreadableDeliveryError:
    """Return what to say of a file that breaks off."""
    return UnreadableDeliveryError(
        f"{name} is damaged or cut off Parquet from row {row:,} ({error}); ask its sender for it again. "
        "Nothing of it was loaded"
    )
