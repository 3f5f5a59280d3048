"""What a proof says, and the page that it is kept on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.serving.machine import describe

FOLDER: Final = Path(__file__).parents[2] / "docs/proofs"


@dataclass(frozen=True)
class Section:
    """One proof of a subject.

    Attributes:
        title: what was tried.
        text: what was found, in Markdown.
        held: whether it was as wanted.
    """

    title: str
    text: str
    held: bool


def write(subject: str, sections: Sequence[Section]) -> Path:
    """Keep a subject's proofs under today's date; return where."""
    machine = describe()
    lines = [f"# Proofs of {subject}", f"{machine['date']}, {machine['processor']}, {machine['cores']} cores."]
    for section in sections:
        lines += [f"## {section.title}: {'held' if section.held else 'NOT HELD'}", section.text]
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{subject}-{datetime.now(UTC):%Y-%m-%d}.md"
    path.write_text("\n\n".join(lines) + "\n")
    return path
