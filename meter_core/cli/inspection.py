"""How `meter sources inspect` shows what it found."""

import re
import textwrap
from pathlib import Path
from typing import Any, Final

from meter_core.cli.output import Speaker

WIDEST: Final = 110
SHOWN: Final = 3
"""Rows beside each other, so that a reading of many quantities fits on a terminal."""


def show_inspection(speaker: Speaker, found: dict[str, Any], file: Path, save: Path | None) -> None:
    """Print what was recognised, what is unsure, the profile, and the first rows as they would be stored.

    Args:
        speaker: Where to.
        found: Of `SourceInspection.as_dict`.
        file: The file that was looked at.
        save: Where the profile was written; None where it was not.
    """
    _told(speaker, f"Recognised in {file.name}", found["recognised"])
    if found["unread"]:
        _told(speaker, "Left unread", {"columns": ", ".join(found["unread"])})
    _told(speaker, "Unsure: look at these, or ask the sender", found["unsure"] or {"": "nothing"})
    speaker.heading("Proposed profile")
    speaker.out.print(textwrap.indent(found["yaml"], "  "), markup=False, soft_wrap=True, end="")
    _rows(speaker, found)
    refused = ", ".join(f"{count:,} {code}" for code, count in found["quarantined"].items()) or "none"
    speaker.facts({"read": f"{found['values']:,} values of {found['lines']:,} lines", "would be quarantined": refused})
    _onwards(speaker, found, file, save)


def _told(speaker: Speaker, heading: str, facts: dict[str, str]) -> None:
    """Print names and words, the words wrapped beside the names."""
    speaker.heading(heading)
    width = max(map(len, facts)) + 4
    for name, words in facts.items():
        text = textwrap.fill(
            words,
            min(speaker.out.width, WIDEST),
            initial_indent=f"  {name}".ljust(width),
            subsequent_indent=" " * width,
        )
        speaker.out.print(text, markup=False, soft_wrap=True)


def _rows(speaker: Speaker, found: dict[str, Any]) -> None:
    """Print the first rows, one beside the other."""
    rows = found["rows"][:SHOWN]
    names = [name for name in rows[0] if name != "line"]
    clock = found["zone"] or "UTC, for nobody said the zone"
    speaker.out.print()
    speaker.table(
        f"The first rows as they would be stored (stamps: {clock})",
        ["", *(f"line {row['line']}" for row in rows)],
        [[name, *(_cell(row[name]) for row in rows)] for name in names],
        numeric_from=len(rows) + 1,
    )


def _cell(value: Any) -> str:
    """Return a value in few characters: a stamp without its seconds where it has none."""
    return "" if value is None else re.sub(r"T(\d\d:\d\d):00(?=[+-])", r" \1", str(value))


def _onwards(speaker: Speaker, found: dict[str, Any], file: Path, save: Path | None) -> None:
    """Print which commands come next."""
    zone = "" if found["zone"] else " --zone ZONE"
    if save:
        speaker.facts({"saved, next": f"meter ingest {file} --source {save}{zone}"})
    else:
        speaker.facts({"to save it": f"meter sources inspect {file} --save {found['profile']['name']}.yaml"})
    for name in found["built_in"]:
        speaker.facts({"built in": f"{name} reads these columns: meter ingest {file} --source {name}"})
