"""What a delivered file holds, unpacked piece by piece: its size does not matter."""

import hashlib
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from isal import isal_zlib

from meter_core.sources.errors import UnreadableDeliveryError, WrongSourceError

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
GZIP_MEMBER: Final = 31
"""What zlib and its kin call a gzip stream with header and checksum."""
PIECE: Final = 1 << 20
NEWLINE: Final = 10

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class DeliveredBytes:
    """A delivered file, read once from its beginning to its end.

    Args:
        path: The file.

    Raises:
        WrongSourceError: where there is no such file.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise WrongSourceError(f"{path} is a folder, not a delivered file; say the files in it")
        self._path = path
        self._sha = hashlib.sha256()
        self.line_ends = 0
        """In what has been unpacked so far, the piece that was given last included."""

    @property
    def digest(self) -> str:
        """SHA-256 of what was read of the file as delivered (compressed, if it was)."""
        return self._sha.hexdigest()

    def unpacked(self) -> Iterator[bytes]:
        """Yield the content in pieces; its first bytes tell whether it is gzip or zstd, or one inside the other.

        Raises:
            WrongSourceError: where it cannot be read.
            UnreadableDeliveryError: where it is damaged or cut off.
        """
        for piece in self._opened(self._delivered()):
            self.line_ends += int(np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) == NEWLINE))
            yield piece

    def _opened(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Return the pieces without their compression."""
        first = b""
        while len(first) < len(ZSTD) and (piece := next(pieces, b"")):
            first += piece
        if first.startswith(GZIP):
            return self._opened(filter(None, self._gunzipped(first, pieces)))
        if first.startswith(ZSTD):
            return self._opened(self._unzstd(chain([first], pieces)))
        return chain([first], pieces)

    def _delivered(self) -> Iterator[bytes]:
        """Yield the file as it is."""
        try:
            with self._path.open("rb") as stream:
                while piece := stream.read(PIECE):
                    self._sha.update(piece)
                    yield piece
        except FileNotFoundError as error:
            raise WrongSourceError(
                f"there is no file {self._path} (looked in {Path.cwd()}); say the path of a delivered file"
            ) from error
        except OSError as error:
            raise WrongSourceError(
                f"{self._path} cannot be read: {error.strerror}; see its owner and permissions"
            ) from error

    def _gunzipped(self, first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what a gzip file of one or several members holds; what follows the last of them is no part of it."""
        name, member, packed = self._path.name, isal_zlib.decompressobj(wbits=GZIP_MEMBER), first
        while True:
            if member.eof and len(packed) >= len(GZIP):
                if not packed.startswith(GZIP):
                    break
                member = isal_zlib.decompressobj(wbits=GZIP_MEMBER)
            if not packed or (member.eof and len(packed) < len(GZIP)):
                following = next(others, None)
                if following is None:
                    break
                packed += following
                continue
            try:
                piece = member.decompress(packed, PIECE)
            except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class an instance
                raise UnreadableDeliveryError(
                    f"{name} is damaged gzip ({error}); ask its sender for it again. Nothing of it was loaded"
                ) from error
            packed = member.unused_data if member.eof else member.unconsumed_tail
            yield piece
        rest = b"" if member.eof else member.flush()
        yield rest
        if not member.eof:
            raise UnreadableDeliveryError(
                f"{name} is cut off: the gzip stream breaks off in line {self.line_ends + 1}; the transfer broke, "
                "ask its sender for it again. Nothing of it was loaded"
            )
        for _ in others:  # to the end, for the digest is of the whole file
            pass

    def _unzstd(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what a zstd file of one or several frames holds."""
        try:
            with pa.CompressedInputStream(pa.PythonFile(_Stream(packed), mode="r"), "zstd") as stream:
                while piece := stream.read(PIECE):
                    yield piece
        except OSError as error:
            what = "cut off" if "Truncated" in str(error) else f"damaged zstd ({error})"
            raise UnreadableDeliveryError(
                f"{self._path.name} is {what}: it breaks off in line {self.line_ends + 1}; the transfer broke, "
                "ask its sender for it again. Nothing of it was loaded"
            ) from error


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        target = memoryview(buffer)
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
