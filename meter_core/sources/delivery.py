"""A delivered file as frames of readings, part by part, with the lines as delivered and why a value cannot be read."""

import csv
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from meter_core.calendar import zone_of
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import IntArray
from meter_core.sources.catalog import load_profile, profile_names
from meter_core.sources.columns import text_columns
from meter_core.sources.errors import SourceError, UnreadableDeliveryError, WrongSourceError
from meter_core.sources.profile import Profile
from meter_core.sources.readings import Rows, frame_of, rows_of, series_names
from meter_core.sources.repeated_hours import Mask, RepeatedHours, SeriesNumbers
from meter_core.sources.stamps import BAD_STAMP, Instants
from meter_core.sources.text_lines import DeliveredText, TextLines

UNKNOWN_ZONE: Final = "UTC"
VALUE: Final = re.compile(r"^[+-]?[\d.,]+$|\d{4}-\d\d-\d\d|\d[./]\d\d?[./]\d{4}|\d[.,]\d\d")
"""A number or a stamp, which is no name of a column."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some values of a delivery.

    Attributes:
        frame: As `Delivery.frame`; the index says where each value stands in the file, from 0.
        raw_line: line -> the line as delivered, without its line end; IndexError for a line of another part.
    """

    frame: pd.DataFrame
    raw_line: Callable[[int], str] = field(repr=False)


