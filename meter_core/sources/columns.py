"""The fields of a delivery's good lines as text, and as numbers, with the reason where they are none."""

import re
from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from meter_core.contracts.readings import FloatArray
from meter_core.sources.profile import UNITS, Profile

Fields = dict[str, pa.Array]
NEWLINE, RETURN, QUOTE = b"\n", b"\r", b'"'
NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
"""What counts as a number: neither `nan` nor `inf` nor a thousands separator."""


def text_columns(lines: bytes, header: list[str], profile: Profile) -> Fields:
    """Return the columns that a profile reads, by their name in the file, as trimmed text.

    Args:
        lines: CSV lines that all have as many fields as the header, which is not among them.
        header: Names of all fields.
        profile: Which of them to take.
    """
    if not lines:
        return {name: pa.array([], pa.string()) for name in profile.file_columns}
    fields = _fields(lines, header, profile, frozenset())
    return {name: blanked(field, profile) for name, field in fields.items()}


def plain_columns(lines: bytes, count: int, header: list[str], profile: Profile) -> Fields | None:
    """Return the same columns, those of numbers as numbers; None where the lines are not as plain as most are.

    Plain are lines without quotes that all have the header's fields, and nothing but numbers and missing codes where
    numbers belong: these need no look at each of their bytes.

    Args:
        lines: CSV lines, blank ones among them.
        count: How many of them are not blank.
        header: Names of all fields.
        profile: Which of them to take.
    """
    if profile.thousands or QUOTE in lines:
        return None
    if RETURN in lines and lines.count(RETURN) != lines.count(RETURN + NEWLINE):
        return None
    if profile.missing and (b" " in lines or b"\t" in lines):  # a missing code between spaces would pass for a number
        return None
    try:
        fields = _fields(lines, header, profile, profile.number_columns)
    except pa.ArrowInvalid:
        return None
    if any(len(field) != count for field in fields.values()):
        return None
    if not all(pc.all(pc.is_finite(fields[name]), min_count=0).as_py() for name in profile.number_columns):
        return None  # to Arrow `nan` and `inf` are numbers
    return {
        name: field if name in profile.number_columns else blanked(field, profile) for name, field in fields.items()
    }


def _fields(lines: bytes, header: list[str], profile: Profile, of_numbers: Collection[str]) -> Fields:
    """Return the columns that a profile reads, as text or as numbers.

    Raises:
        pa.ArrowInvalid: lines with another number of fields, or something else than a number.
    """
    places = {name: f"f{header.index(name)}" for name in profile.file_columns}
    kinds = {places[name]: pa.float64() if name in of_numbers else pa.string() for name in places}
    table = csv.read_csv(
        pa.BufferReader(lines),
        read_options=csv.ReadOptions(column_names=[f"f{place}" for place in range(len(header))]),
        parse_options=csv.ParseOptions(delimiter=profile.delimiter),
        convert_options=csv.ConvertOptions(
            include_columns=sorted(kinds),
            column_types=kinds,
            decimal_point=profile.decimal,
            null_values=["", *profile.missing],
            strings_can_be_null=False,
        ),
    )
    return {name: table[place].combine_chunks() for name, place in places.items()}


def blanked(text: pa.Array, profile: Profile) -> pa.Array:
    """Return trimmed text, null where it is blank or one of the profile's missing codes."""
    trimmed = pc.utf8_trim_whitespace(text)
    is_blank = pc.is_in(trimmed, pa.array(["", *profile.missing]))
    return pc.if_else(is_blank, pa.scalar(None, pa.string()), trimmed) if pc.any(is_blank).as_py() else trimmed


def without_zero_bytes(text: pa.Array) -> pa.Array:
    """Return text that PostgreSQL can hold; in CSV a zero byte is refused with the whole file."""
    return pc.replace_substring(text, "\0", "\\0") if pc.any(pc.match_substring(text, "\0")).as_py() else text


def numbers(text: pa.Array, decimal: str = ".", thousands: str | None = None) -> tuple[FloatArray, np.ndarray]:
    """Return (n,) numbers, NaN where missing or unreadable, and (n,) bool where unreadable; numbers stay as they are.

    Each is the double nearest to the decimal text, as Python and JSON readers make it: features have to be equal bit
    for bit.
    """
    if pa.types.is_floating(text.type):
        return pc.fill_null(text, float("nan")).to_numpy(), np.zeros(len(text), dtype=bool)
    given = filled(text)
    if thousands:
        grouped = rf"^[+-]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+({re.escape(decimal)}\d*)?$"
        fits = pc.match_substring_regex(text, grouped)
        text = pc.if_else(fits, pc.replace_substring(text, thousands, ""), text)
    if decimal != ".":  # 1.234 is not 1,234: whoever groups digits by dots says so
        text = pc.replace_substring(pc.replace_substring(text, ".", "?"), decimal, ".")
    fits = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
    values = pc.cast(pc.if_else(fits, text, pa.scalar(None, pa.string())), pa.float64())
    array = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False).astype(np.float64)
    infinite = np.isinf(array)
    bad = ~fits.to_numpy(zero_copy_only=False) & given | infinite
    return np.where(infinite, np.nan, array), bad


def quantity(text: pa.Array, name: str, profile: Profile) -> tuple[FloatArray, np.ndarray]:
    """Return a quantity in its canonical unit, NaN where missing or unreadable, and (n,) bool where unreadable."""
    values, bad = numbers(text, profile.decimal, profile.thousands)
    factor, offset = UNITS[name][profile.units[name]] if name in profile.units else (1, 0)
    return (values if (factor, offset) == (1, 0) else values * factor + offset), bad


def filled(text: pa.Array) -> np.ndarray:
    """Return (n,) bool: where a text is given."""
    return pc.is_valid(text).to_numpy(zero_copy_only=False)


def objects(text: pa.Array) -> np.ndarray:
    """Return (n,) the texts as Python strings, None where missing."""
    return np.asarray(text.to_pandas(types_mapper=None).to_numpy(dtype=object, na_value=None))
