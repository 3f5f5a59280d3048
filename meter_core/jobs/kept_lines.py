"""A meter's lines out of a kept file: they become empty, so that every other line keeps its number."""

import gzip
import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from meter_core.jobs.kept_deliveries import GZIP
from meter_core.sources import DeliveryReader, UnreadableDeliveryError

NEWLINE: Final = b"\n"


def lines_of(meter_id: str, reader: DeliveryReader) -> set[int] | None:
    """Return the lines of a delivered file that are a meter's, or that cannot be read and name it.

    None where the file cannot be read at all and names it somewhere: then no line can be told from another.
    """
    named = re.compile(rf"(?<![\w-]){re.escape(meter_id)}(?![\w-])")
    found: set[int] = set()
    try:
        for part in reader.parts():
            frame = part.frame
            found.update(frame.loc[frame["meter_id"] == meter_id, "line"].tolist())
            unnamed = frame.loc[frame["meter_id"] == "", "line"]
            found.update(line for line in unnamed.tolist() if named.search(part.raw_line(line)))
    except UnreadableDeliveryError:
        return None
    return found


def holds(meter_id: str, path: Path, encoding: str) -> bool:
    """Say whether a file that cannot be read has the id somewhere in its bytes."""
    sought, rest = meter_id.encode(encoding), b""
    with _opened(path) as stream:
        try:
            while block := stream.read(1 << 20):
                if sought in rest + block:
                    return True
                rest = block[-len(sought) :]
        except (OSError, EOFError):
            return sought in path.read_bytes()
    return False


def without_lines(path: Path, lines: Collection[int], target: Path) -> str | None:
    """Write a file with some of its lines empty, as gzip; return the SHA-256 of the unpacked text.

    None where its lines do not end with LF, or it is no text: then it cannot be written without them.
    """
    if not _has_lines(path):
        return None
    sha = hashlib.sha256()
    with _opened(path) as source, gzip.GzipFile(target, "wb", mtime=0) as sink:
        for number, line in enumerate(source, 1):
            kept = NEWLINE if number in lines else line
            sha.update(kept)
            sink.write(kept)
    return sha.hexdigest()


def _has_lines(path: Path) -> bool:
    """Say whether a file is text of one byte a character, or UTF-8, in lines that end with LF."""
    with _opened(path) as stream:
        first = stream.read(1 << 20)
    return NEWLINE in first and b"\0" not in first


def _opened(path: Path) -> gzip.GzipFile:
    """Open a file, unpacked where it is gzip."""
    with path.open("rb") as stream:
        packed = stream.read(len(GZIP)) == GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]