class DeliveryReader:
    """A delivered file, read in parts, so that its size does not matter.

    A line that cannot be read is a row with a `code`, never an error. A blank energy is a value delivered as missing:
    no code.

    Args:
        path: The file: CSV, plain or gzip.
        profile: How to read it.
        zone: IANA zone of the meters, in place of the profile's.

    Raises:
        WrongSourceError: no such file or zone.
    """

    def __init__(self, path: Path, profile: Profile, zone: str | None = None) -> None:
        self.zone, self.zone_assumed = _zone(profile, zone)
        self.profile = profile
        self.file_name = path.name
        self.lines = 0
        """Delivered lines of data that were read so far, header and blank lines excluded."""
        self.first_line = self.last_line = 0
        """Numbers of the first and the last of them."""
        self.findings: tuple[Finding, ...] = ()
        """What reading found that is no fault of a single line; complete after the last part."""
        self._text = DeliveredText(path, profile.encoding)
        self._series = SeriesNumbers()
        self._repeated = {"reading_ts": RepeatedHours(), "available_ts": RepeatedHours()}
        self._held: list[tuple[Rows, dict[int, str]]] = []

    @property
    def file_digest(self) -> str:
        """SHA-256 of the file as delivered; known after the last part."""
        return self._text.digest

    def parts(self) -> Iterator[Part]:
        """Yield the delivery in the file's order; values whose hour only the file's end tells come last.

        Raises:
            WrongSourceError: the file of another source.
            UnreadableDeliveryError: the file is broken as a whole.
        """
        names: list[str] = []
        for text in self._text.blocks():
            filled = text.filled()
            if not names and len(filled):
                names = _header(text.line(text.first + int(filled[0])), self.profile, self.file_name)
                filled = filled[1:]
            if len(filled):
                yield self._part(text, filled, names)
        if self.lines == 0:
            raise UnreadableDeliveryError(
                f"{self.file_name} has a header and no readings; ask its sender whether there were none to send"
            )
        lone = yield from self._held_back()
        self.findings = (*_unread(names, self.profile, self.file_name), *self._notes(lone))

    def _part(self, text: TextLines, filled: IntArray, names: list[str]) -> Part:
        """Return the values of these lines, but for those that are held back."""
        whole = text.field_counts(self.profile.delimiter)[filled] == len(names)
        columns = text_columns(text.joined(filled[whole]), names, self.profile)
        rows = rows_of(columns, filled + text.first, whole, self.lines, self.profile, self.zone)
        self.lines, self.last_line = self.lines + len(filled), int(rows.lines[-1])
        self.first_line = self.first_line or int(rows.lines[0])
        if self.profile.stamp.clock == "local" and self.profile.stamp.ambiguous == "in_order":
            rows = self._hold_back(rows, text)
        return Part(frame_of(rows, self.profile), text.line)

    def _hold_back(self, rows: Rows, text: TextLines) -> Rows:
        """Return the values whose instant is certain; the others wait for the end of the file."""
        series = self._series.of(series_names(rows, self.profile))
        uncertain = np.zeros(len(series), dtype=bool)
        for name, instants in (("reading_ts", rows.start), ("available_ts", rows.available)):
            if instants is not None:
                readable = instants.codes != BAD_STAMP
                self._repeated[name].see(instants.wall_us, series, instants.repeated, readable)
                uncertain |= instants.repeated
        if not uncertain.any():
            return rows
        held = rows.where(uncertain)
        self._held.append((held, {int(line): text.line(int(line)) for line in held.lines}))
        return rows.where(~uncertain)

    def _held_back(self) -> Generator[Part, None, list[int]]:
        """Yield the values that waited; return the lines whose local time the file has once."""
        lines: list[int] = []
        for rows, texts in self._held:
            start, lone = self._placed(rows.start, self._repeated["reading_ts"])
            available = rows.available and self._placed(rows.available, self._repeated["available_ts"])[0]
            lines += [int(line) for line in rows.lines[lone]]
            yield Part(frame_of(replace(rows, start=start, available=available), self.profile, lone), texts.__getitem__)
        return lines

    def _placed(self, instants: Instants, repeated: RepeatedHours) -> tuple[Instants, Mask]:
        """Return the instants with their second occurrences, and which stamps stand alone."""
        second, lone = (np.zeros(len(instants.repeated), dtype=bool) for _ in range(2))
        second[instants.repeated], lone[instants.repeated] = repeated.meanings(int(instants.repeated.sum()))
        return instants.second(second, self.zone), lone

    def _notes(self, lone: list[int]) -> tuple[Finding, ...]:
        """Return what concerns the delivery, not one of its lines."""
        findings = []
        if self.zone_assumed:
            message = f"{self.file_name}: nobody said the meters' zone, so local hours and days are UTC's; say --zone"
            findings.append(Finding("zone_assumed", self.file_name, Severity.WARNING, message))
        if lone:
            where = f"{self.file_name} line {lone[0]}"
            message = (
                f"{where}: autumn repeats this local time and the file has it once; "
                f"taken as the first occurrence, the second is a gap ({len(lone)} such values)"
            )
            findings.append(Finding("repeated_hour_gap", where, Severity.INFO, message, {"values": len(lone)}))
        return tuple(findings)


@dataclass(frozen=True, eq=False)
class Delivery:
    """One delivered file, read whole.

    Attributes:
        file_name: Its name, without folder.
        file_digest: SHA-256 of the file as delivered.
        profile: How it was read; `profile.quantities` says which quantities are instants and which interval means.
        zone: IANA zone of its meters.
        zone_assumed: Nobody said a zone: the stamps carry their offset, and `zone` is UTC until someone does.
        lines: Delivered lines of data, header and blank lines excluded.
        frame: (rows, 17) one row a delivered value of energy, in the file's order: `line` (number in the file, the
            header being 1), `meter_id`, `channel`, `reading_ts` (UTC, NaT when bad), `interval_minutes` (0 when bad),
            `units_kwh` (NaN: delivered as missing, or bad), the auxiliary quantities (NaN: missing or bad), `quality`,
            `source_version`, `available_ts`, `code` (None, or why the row cannot be read), `blanked` (None, or
            {quantity: {"code", "value"}} of the bad auxiliary ones) and `repeated_hour` (bool: a naive stamp that
            autumn repeats and that stands in the file once).
        findings: What reading found that is no fault of a single line.
    """

    file_name: str
    file_digest: str
    profile: Profile
    zone: str
    lines: int
    frame: pd.DataFrame
    zone_assumed: bool = False
    findings: tuple[Finding, ...] = ()


