"""Green Button: the readings of an ESPI feed (NAESB REQ.21), an Atom document in XML, read element by element."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, cast

import numpy as np
import pyarrow as pa

from meter_core.contracts.readings import IntArray
from meter_core.sources.column_names import check_names
from meter_core.sources.columns import blanked
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import Profile
from meter_core.sources.records import Records, chosen_lines
from meter_core.sources.unpacking import DeliveredBytes

ROWS: Final = 1 << 16
"""Readings that are handled at once."""
NAMES: Final = ["usage_point", "start", "minutes", "value_wh", "channel", "quality"]
"""What a reading has, as the columns of a file have names."""
NAMESPACE: Final = "http://naesb.org/espi"
CHANNELS: Final = {"1": "import", "19": "export", "4": "net"}
"""flowDirection -> our channel; a reading type without one is the usual, import."""
ENERGY_WH, POWER_W = "72", "38"
"""Codes of uom that can be an energy."""
CUMULATIVE: Final = {"1", "3"}
"""Codes of accumulationBehaviour of values that count up."""
POINT: Final = re.compile(r"/UsagePoint/([^/]+)")
METER_READING: Final = re.compile(r"^(.*/MeterReading/[^/]+)")


@dataclass(frozen=True, slots=True)
class ReadingType:
    """How the values of a meter reading are meant; the codes of the standard, "" where left out."""

    uom: str = ""
    power_of_ten: str = "0"
    flow_direction: str = ""
    accumulation: str = ""
    length_s: str = ""

    def watt_hours(self, value: str, seconds: str) -> str:
        """Return a value in Wh, or with the reason why it is none: then it is no number, and quarantined."""
        if self.accumulation in CUMULATIVE:
            return f"{value} (cumulative)"
        if self.uom == ENERGY_WH:
            return f"{value}e{self.power_of_ten}"
        if self.uom != POWER_W:
            return f"{value} (uom {self.uom or 'unknown'})"
        try:
            return str(Decimal(f"{value}e{self.power_of_ten}") * Decimal(seconds) / 3600)
        except InvalidOperation:
            return f"{value} W"


@dataclass
class _Entry:
    """An entry of the feed: what it links to."""

    links: dict[str, list[str]] = field(default_factory=dict)

    def matching(self, pattern: re.Pattern[str]) -> str:
        """Return what a pattern finds in the entry's own link or that of its parent, "" where nothing."""
        hrefs = (href for relation in ("self", "up") for href in self.links.get(relation, []))
        return next((found.group(1) for href in hrefs if (found := pattern.search(href))), "")


class EspiRecords:
    """A Green Button file; see `RecordFile`. Its interval readings count from 1.

    Args:
        path: The file, plain, gzip or zstd.
        profile: How to read it.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self.names = NAMES
        self.digest = ""
        self._path = path
        self._profile = profile

    def records(self) -> Iterator[Records]:
        """Yield all interval readings; see `RecordFile.records`."""
        check_names(self.names, self._profile, self._path.name)
        types = _reading_types(self._path)
        first, rows = 1, list[dict[str, str]]()
        file = DeliveredBytes(self._path)
        for row in _readings(file, self._path.name, types):
            rows.append(row)
            if len(rows) == ROWS:
                yield self._records(rows, first)
                first, rows = first + len(rows), []
        if rows:
            yield self._records(rows, first)
        elif first == 1:
            raise UnreadableDeliveryError(
                f"{self._path.name} has no interval readings; ask its sender whether there were none to send"
            )
        self.digest = file.digest

    def _records(self, rows: list[dict[str, str]], first: int) -> Records:
        """Return some readings as columns."""
        columns = {
            name: blanked(pa.array([row[name] for row in rows], pa.string()), self._profile)
            for name in self._profile.file_columns
        }
        numbers = np.arange(first, first + len(rows))
        return Records(numbers, np.ones(len(rows), dtype=bool), columns, _Texts(rows, first).lines)


class _Texts:
    """Readings as they stand in the file."""

    def __init__(self, rows: list[dict[str, str]], first: int) -> None:
        self._rows = rows
        self._first = first

    def line(self, number: int) -> str:
        """Return a reading as XML.

        Raises:
            IndexError: where it is none of these.
        """
        if not 0 <= number - self._first < len(self._rows):
            raise IndexError(f"readings {self._first} to {self._first + len(self._rows) - 1}, not {number}")
        return self._rows[number - self._first]["xml"]

    def lines(self, numbers: IntArray) -> pa.Array:
        """Return readings as XML.

        Raises:
            IndexError: where one is none of these.
        """
        return pa.array([self.line(number) for number in numbers.tolist()], pa.string())


def is_xml(begin: bytes) -> bool:
    """Return whether a file's content begins like XML."""
    return begin.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<feed", b"<ns"))


