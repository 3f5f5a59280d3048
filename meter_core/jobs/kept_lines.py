"""A meter's lines out of a kept file: they become empty, so that every other line keeps its number."""

import gzip
import hashlib
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from meter_core.contracts.naming import names, names_in_bytes
from meter_core.sources import DeliveryReader, UnreadableDeliveryError
from meter_core.sources.unpacking import DeliveredBytes

NEWLINE: Final = b"\n"
BESIDE: Final = 2
"""Bytes on either side of an id that tell whether it is a whole word."""


def lines_of(meter_id: str, reader: DeliveryReader) -> set[int] | None:
    """Return the lines of a delivered file that are a meter's, or that cannot be read and name it.

    None where the file cannot be read at all and names it somewhere: then no line can be told from another.
    """
    named = names(meter_id)
    found: set[int] = set()
    try:
        for part in reader.parts():
            frame = part.frame
            found.update(frame.loc[frame["meter_id"] == meter_id, "line"].tolist())
            unnamed = frame.loc[frame["meter_id"] == "", "line"].to_numpy()
            texts = part.raw_lines(unnamed).to_pylist()
            found.update(line for line, text in zip(unnamed.tolist(), texts, strict=True) if named.search(text))
    except UnreadableDeliveryError:
        return None
    return found


def holds(meter_id: str, path: Path, encoding: str = "utf-8") -> bool:
    """Say whether a file that cannot be read names the meter somewhere in its bytes."""
    try:
        return _holds(meter_id, DeliveredBytes(path).unpacked(), encoding)
    except UnreadableDeliveryError:
        return _holds(meter_id, [path.read_bytes()], encoding)


def _holds(meter_id: str, pieces: Iterable[bytes], encoding: str) -> bool:
    """Say whether bytes in pieces name the meter; what is at the edge of a piece is looked at with the next."""
    named, edge = names_in_bytes(meter_id, encoding), b"\0" * BESIDE
    longest = 4 * len(meter_id) + BESIDE
    for piece in chain(pieces, [b"\0" * BESIDE]):
        window = edge + piece
        if any(found.end() <= len(window) - BESIDE for found in named.finditer(window, BESIDE)):
            return True
        edge = window[-(longest + 2 * BESIDE) :]
    return False


def without_lines(path: Path, lines: Collection[int], target: Path) -> str | None:
    """Write a file with some of its lines empty, as gzip; return the SHA-256 of the unpacked text.

    None where its lines do not end with LF, or it is no text: then it cannot be written without them.
    """
    sha, number, is_text = hashlib.sha256(), 0, False
    with gzip.GzipFile(target, "wb", mtime=0) as sink:
        for line in _lines(path):
            if number == 0 and (not line.endswith(NEWLINE) or b"\0" in line):
                return None
            number, is_text = number + 1, True
            kept = NEWLINE if number in lines else line
            sha.update(kept)
            sink.write(kept)
    return sha.hexdigest() if is_text else None


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, unpacked, each with its line end."""
    rest = b""
    for piece in DeliveredBytes(path).unpacked():
        *whole, rest = (rest + piece).split(NEWLINE)
        yield from (line + NEWLINE for line in whole)
    if rest:
        yield rest