def read_delivery(path: Path, profile: Profile, zone: str | None = None) -> Delivery:
    """Read a delivered file whole, into memory; see `DeliveryReader` for arguments and errors."""
    reader = DeliveryReader(path, profile, zone)
    frame = pd.concat([part.frame for part in reader.parts()]).sort_index()
    return Delivery(
        reader.file_name,
        reader.file_digest,
        profile,
        reader.zone,
        reader.lines,
        frame,
        reader.zone_assumed,
        reader.findings,
    )


def _zone(profile: Profile, said: str | None) -> tuple[str, bool]:
    """Return the meters' zone, and whether nobody said one."""
    zone = said or profile.zone
    if zone is None and profile.stamp.clock != "offset":
        raise WrongSourceError(
            f"profile {profile.name} has naive stamps and leaves their zone open; say one, as in --zone Europe/Paris"
        )
    zone_of(zone or UNKNOWN_ZONE)
    return zone or UNKNOWN_ZONE, zone is None


def _header(line: str, profile: Profile, file_name: str) -> list[str]:
    """Return the file's column names, having checked that the profile's are among them, once each."""
    names = [name.strip() for name in next(csv.reader([line], delimiter=profile.delimiter))]
    wanted = list(profile.columns.values())
    missing = [name for name in wanted if name not in names]
    if missing:
        raise _not_this_source(missing, names, profile, file_name)
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        raise UnreadableDeliveryError(
            f"{file_name} line 1 names the column {', '.join(twice)} more than once: which one holds? Ask its sender"
        )
    return names


def _not_this_source(missing: list[str], names: list[str], profile: Profile, file_name: str) -> SourceError:
    """Return the error for lacking columns: wrong use where another built-in profile fits, else a broken delivery."""
    if any(VALUE.search(name) for name in names):  # values and perhaps a meter: neither may stand in a log
        return UnreadableDeliveryError(
            f"{file_name} line 1 holds a reading where profile {profile.name} expects the names {', '.join(missing)}; "
            "put the line of column names above it, or ask the sender for a file that has one"
        )
    lacking = (
        f"{file_name} line 1 lacks {', '.join(missing)}, which profile {profile.name} reads; "
        f"its columns are {', '.join(repr(name) for name in names[:20])}"
    )
    fitting = _fitting(names)
    if fitting:
        return WrongSourceError(f"{lacking}. It looks like {' or '.join(fitting)}: say --source {fitting[0]}")
    return UnreadableDeliveryError(
        f"{lacking}. Correct the profile or its delimiter (now {profile.delimiter!r}), or ask the sender"
    )


def _fitting(names: list[str]) -> list[str]:
    """Return the built-in profiles that read the most of these columns."""
    sizes = {}
    for name in profile_names():
        wanted = set(load_profile(name).columns.values())
        if wanted <= set(names):
            sizes[name] = len(wanted)
    return [name for name, size in sizes.items() if size == max(sizes.values())]


def _unread(names: list[str], profile: Profile, file_name: str) -> tuple[Finding, ...]:
    """Return the finding that columns were left unread; a warning where another built-in profile reads more of them."""
    unread = [name for name in names if name not in profile.columns.values()]
    if not unread:
        return ()
    message = f"{file_name} line 1: profile {profile.name} leaves {', '.join(map(repr, unread[:20]))} unread"
    where, evidence = f"{file_name} line 1", {"columns": unread}
    fitting = _fitting(names)
    if fitting and len(load_profile(fitting[0]).columns) > len(profile.columns):
        message += f". More of this file would be read with --source {' or '.join(fitting)}: was that meant?"
        return (Finding("columns_unread", where, Severity.WARNING, message, evidence),)
    return (Finding("columns_unread", where, Severity.INFO, message, evidence),)
