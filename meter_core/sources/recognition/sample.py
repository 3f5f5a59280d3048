"""The first lines of an unknown file as columns of text: its format, encoding, delimiter and header."""

import codecs
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from meter_core.sources.columns import NUMBER
from meter_core.sources.errors import UnreadableDeliveryError, WrongSourceError
from meter_core.sources.espi_records import NAMESPACE, is_xml
from meter_core.sources.json_records import flat
from meter_core.sources.parquet_records import first_rows
from meter_core.sources.recognition.notes import Notes
from meter_core.sources.text_lines import PARQUET, DeliveredText
from meter_core.sources.unpacking import DeliveredBytes

SAMPLE_BYTES: Final = 4 << 20
ROWS: Final = 50_000
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
TITLE_LINES: Final = 30
"""So far down a header is looked for."""
VALUE: Final = re.compile(rf"{NUMBER}|^[+-]?[\d.,' ]*\d$|^\d{{1,4}}[-./]\d\d?[-./]\d{{1,4}}|^\d\d?:\d\d")


Texts = dict[str, "pd.Series[str]"]


@dataclass(frozen=True, eq=False)
class Sample:
    """The beginning of a file.

    Attributes:
        keys: The keys of a profile that say how its lines are taken apart, where they are not what is assumed.
        columns: The file's columns -> (n,) text, null where blank.
        whole: Whether the file has no more.
    """

    keys: dict[str, Any]
    columns: Texts
    whole: bool


def sample_of(path: Path, notes: Notes) -> Sample:
    """Return the beginning of a file.

    Args:
        path: The file, plain, gzip or zstd.
        notes: Gets what was recognised.

    Raises:
        WrongSourceError: there is no such file.
        UnreadableDeliveryError: it is empty, damaged, without a header, or no kind of file that is read.
    """
    begin, whole = _begin(path)
    if begin.startswith(PARQUET):
        columns = first_rows(path, ROWS)
        notes.sure("format", f"Parquet, {len(columns.columns)} columns")
        return Sample({"format": "parquet"}, _texts(columns), len(columns) < ROWS)
    if is_xml(begin):
        what = "Green Button" if NAMESPACE.encode() in begin else "XML; if it is Green Button, it is read"
        raise WrongSourceError(
            f"{path.name} is {what} by a built-in profile: say --source green_button, and the --zone"
        )
    encoding = _encoding(begin, notes)
    lines = list(_lines(path, encoding, begin, whole))
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise UnreadableDeliveryError(f"{path.name} is empty; ask its sender for the file again")
    keys: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    if filled[0][1].lstrip().startswith("{"):
        return _json(filled, keys, whole, notes)
    return _csv(filled, keys, whole, path.name, notes)


def _begin(path: Path) -> tuple[bytes, bool]:
    """Return the first bytes of a file's content, and whether they are all of it."""
    begin = bytearray()
    for piece in DeliveredBytes(path).unpacked():
        begin += piece
        if len(begin) > SAMPLE_BYTES:
            return bytes(begin), False
    return bytes(begin), True


def _encoding(begin: bytes, notes: Notes) -> str:
    """Return the encoding of a text: what its byte order mark says, UTF-8 where it is, else a guess."""
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        notes.sure("encoding", "UTF-16, by its byte order mark")
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError as error:
        guess = "cp1252" if any(0x80 <= byte < 0xA0 for byte in begin) else "latin-1"
        around = begin[max(error.start - 12, 0) : error.start + 12].decode(guess, "replace").strip()
        around = around.splitlines()[0] if around else ""
        notes.doubt("encoding", f"it is not UTF-8; as {guess} it says {around!r}: look whether that is spelt right")
        return guess
    notes.sure("encoding", "plain ASCII, read as UTF-8" if begin.isascii() else "UTF-8")
    return "utf-8"


def _lines(path: Path, encoding: str, begin: bytes, whole: bool) -> Iterator[str]:
    """Yield the first lines, without one that the sample cuts off."""
    for block in DeliveredText(path, encoding).blocks():
        text = block.data if whole else block.data[: len(begin)]
        lines = text.decode("utf-8", "replace").splitlines()
        yield from (lines if whole else lines[:-1])[:ROWS]
        return


