"""Weather from CSV files: `place,issued_at,valid_at,temperature_c`; observations have no `issued_at`."""

import csv
import gzip
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from meter_core.contracts.weather import COLDEST_C, HOTTEST_C, OBSERVED_AFTER_S, WeatherValues
from meter_core.sources.errors import SourceError

HEADER: Final = ("place", "issued_at", "valid_at", "temperature_c")
OPTIONAL: Final = "issued_at"
GZIP: Final = b"\x1f\x8b"


def read_weather(file: Path) -> WeatherValues:
    """Return what a file holds, plain or compressed by gzip.

    A row without `issued_at` was measured, and counts as known an hour after `valid_at`. Rows without a temperature are
    left out.

    Raises:
        SourceError: it cannot be read, lacks a column, or holds what is no instant with offset and no temperature.
    """
    try:
        packed = file.read_bytes()[:2] == GZIP
        with gzip.open(file, "rt", encoding="utf-8-sig") if packed else file.open(encoding="utf-8-sig") as text:
            rows = list(_rows(text, file.name))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
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
    reader = csv.DictReader(text)
    missing = [column for column in HEADER if column not in (reader.fieldnames or ()) and column != OPTIONAL]
    if missing:
        raise SourceError(f"{name}: it has no column {missing[0]}; give a header with {','.join(HEADER)}")
    for row in reader:
        where = f"{name} line {reader.line_num}"
        if not (row["temperature_c"] or "").strip():
            continue
        place = (row["place"] or "").strip()
        if not place:
            raise SourceError(f"{where}: it names no place; say in the column place where its temperature is of")
        valid_s, issued = _seconds(row, "valid_at", where), (row.get(OPTIONAL) or "").strip()
        issued_s = _seconds(row, OPTIONAL, where) if issued else valid_s + OBSERVED_AFTER_S
        yield place, valid_s, issued_s, not issued, _temperature(row["temperature_c"], where)


def _seconds(row: Mapping[str, str | None], column: str, where: str) -> int:
    """Return an instant as UTC seconds."""
    text = (row[column] or "").strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 - only to say that it is none
    if at.tzinfo is None:
        raise SourceError(
            f"{where}: {column} is {text!r}; write an instant with offset, like 2026-01-31T06:00:00+00:00"
        )
    return int(at.timestamp())


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