def espi_lines(path: Path, wanted: Iterable[int]) -> dict[int, str]:
    """Return interval readings of a Green Button file as XML, by number.

    Raises:
        UsageError: where the file has no such reading.
        UnreadableDeliveryError: where the file is broken.
    """
    rows = _readings(DeliveredBytes(path), path.name, {})
    blocks = ((number, 1, _Texts([row], number).line) for number, row in enumerate(rows, 1))
    return chosen_lines(blocks, wanted, path.name)


def _reading_types(path: Path) -> dict[str, ReadingType]:
    """Return the reading type of each meter reading by its link; under "" that of all, where there is only one."""
    types: dict[str, ReadingType] = {}
    related: dict[str, list[str]] = {}
    for element, entry in _elements(DeliveredBytes(path), path.name):
        kind = _local(element)
        if kind == "ReadingType":
            own = entry.links.get("self", [""])[0]
            names = ("uom", "powerOfTenMultiplier", "flowDirection", "accumulationBehaviour", "intervalLength")
            uom, power, *others = (_text(element, name) for name in names)
            types[own] = ReadingType(uom, power or "0", *others)
        if kind == "MeterReading":
            related[entry.matching(METER_READING)] = entry.links.get("related", [])
    found = {reading: types[href] for reading, hrefs in related.items() for href in hrefs if href in types}
    return found | ({"": next(iter(types.values()))} if len(types) == 1 else {})


def _readings(file: DeliveredBytes, name: str, types: dict[str, ReadingType]) -> Iterator[dict[str, str]]:
    """Yield every interval reading: `NAMES`, and `xml` as it stands there."""
    for element, entry in _elements(file, name):
        if _local(element) != "IntervalReading":
            continue
        kind = types.get(entry.matching(METER_READING)) or types.get("") or ReadingType()
        seconds = _text(element, "timePeriod/duration") or kind.length_s
        value, direction = _text(element, "value"), kind.flow_direction
        yield {
            "usage_point": entry.matching(POINT),
            "start": _text(element, "timePeriod/start"),
            "minutes": _minutes(seconds),
            "value_wh": kind.watt_hours(value, seconds) if value else "",
            "channel": CHANNELS.get(direction, f"flowDirection {direction}") if direction else "",
            "quality": _text(element, "ReadingQuality/quality"),
            "xml": ET.tostring(element, encoding="unicode").strip(),
        }


def _elements(file: DeliveredBytes, name: str) -> Iterator[tuple[ET.Element, _Entry]]:
    """Yield every complete element of a feed but links, with its entry; they are forgotten afterwards.

    Raises:
        UnreadableDeliveryError: it is no well-formed XML, or declares entities of its own.
    """
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(["start", "end"])
    parents: list[ET.Element] = []
    entry = _Entry()
    try:
        for piece in _plain(file.unpacked(), name):
            parser.feed(piece)
            for each in parser.read_events():
                event, element = cast("tuple[str, ET.Element]", each)
                if event == "start":
                    entry = _Entry() if _local(element) == "entry" else entry
                    parents.append(element)
                    continue
                parents.pop()
                if _local(element) == "link":
                    entry.links.setdefault(element.get("rel", ""), []).append(element.get("href", ""))
                yield element, entry
                if parents and _local(element) in {"entry", "IntervalReading"}:
                    parents[-1].remove(element)
        parser.close()
    except ET.ParseError as error:
        line, column = error.position
        raise UnreadableDeliveryError(
            f"{name} line {line} is no well-formed XML from column {column + 1} on, or cut off; ask its sender for it "
            "again. Nothing of it was loaded"
        ) from error


def _plain(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the pieces, having refused what could make a short document long: entities of its own.

    Raises:
        UnreadableDeliveryError: it declares a document type, or is in an encoding that would hide that.
    """
    before = b""
    for piece in pieces:
        if b"\0" in piece:
            raise UnreadableDeliveryError(f"{name} has zero bytes: it is no XML in UTF-8; ask its sender for that")
        if b"<!DOCTYPE" in before + piece:
            raise UnreadableDeliveryError(
                f"{name} declares a document type, which no Green Button file needs; ask its sender for it without"
            )
        before = piece[-len(b"<!DOCTYPE") :]
        yield piece


def _local(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, path: str) -> str:
    """Return the text of an element below another, "" where there is none."""
    place = "/".join(f"{{*}}{name}" for name in path.split("/"))
    return (element.findtext(place) or "").strip()


def _minutes(seconds: str) -> str:
    """Return a number of seconds in minutes; what is no number stays as it is."""
    return f"{int(seconds) / 60:g}" if seconds.isascii() and seconds.isdigit() else seconds


ET.register_namespace("espi", NAMESPACE)
