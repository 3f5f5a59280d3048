"""The fields of a delivery's good lines as text, and as numbers, with the reason where they are none."""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from meter_core.contracts.readings import FloatArray
from meter_core.sources.profile import UNITS, Profile

NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
"""What counts as a number: neither `nan` nor `inf` nor a thousands separator."""


def text_columns(lines: bytes, header: list[str], profile: Profile) -> dict[str, pa.Array]:
    """Return the columns that a profile reads, by their name in the file, as trimmed text.

    Args:
        lines: CSV lines that all have as many fields as the header, which is not among them.
        header: Names of all fields.
        profile: Which of them to take.
    """
    if not lines:
        return {name: pa.array([], pa.string()) for name in profile.file_columns}
    places = {name: f"f{header.index(name)}" for name in profile.file_columns}
    wanted = sorted(set(places.values()))
    table = csv.read_csv(
        pa.BufferReader(lines),
        read_options=csv.ReadOptions(column_names=[f"f{place}" for place in range(len(header))]),
        parse_options=csv.ParseOptions(delimiter=profile.delimiter),
        convert_options=csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    )
    return {name: blanked(table[place].combine_chunks(), profile) for name, place in places.items()}


def blanked(text: pa.Array, profile: Profile) -> pa.Array:
    """Return trimmed text, null where it is blank or one of the profile's missing codes."""
    trimmed = pc.utf8_trim_whitespace(text)
    codes = pa.array(["", *profile.missing])
    return pc.if_else(pc.is_in(trimmed, codes), pa.scalar(None, pa.string()), trimmed)


def without_zero_bytes(text: pa.Array) -> pa.Array:
    """Return text that PostgreSQL can hold; in CSV a zero byte is refused with the whole file."""
    return pc.replace_substring(text, "\0", "\\0") if pc.any(pc.match_substring(text, "\0")).as_py() else text


def numbers(text: pa.Array, decimal: str = ".", thousands: str | None = None) -> tuple[FloatArray, np.ndarray]:
    """Return (n,) numbers, NaN where missing or unreadable, and (n,) bool where unreadable.

    Each is the double nearest to the decimal text, as Python and JSON readers make it: features have to be equal bit
    for bit.
    """
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