def _json(filled: list[tuple[int, str]], keys: dict[str, Any], whole: bool, notes: Notes) -> Sample:
    """Return a sample of JSON lines."""
    records = []
    for _, line in filled:
        try:
            records.append(flat(json.loads(line, parse_float=str, parse_int=str)))
        except (ValueError, AttributeError):
            continue
    if not records:
        raise UnreadableDeliveryError(
            "the file begins like JSON and no line of it is an object; ask for one object a line"
        )
    columns = pd.DataFrame(records, dtype=object)
    texts = columns.map(lambda value: value.strip() if isinstance(value, str) else None, na_action="ignore")
    notes.sure("format", f"JSON lines, {len(columns.columns)} fields")
    return Sample({"format": "jsonl", **keys}, _texts(texts), whole)


def _csv(filled: list[tuple[int, str]], keys: dict[str, Any], whole: bool, name: str, notes: Notes) -> Sample:
    """Return a sample of CSV."""
    delimiter, fields = _delimiter([line for _, line in filled])
    rows = list(csv.reader((line for _, line in filled), delimiter=delimiter))
    header = next(place for place, row in enumerate(rows) if len(row) == fields and _is_named(row))
    names = [each.strip() for each in rows[header]]
    if sum(bool(VALUE.match(each)) for each in names if each) * 2 > len(names) and not _is_wide(names):
        raise _nameless(name, filled, rows[:header], fields)
    if header == len(rows) - 1:
        raise UnreadableDeliveryError(
            f"{name} has a header and no readings; ask its sender whether there were none to send"
        )
    skipped = filled[header][0] - 1 if header else 0
    if skipped:
        notes.sure("header", f"line {skipped + 1}, below {header} other lines")
        keys["skip_lines"] = skipped
    if delimiter != ",":
        keys["delimiter"] = delimiter
    notes.sure("format", f"CSV, {len(names)} columns, parted by {DELIMITERS[delimiter]}")
    good = [row for row in rows[header + 1 :] if len(row) == fields]
    odd = len(rows) - header - 1 - len(good)
    if odd:
        notes.doubt(
            "format",
            f"{odd:,} of the first {len(rows):,} lines have another number of fields: they would be quarantined",
        )
    frame = pd.DataFrame(good, columns=pd.Index(_unique(names)), dtype="str")
    frame = frame.apply(lambda column: column.str.strip()).replace("", None)
    return Sample(keys, _texts(frame), whole)


def _nameless(name: str, filled: list[tuple[int, str]], above: list[list[str]], fields: int) -> UnreadableDeliveryError:
    """Return what to say of a file whose first line of so many fields holds values, and others stand above it."""
    for (number, _), row in zip(filled, above, strict=False):
        if len(row) == fields - 1 and not any(VALUE.match(each.strip()) for each in row):
            return UnreadableDeliveryError(
                f"{name} line {number} names {len(row)} columns, and most lines below have {fields} fields; ask its "
                "sender for a line of names with as many, be it for an empty last field"
            )
    return UnreadableDeliveryError(
        f"{name} has no line of column names: line {filled[len(above)][0]} holds values. Put a line of names above it; "
        "a profile goes by names"
    )


def _texts(frame: pd.DataFrame) -> Texts:
    """Return a frame's columns by name."""
    return {str(name): frame[name].astype("str") for name in frame}


def _delimiter(lines: list[str]) -> tuple[str, int]:
    """Return the delimiter that parts most lines into equally many fields, and how many; the more fields the better."""
    found: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        counts = Counter(len(row) for row in csv.reader(lines[:500], delimiter=delimiter))
        fields, most = max(counts.items(), key=lambda item: (item[0] > 1, item[1]))
        found[delimiter] = (most / sum(counts.values()), fields)
    good = {delimiter: fields for delimiter, (share, fields) in found.items() if fields > 1 and share > 0.8}
    best = max(
        good or {each: fields for each, (_, fields) in found.items()}, key=lambda each: (found[each][1], found[each][0])
    )
    return best, found[best][1]


def _is_named(row: list[str]) -> bool:
    """Whether most fields are filled, as in a line of names: a title has blanks beside it."""
    return sum(bool(each.strip()) for each in row) * 2 > len(row)


def _is_wide(names: list[str]) -> bool:
    """Whether most names are times or numbers in a row: a column an interval, and no values."""
    ordered = [each for each in names if VALUE.match(each)]
    return len(ordered) >= 24 and (
        ordered == sorted(ordered) or ordered == sorted(ordered, key=lambda each: (len(each), each))
    )


def _unique(names: list[str]) -> list[str]:
    """Return the names, those that stand twice told apart: nobody could map them."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique
