"""A source profile for an unknown file, put together from what was recognised."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from meter_core.sources.catalog import load_profile, parse_profile, profile_names
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import Profile
from meter_core.sources.recognition.measured import Measured
from meter_core.sources.recognition.notes import Notes
from meter_core.sources.recognition.sample import Sample, sample_of
from meter_core.sources.recognition.times import find_times

WIDTH: Final = 110


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a file seems to be.

    Attributes:
        profile: The profile that is proposed.
        text: The same as YAML, with what is unsure as comments.
        recognised: What -> what it is, in words.
        unsure: Key of the profile -> why nobody can tell, and what to do.
        unread: Columns that the profile leaves unread.
        built_in: Built-in profiles that read these columns.
    """

    profile: Profile
    text: str
    recognised: dict[str, str]
    unsure: dict[str, str]
    unread: tuple[str, ...]
    built_in: tuple[str, ...]


def propose(path: Path, zone: str | None = None) -> Proposal:
    """Return a profile for the file's source.

    Args:
        path: The file, plain, gzip or zstd: CSV, JSON lines or Parquet.
        zone: IANA zone of the meters, where it is known.

    Raises:
        WrongSourceError: there is no such file, or what was recognised fits together to no profile.
        UnreadableDeliveryError: it is broken, or holds no time or no number that could be energy.
    """
    notes = Notes()
    sample = sample_of(path, notes)
    times = find_times(sample.columns, notes)
    if times is None:
        raise UnreadableDeliveryError(
            f"{path.name}: no column holds a time in a form that is known; its columns are "
            f"{', '.join(map(repr, list(sample.columns)[:20]))}. Write the profile by hand: docs/source-profiles.md"
        )
    said = {"name": _name_of(path), "description": f"Proposed from {path.name}", **sample.keys}
    said |= Measured(sample, times, notes).keys(path.name, zone)
    text = _yaml(said, notes)
    profile = parse_profile(text, f"the profile proposed for {path.name}")
    unread = tuple(name for name in sample.columns if name not in profile.file_columns)
    return Proposal(profile, text, notes.recognised, notes.unsure, unread, _built_in(sample))


def _name_of(path: Path) -> str:
    """Return a name for the profile of a file."""
    stem = re.sub(r"[^a-z0-9]+", "_", path.name.split(".")[0].lower()).strip("_")
    return stem if re.match("[a-z]", stem) else f"source_{stem}".rstrip("_")


def _built_in(sample: Sample) -> tuple[str, ...]:
    """Return the built-in profiles that read the most of a file's columns."""
    sizes = {
        name: len(columns)
        for name in profile_names()
        if (columns := set(load_profile(name).file_columns)) <= set(sample.columns)
    }
    return tuple(name for name, size in sizes.items() if size == max(sizes.values()))


def _yaml(said: dict[str, Any], notes: Notes) -> str:
    """Return a profile as YAML, what is unsure as comments above the keys."""
    lines, doubts = [], dict(notes.unsure)
    for key, value in said.items():
        for about in [about for about in doubts if about.partition(".")[0] == key]:
            lines += _comment(about, doubts.pop(about))
        style = None if isinstance(value, (dict, list)) and key != "columns" else False
        dumped = yaml.safe_dump(
            {key: value}, allow_unicode=True, sort_keys=False, width=WIDTH, default_flow_style=style
        )
        lines.append(dumped.rstrip())
    for about, why in doubts.items():
        lines += _comment(about, why)
    return "\n".join(lines) + "\n"


def _comment(about: str, why: str) -> list[str]:
    """Return what is unsure as lines of a comment."""
    return textwrap.wrap(f"UNSURE {about}: {why}", WIDTH, initial_indent="# ", subsequent_indent="#   ")
