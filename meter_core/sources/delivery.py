"""A delivered file as one frame of readings, with the lines as delivered and why a value cannot be read."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from meter_core.calendar import zone_of
from meter_core.contracts.finding import Finding, Severity
from meter_core.sources.catalog import load_profile, profile_names
from meter_core.sources.columns import text_columns
from meter_core.sources.errors import SourceError, UnreadableDeliveryError, WrongSourceError
from meter_core.sources.profile import Profile
from meter_core.sources.readings import frame_of
from meter_core.sources.text_lines import TextLines, read_lines

UNKNOWN_ZONE: Final = "UTC"
VALUE: Final = re.compile(r"^[+-]?[\d.,]+$|\d{4}-\d\d-\d\d|\d[./]\d\d?[./]\d{4}|\d[.,]\d\d")
"""A number or a stamp, which is no name of a column."""


@dataclass(frozen=True, eq=False)
class Delivery:
    """One delivered file, read.

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
        text: The lines as delivered.
    """

    file_name: str
    file_digest: str
    profile: Profile
    zone: str
    lines: int
    frame: pd.DataFrame
    text: TextLines = field(repr=False)
    zone_assumed: bool = False
    findings: tuple[Finding, ...] = ()

    def raw_line(self, line: int) -> str:
        """Return a line as delivered, without its line end.

        Raises:
            IndexError: where the file has no such line.
        """
        return self.text.line(line)


def read_delivery(path: Path, profile: Profile, zone: str | None = None) -> Delivery:
    """Read a delivered CSV, plain or gzip.

    A line that cannot be read is a row with a `code`, never an error. A blank energy is a value delivered as missing:
    no code.

    Args:
        path: The file.
        profile: How to read it.
        zone: IANA zone of the meters, in place of the profile's.

    Raises:
        WrongSourceError: no such file or zone, or the file of another source.
        UnreadableDeliveryError: the file is broken as a whole.
    """
    zone, assumed = _zone(profile, zone)
    text = read_lines(path, profile.encoding)
    filled = text.filled()
    header, data = filled[0], filled[1:]
    names = _header(text.line(int(header) + 1), profile, text.file_name)
    if len(data) == 0:
        raise UnreadableDeliveryError(
            f"{text.file_name} has a header and no readings; ask its sender whether there were none to send"
        )
    whole = text.field_counts(profile.delimiter)[data] == len(names)
    columns = text_columns(text.joined(data[whole]), names, profile)
    frame = frame_of(columns, data + 1, whole, profile, zone)
    findings = (*_unread(names, profile, text.file_name), *_findings(frame, text.file_name, assumed))
    return Delivery(text.file_name, text.digest, profile, zone, len(data), frame, text, assumed, findings)


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


def _findings(frame: pd.DataFrame, file_name: str, zone_assumed: bool) -> tuple[Finding, ...]:
    """Return what concerns the delivery, not one of its lines."""
    findings = []
    if zone_assumed:
        message = f"{file_name}: nobody said the meters' zone, so local hours and days are UTC's; say --zone"
        findings.append(Finding("zone_assumed", file_name, Severity.WARNING, message))
    gaps = frame["repeated_hour"].to_numpy()
    if gaps.any():
        line = int(frame["line"].to_numpy()[gaps][0])
        message = (
            f"{file_name} line {line}: autumn repeats this local time and the file has it once; "
            f"taken as the first occurrence, the second is a gap ({int(gaps.sum())} such values)"
        )
        findings.append(
            Finding(
                "repeated_hour_gap", f"{file_name} line {line}", Severity.INFO, message, {"values": int(gaps.sum())}
            )
        )
    return tuple(findings)
