"""Weather from CSV files: `place,issued_at,valid_at,temperature_c`; observations have no `issued_at`."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from meter_core.contracts.weather import COLDEST_C, EARLIEST_S, HOTTEST_C, LATEST_S, OBSERVED_AFTER_S, WeatherValues
from meter_core.sources.errors import SourceError

HEADER: Final = ("place", "issued_at", "valid_at", "temperature_c")
OPTIONAL: Final = "issued_at"
GZIP: Final = b"\x1f\x8b"


def read_weather(file: Path) -> WeatherValues:
    """Return what a file holds, plain or compressed by gzip.

    A row without `issued_at` was measured, and counts as known an hour after `valid_at`. Rows without a temperature are
    left out.

    Raises:
        SourceError: it cannot be read, has other columns, rows with more or fewer cells than columns, or what is no
            place, no instant with offset, or no temperature.
    """
    try:
        packed = file.read_bytes()[:2] == GZIP
        with gzip.open(file, "rt", encoding="utf-8-sig") if packed else file.open(encoding="utf-8-sig") as text:
            rows = list(_rows(text, file.name))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise SourceError(
            f"{file}: no CSV of weather ({error}); give one with the columns {','.join(HEADER)}"
        ) from error
    if not rows:
        raise SourceError(f"{file.name}: it holds no temperature; give rows of {','.join(HEADER)}")
    place, valid_s, issued_s, observed, temperature_c = zip(*rows, strict=True)
    return WeatherValues(
        f"file {file.name}",
        np.array(place, dtype=object),
        np.array(valid_s, dtype=np.int64),
        np.array(issued_s, dtype=np.int64),
        np.array(observed, dtype=bool),
        np.array(temperature_c, dtype=np.float64),
    )


def _rows(text: TextIO, name: str) -> Iterator[tuple[str, int, int, bool, float]]:
    """Yield place, valid, issued, observed and temperature of each line."""
    reader = csv.reader(text)
    header = [column.strip() for column in next(reader, [])]
    _check_header(header, f"{name} line 1")
    for cells in reader:
        if not cells:
            continue
        where = f"{name} line {reader.line_num}"
        if len(cells) != len(header):
            raise SourceError(
                f"{where}: it has {len(cells)} cells, the header {len(header)} columns; give as many, decimals with a "
                "point, and text with a comma in quotes"
            )
        row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        if row["temperature_c"]:
            yield _value(row, where)


def _check_header(header: Sequence[str], where: str) -> None:
    """Refuse columns that are missing, given twice or others: a misspelt `issued_at` would make forecasts measured."""
    remedy = f"give a header with {','.join(HEADER)} and no others"
    for column in HEADER:
        if column not in header and column != OPTIONAL:
            raise SourceError(f"{where}: it has no column {column}; {remedy}")
    for column in header:
        if column not in HEADER:
            raise SourceError(f"{where}: the column {column!r} is none of weather; {remedy}")
        if header.count(column) > 1:
            raise SourceError(f"{where}: the column {column} is there {header.count(column)} times; {remedy}")


def _value(row: Mapping[str, str], where: str) -> tuple[str, int, int, bool, float]:
    """Return place, valid, issued, observed and temperature of a line."""
    place, issued = row["place"], row.get(OPTIONAL)
    if not place:
        raise SourceError(f"{where}: it names no place; say in the column place where its temperature is of")
    if not place.isprintable():
        raise SourceError(f"{where}: place is {place!r}; give a name without control characters")
    valid_s = _seconds(row, "valid_at", where)
    issued_s = _seconds(row, OPTIONAL, where) if issued else valid_s + OBSERVED_AFTER_S
    return place, valid_s, issued_s, not issued, _temperature(row["temperature_c"], where)


def _seconds(row: Mapping[str, str], column: str, where: str) -> int:
    """Return an instant as UTC seconds."""
    text = row[column]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 - only to say that it is none
    if at.tzinfo is None:
        raise SourceError(
            f"{where}: {column} is {text!r}; write an instant with offset, like 2026-01-31T06:00:00+00:00"
        )
    seconds = int(at.timestamp())
    if not EARLIEST_S <= seconds < LATEST_S:
        raise SourceError(f"{where}: {column} is {text!r}; write an instant of the years 1900 to 2199")
    return seconds


def _temperature(text: str, where: str) -> float:
    """Return degrees Celsius."""
    try:
        degrees = float(text)
    except ValueError:
        degrees = float("nan")
    if not COLDEST_C <= degrees <= HOTTEST_C:
        raise SourceError(
            f"{where}: temperature_c is {text!r}; give degrees Celsius from {COLDEST_C:g} to {HOTTEST_C:g}"
        )
    return degrees
