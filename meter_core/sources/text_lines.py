"""A delivered file as lines: unpacked, decoded, and each line found again by its number."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meter_core.contracts.readings import IntArray
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.unpacking import DeliveredBytes

BLOCK: Final = 1 << 22
"""Bytes of text that are handled at once, about 60,000 lines: so much memory a delivery takes, and no more."""
FOREIGN: Final = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"%PDF": "a PDF",
}
"""How files begin that are often sent by mistake."""
PARQUET: Final = b"PAR1"
NEWLINE, RETURN, QUOTE, SPACE = 10, 13, 34, 32
WIDE: Final = ("utf-16", "utf-32")
"""Encodings in which the byte of a line end may be half of another character."""


@dataclass(frozen=True, slots=True)
class TextLines:
    """Some lines of a file, one after the other, as UTF-8 bytes and the places where they start and end.

    Attributes:
        file_name: For messages.
        first: Number of the first of them; the header is line 1.
        data: Their text in UTF-8, without byte order mark.
        starts: (k,) offset of the first byte of each line, empty ones included.
        ends: (k,) offset behind its last byte, without the line end.
    """

    file_name: str
    first: int
    data: bytes
    starts: IntArray
    ends: IntArray

    def line(self, number: int) -> str:
        """Return a line as delivered, without its line end.

        Raises:
            IndexError: where it is none of these.
        """
        place = number - self.first
        if not 0 <= place < len(self.starts):
            last = self.first + len(self.starts) - 1
            raise IndexError(f"{self.file_name} has lines {self.first} to {last}, not {number}")
        return self.data[self.starts[place] : self.ends[place]].decode()

    def lines(self, numbers: IntArray) -> pa.Array:
        """Return lines as delivered, without their line ends.

        Raises:
            IndexError: where one is none of these.
        """
        places = numbers - self.first
        if (outside := numbers[(places < 0) | (places >= len(self.starts))]).size:
            self.line(int(outside[0]))
        bounds = np.append(np.column_stack((self.starts, self.ends)), len(self.data))
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self.data)]
        lines_and_ends = pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)
        return lines_and_ends.take(pa.array(2 * places)).cast(pa.string())

    def filled(self) -> IntArray:
        """Return the indices (line number less `first`) of the lines that hold anything but spaces."""
        text = self._bytes()
        starts_filled = text[np.minimum(self.starts, len(text) - 1)] > SPACE
        if not starts_filled.all():
            starts_filled |= np.logical_or.reduceat(text > SPACE, self.starts)
        return np.flatnonzero(starts_filled)

    def field_counts(self, delimiter: str) -> IntArray:
        """Return (k,) fields of each line; -1 where a quote stays open or a carriage return stands inside."""
        text = self._bytes()
        delimiters = np.flatnonzero(text == ord(delimiter))
        broken = np.zeros(len(self.starts), dtype=bool)
        if QUOTE in self.data:
            quotes = np.flatnonzero(text == QUOTE)
            broken = (_below(quotes, self.ends) - _below(quotes, self.starts)) % 2 == 1
            line_of = np.searchsorted(self.starts, delimiters, side="right") - 1
            is_quoted = (_below(quotes, delimiters) - _below(quotes, self.starts[line_of])) % 2 == 1
            delimiters = delimiters[~is_quoted]
        if RETURN in self.data:
            returns = np.flatnonzero(text == RETURN)
            broken |= _below(returns, self.ends) > _below(returns, self.starts)
        return np.where(broken, -1, _below(delimiters, self.ends) - _below(delimiters, self.starts) + 1)

    def joined(self, indices: IntArray) -> bytes:
        """Return the lines with these indices, in their order, as one text, each with a line end."""
        if len(indices) == 0:
            return b""
        first, last = indices[0], indices[-1]
        if last - first + 1 == len(indices):
            return self.between(first, last) + b"\n"
        text = self._bytes()
        ends = np.minimum(self.ends + 1, len(text))
        change = np.zeros(len(text) + 1, dtype=np.int8)
        change[self.starts[indices]] += 1
        change[ends[indices]] -= 1
        lines = text[np.cumsum(change[:-1], dtype=np.int8).astype(bool)]
        return np.where(lines == RETURN, np.uint8(NEWLINE), lines).tobytes() + b"\n"

    def between(self, first: int, last: int) -> bytes:
        """Return the text from the start of the line with one index to the end of the line with another."""
        return self.data[self.starts[first] : self.ends[last]]

    def _bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)


class DeliveredText:
    """A delivered text file, read block by block.

    Args:
        path: The file, plain, gzip or zstd.
        encoding: Of its text.

    Raises:
        WrongSourceError: where there is no such file.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.file_name = path.name
        self._bytes = DeliveredBytes(path)
        self._encoding = encoding.lower().replace("_", "-")
        self._line_end = NEWLINE
        self._first = 1

    @property
    def digest(self) -> str:
        """SHA-256 of the file as delivered; known when all blocks have been read."""
        return self._bytes.digest

    def blocks(self) -> Iterator[TextLines]:
        """Yield all lines of the file, in blocks.

        Raises:
            UnreadableDeliveryError: where it is empty, cut off, binary or not text of that encoding.
        """
        is_empty = True
        for data in self._whole_lines():
            block = _split(data, self._line_end, self.file_name, self._first)
            self._first += len(block.starts)
            is_empty = is_empty and not data.strip()
            yield block
        if is_empty:
            raise UnreadableDeliveryError(f"{self.file_name} is empty; ask its sender for the file again")

    def _whole_lines(self) -> Iterator[bytes]:
        """Yield the text in UTF-8, cut behind line ends."""
        pieces = _blocks(self._checked(self._bytes.unpacked()))
        if self._encoding.startswith(WIDE):
            yield from self._cut(self._transcoded(pieces))
            return
        place = 0
        for data in self._cut(pieces):
            yield self._as_utf8(data, place, self._first).removeprefix(codecs.BOM_UTF8 if place == 0 else b"")
            place += len(data)

    def _cut(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the same bytes cut behind a line end: LF, or CR where the first block has no LF at all."""
        rest = b""
        for number, block in enumerate(blocks):
            data = rest + block
            if number == 0 and NEWLINE not in data and RETURN in data:
                self._line_end = RETURN
            place = data.rfind(self._line_end) + 1
            rest = data[place:]
            if place:
                yield data[:place]
        if rest:
            yield rest

    def _checked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces, having refused what is no text: by its first bytes or by bytes that no text has."""
        place = 0
        for piece in pieces:
            if place == 0:
                self._refuse_foreign(piece)
            if 0 in piece and not self._encoding.startswith(WIDE):
                within = piece.index(0)
                line = self._bytes.line_ends + 1 - piece.count(NEWLINE, within)
                raise UnreadableDeliveryError(
                    f"{self.file_name} line {line} has a zero byte "
                    f"(byte {place + within + 1}): it is binary or damaged, not text; ask its sender for it again"
                )
            yield piece
            place += len(piece)

    def _refuse_foreign(self, text: bytes) -> None:
        """Raise where the first bytes are those of another kind of file."""
        for beginning, kind in FOREIGN.items():
            if text.startswith(beginning):
                raise UnreadableDeliveryError(
                    f"{self.file_name} is {kind}; export it as CSV, JSON lines or Parquet (plain, gzip or zstd)"
                )
        if text.startswith(PARQUET):
            raise UnreadableDeliveryError(
                f"{self.file_name} is a Parquet file; say `format: parquet` in its source profile"
            )
        if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not self._encoding.startswith("utf-16"):
            raise UnreadableDeliveryError(
                f"{self.file_name} is UTF-16 text; say `encoding: utf-16` in its source profile"
            )

    def _as_utf8(self, text: bytes, place: int, line: int) -> bytes:
        """Return whole lines in UTF-8, checked; they begin at this byte and line of the file."""
        try:
            decoded = text.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise self._wrong_encoding(error, place, line) from error
        return text if self._encoding in {"utf-8", "utf8", "ascii"} else decoded.encode()

    def _transcoded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield text of two or four bytes a character in UTF-8."""
        decoder, fed, line = codecs.getincrementaldecoder(self._encoding)(), 0, 1
        try:
            for piece in pieces:
                fed += len(piece)
                yield (decoded := decoder.decode(piece).removeprefix("\ufeff")).encode()
                line += decoded.count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise self._wrong_encoding(error, fed - len(error.object), line) from error

    def _wrong_encoding(self, error: UnicodeDecodeError, place: int, line: int) -> UnreadableDeliveryError:
        """Return what to say of a byte that the encoding does not have."""
        line += error.object.count(NEWLINE, 0, error.start)
        return UnreadableDeliveryError(
            f"{self.file_name} line {line} is not {self._encoding}: byte 0x{error.object[error.start]:02x} at "
            f"{place + error.start + 1}; say the right `encoding:` in its source profile (often latin-1 or cp1252)"
        )


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, about BLOCK of them at once."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


def _split(data: bytes, line_end: int, name: str, first: int) -> TextLines:
    """Find the lines: they end with LF or CR LF, or all with CR alone."""
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text == line_end)
    if len(ends) == 0 or ends[-1] != len(text) - 1:
        ends = np.append(ends, len(text))
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
    returned = (ends > starts) & (text[np.maximum(ends - 1, 0)] == RETURN)
    return TextLines(name, first, data, starts, ends - returned)


def _below(places: IntArray, bounds: IntArray) -> IntArray:
    """Return how many of the sorted places lie below each bound."""
    return np.searchsorted(places, bounds)
