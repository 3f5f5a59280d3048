"""A delivered file as lines: unpacked, decoded, and each line found again by its number."""

import codecs
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import IntArray
from meter_core.sources.errors import UnreadableDeliveryError, WrongSourceError

GZIP: Final = b"\x1f\x8b"
FOREIGN: Final = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"%PDF": "a PDF",
}
"""How files begin that are often sent by mistake."""
NEWLINE, RETURN, QUOTE, SPACE = 10, 13, 34, 32
GZIP_MEMBER: Final = 31
"""What zlib calls a gzip stream with header and checksum."""


@dataclass(frozen=True, slots=True)
class TextLines:
    """The lines of a file, as UTF-8 bytes and the places where they start and end.

    Attributes:
        file_name: For messages.
        digest: SHA-256 of the file as delivered (compressed, if it was).
        data: The unpacked text in UTF-8, without byte order mark.
        starts: (k,) offset of the first byte of each line of the file, empty ones included.
        ends: (k,) offset behind its last byte, without the line end.
    """

    file_name: str
    digest: str
    data: bytes
    starts: IntArray
    ends: IntArray

    def line(self, number: int) -> str:
        """Return a line as delivered, without its line end; the header is line 1.

        Raises:
            IndexError: where the file has no such line.
        """
        if not 1 <= number <= len(self.starts):
            raise IndexError(f"{self.file_name} has lines 1 to {len(self.starts)}, not {number}")
        return self.data[self.starts[number - 1] : self.ends[number - 1]].decode()

    def filled(self) -> IntArray:
        """Return the indices (line number less 1) of the lines that hold anything but spaces."""
        text = self._bytes()
        starts_filled = text[np.minimum(self.starts, len(text) - 1)] > SPACE
        if not starts_filled.all():
            starts_filled |= np.logical_or.reduceat(text > SPACE, self.starts)
        return np.flatnonzero(starts_filled)

    def field_counts(self, delimiter: str) -> IntArray:
        """Return (k,) fields of each line; -1 where a quote stays open or a carriage return stands inside."""
        text = self._bytes()
        is_delimiter = text == ord(delimiter)
        broken = np.zeros(len(self.starts), dtype=bool)
        if QUOTE in self.data:
            quotes = np.flatnonzero(text == QUOTE)
            broken = (_below(quotes, self.ends) - _below(quotes, self.starts)) % 2 == 1
            places = np.flatnonzero(is_delimiter)
            line_of = np.searchsorted(self.starts, places, side="right") - 1
            is_quoted = (_below(quotes, places) - _below(quotes, self.starts[line_of])) % 2 == 1
            is_delimiter[places[is_quoted]] = False
        if RETURN in self.data:
            returns = np.flatnonzero(text == RETURN)
            broken |= _below(returns, self.ends) > _below(returns, self.starts)
        return np.where(broken, -1, np.add.reduceat(is_delimiter, self.starts, dtype=np.int64) + 1)

    def joined(self, indices: IntArray) -> bytes:
        """Return the lines with these indices, in their order, as one text, each with a line end."""
        if len(indices) == 0:
            return b""
        first, last = indices[0], indices[-1]
        if last - first + 1 == len(indices):
            return self.data[self.starts[first] : self.ends[last]] + b"\n"
        text = self._bytes()
        ends = np.minimum(self.ends + 1, len(text))
        change = np.zeros(len(text) + 1, dtype=np.int8)
        change[self.starts[indices]] += 1
        change[ends[indices]] -= 1
        lines = text[np.cumsum(change[:-1], dtype=np.int8).astype(bool)]
        return np.where(lines == RETURN, np.uint8(NEWLINE), lines).tobytes() + b"\n"

    def _bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)


