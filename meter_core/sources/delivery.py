"""A delivered file as frames of readings, part by part, with the lines as delivered and why a value cannot be read."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from meter_core.calendar import zone_of
from meter_core.contracts.finding import Finding, Severity
from meter_core.sources.column_names import unread_columns
from meter_core.sources.csv_records import CsvRecords
from meter_core.sources.errors import WrongSourceError
from meter_core.sources.espi_records import EspiRecords
from meter_core.sources.installed import Installed, MeterFacts
from meter_core.sources.json_records import JsonRecords
from meter_core.sources.layout import Layout
from meter_core.sources.multipliers import multiplied
from meter_core.sources.parquet_records import ParquetRecords
from meter_core.sources.part import Part
from meter_core.sources.profile import Profile
from meter_core.sources.readings import Rows, frame_of, series_names
from meter_core.sources.records import RawLines, RecordFile, Records, among
from meter_core.sources.registers import Registers
from meter_core.sources.repeated_hours import Mask, RepeatedHours, SeriesNumbers
from meter_core.sources.stamps import BAD_STAMP, Instants

UNKNOWN_ZONE: Final = "UTC"
VALUES_AT_ONCE: Final = 1 << 17
"""A part has no more: the lines of a block have a day's values each in the wide layout."""
FORMATS: Final[dict[str, Callable[[Path, Profile], RecordFile]]] = {
    "csv": CsvRecords,
    "jsonl": JsonRecords,
    "parquet": ParquetRecords,
    "espi": EspiRecords,
}


class DeliveryReader:
    """A delivered file, read in parts, so that its size does not matter.

    A line that cannot be read is a row with a `code`, never an error. A blank energy is a value delivered as missing:
    no code.

    Args:
        path: The file, in the profile's format; text plain, gzip or zstd.
        profile: How to read it.
        zone: IANA zone of the meters, in place of the profile's.
        facts: What is known of the meters; None: nothing.

    Raises:
        WrongSourceError: no such file or zone.
    """

    def __init__(self, path: Path, profile: Profile, zone: str | None = None, facts: MeterFacts | None = None) -> None:
        self.zone, self.zone_assumed = _zone(profile, zone)
        self.profile = profile
        self.file_name = path.name
        self.lines = 0
        """Delivered lines of data that were read so far, header and blank lines excluded."""
        self.rows = 0
        """Delivered values of energy in them."""
        self.first_line = self.last_line = 0
        """Numbers of the first and the last of them."""
        self.findings: tuple[Finding, ...] = ()
        """What reading found that is no fault of a single line; complete after the last part."""
        self._file = FORMATS[profile.format](path, profile)
        self._layout = Layout(profile, self.zone)
        self._facts = facts
        self._series = SeriesNumbers()
        self._repeated = {"reading_ts": RepeatedHours(), "available_ts": RepeatedHours()}
        self._held: list[tuple[Rows, dict[int, str]]] = []

    @property
    def file_digest(self) -> str:
        """SHA-256 of the file as delivered; known after the last part."""
        return self._file.digest

    def parts(self) -> Iterator[Part]:
        """Return the delivery in the file's order; values of which only the file's end tells enough come last.

        Raises:
            WrongSourceError: the file of another source.
            UnreadableDeliveryError: the file is broken as a whole.
        """
        parts, installed = self._as_delivered(), Installed(self._facts)
        if self.profile.registers is not None:
            parts = Registers(self.profile, self.file_name, installed, self._facts).differences(parts)
        if self.profile.multiplier != "none":
            parts = multiplied(parts, installed, self.profile.multiplier == "required")
        return parts

    def _as_delivered(self) -> Iterator[Part]:
        """Yield the delivery's values as they are written."""
        lines_at_once = VALUES_AT_ONCE // len(self.profile.energy_columns)
        for records in self._file.records():
            for piece in records.pieces(lines_at_once):
                yield self._part(piece)
        lone = yield from self._held_back()
        self.findings = (*unread_columns(self._file.names, self.profile, self.file_name), *self._notes(lone))

    def _part(self, records: Records) -> Part:
        """Return the values of these lines, but for those that are held back."""
        rows = self._layout.rows(records, self.lines)
        self.rows += len(rows.lines)
        self.lines, self.last_line = self.lines + len(records.lines), int(records.lines[-1])
        self.first_line = self.first_line or int(records.lines[0])
        if self.profile.stamp.clock == "local" and self.profile.stamp.ambiguous == "in_order":
            rows = self._hold_back(rows, records.raw_lines)
        return Part(frame_of(rows, self.profile), records.raw_lines)

    def _hold_back(self, rows: Rows, raw_lines: RawLines) -> Rows:
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
        texts = raw_lines(held.lines).to_pylist()
        self._held.append((held, dict(zip(held.lines.tolist(), texts, strict=True))))
        return rows.where(~uncertain)

    def _held_back(self) -> Generator[Part, None, list[int]]:
        """Yield the values that waited; return the lines whose local time the file has once."""
        lines: list[int] = []
        for rows, texts in self._held:
            start, lone = self._placed(rows.start, self._repeated["reading_ts"])
            available = rows.available and self._placed(rows.available, self._repeated["available_ts"])[0]
            lines += [int(line) for line in rows.lines[lone]]
            yield Part(frame_of(replace(rows, start=start, available=available), self.profile, lone), among(texts))
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
        return (*findings, *self._layout.findings(self.file_name))


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