def read_lines(path: Path, encoding: str) -> TextLines:
    """Read a plain or gzip text file; which of both it is, its first bytes tell.

    Raises:
        WrongSourceError: where there is no such file.
        UnreadableDeliveryError: where it is empty, cut off, binary or not text of that encoding.
    """
    delivered = _bytes_of(path)
    digest = hashlib.sha256(delivered).hexdigest()
    text = _unpacked(delivered, path.name) if delivered.startswith(GZIP) else delivered
    if not text.strip():
        raise UnreadableDeliveryError(f"{path.name} is empty; ask its sender for the file again")
    _refuse_foreign(text, path.name, encoding)
    data = _as_utf8(text, encoding, path.name)
    return _split(data, path.name, digest)


def _split(data: bytes, name: str, digest: str) -> TextLines:
    """Find the lines: they end with LF or CR LF, or all with CR alone."""
    text = np.frombuffer(data, dtype=np.uint8)
    mark = NEWLINE if NEWLINE in data else RETURN
    ends = np.flatnonzero(text == mark)
    if len(ends) == 0 or ends[-1] != len(text) - 1:
        ends = np.append(ends, len(text))
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
    returned = (ends > starts) & (text[np.maximum(ends - 1, 0)] == RETURN)
    return TextLines(name, digest, data, starts, ends - returned)


def _bytes_of(path: Path) -> bytes:
    """Return the content of a file, or say why there is none."""
    if path.is_dir():
        raise WrongSourceError(f"{path} is a folder, not a delivered file; say the files in it")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WrongSourceError(
            f"there is no file {path} (looked in {Path.cwd()}); say the path of a delivered file"
        ) from error
    except OSError as error:
        raise WrongSourceError(f"{path} cannot be read: {error.strerror}; see its owner and permissions") from error


def _unpacked(delivered: bytes, name: str) -> bytes:
    """Return what a gzip file of one or several members holds."""
    unpacked: list[bytes] = []
    rest = delivered
    while rest.startswith(GZIP):
        member = zlib.decompressobj(wbits=GZIP_MEMBER)
        try:
            unpacked.append(member.decompress(rest))
        except zlib.error as error:
            raise UnreadableDeliveryError(
                f"{name} is damaged gzip ({error}); ask its sender for it again. Nothing of it was loaded"
            ) from error
        if not member.eof:
            line = sum(part.count(NEWLINE) for part in unpacked) + 1
            raise UnreadableDeliveryError(
                f"{name} is cut off: the gzip stream breaks off in line {line}; the transfer broke, "
                "ask its sender for it again. Nothing of it was loaded"
            )
        rest = member.unused_data
    return b"".join(unpacked)


def _refuse_foreign(text: bytes, name: str, encoding: str) -> None:
    """Raise where the content is not text: it says so by its first bytes or by bytes that no text has."""
    for beginning, kind in FOREIGN.items():
        if text.startswith(beginning):
            raise UnreadableDeliveryError(f"{name} is {kind}, not CSV; export it as CSV, plain or gzip")
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not encoding.lower().startswith("utf-16"):
        raise UnreadableDeliveryError(f"{name} is UTF-16 text; say `encoding: utf-16` in its source profile")
    if 0 in text and not encoding.lower().startswith(("utf-16", "utf-32")):
        place = text.index(0)
        line = text.count(NEWLINE, 0, place) + 1
        raise UnreadableDeliveryError(
            f"{name} line {line} has a zero byte (byte {place + 1}): it is binary or damaged, not CSV; "
            "ask its sender for it again"
        )


def _as_utf8(text: bytes, encoding: str, name: str) -> bytes:
    """Return the text in UTF-8, checked."""
    try:
        decoded = text.decode(encoding)
    except UnicodeDecodeError as error:
        line = text.count(NEWLINE, 0, error.start) + 1
        raise UnreadableDeliveryError(
            f"{name} line {line} is not {encoding}: byte 0x{text[error.start]:02x} at {error.start + 1}; "
            "say the right `encoding:` in its source profile (often latin-1 or cp1252)"
        ) from error
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8", "ascii"}:
        return text.removeprefix(codecs.BOM_UTF8)
    return decoded.removeprefix("\ufeff").encode()


def _below(places: IntArray, bounds: IntArray) -> IntArray:
    """Return how many of the sorted places lie below each bound."""
    return np.searchsorted(places, bounds)
