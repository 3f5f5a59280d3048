"""Delivered lines taken apart into fields, whatever the format of the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import IntArray
from meter_core.sources.repeated_hours import Mask
from meter_core.sources.text_lines import DeliveredText

RawLine = Callable[[int], str]
"""Number of a line -> the line as delivered."""
RawLines = Callable[[IntArray], pa.Array]
"""Numbers of lines -> these lines as delivered."""


@dataclass(frozen=True, eq=False)
class Records:
    """Some lines of data, one after the other.

    Attributes:
        lines: (k,) their numbers, those that cannot be taken apart included.
        whole: (k,) bool: those that can.
        columns: The file's name of a column -> (whole.sum(),) trimmed text of the whole lines, null where blank or a
            missing code.
        raw_lines: Gives its lines as delivered; IndexError for one of other records.
    """

    lines: IntArray
    whole: Mask
    columns: dict[str, pa.Array]
    raw_lines: RawLines = field(repr=False)

    def pieces(self, count: int) -> "Iterator[Records]":
        """Yield the same lines, so many at once."""
        if len(self.lines) <= count:
            yield self
            return
        below = np.concatenate(([0], np.cumsum(self.whole)))
        for begin in range(0, len(self.lines), count):
            end = min(begin + count, len(self.lines))
            columns = {name: text[below[begin] : below[end]] for name, text in self.columns.items()}
            yield Records(self.lines[begin:end], self.whole[begin:end], columns, self.raw_lines)


class RecordFile(Protocol):
    """A delivered file that gives its lines in records, once."""

    @property
    def names(self) -> list[str]:
        """All columns of the file; known with the first records."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file as delivered; known after the last records."""

    def records(self) -> Iterator[Records]:
        """Yield all lines of data in the file's order.

        Raises:
            WrongSourceError: the file of another source, or no file.
            UnreadableDeliveryError: the file is broken as a whole.
        """


def among(lines: Mapping[int, str]) -> RawLines:
    """Return what gives some of these lines; KeyError for any other."""
    return lambda wanted: pa.array([lines[line] for line in wanted.tolist()], pa.string())


def lines_of_text(path: Path, encoding: str, wanted: Iterable[int]) -> dict[int, str]:
    """Return lines of a text file as they are, without their line ends, by number, the first being 1.

    Args:
        path: The file, plain, gzip or zstd.
        encoding: Of its text.
        wanted: Numbers of the lines.

    Raises:
        UsageError: where the file has no such line.
        WrongSourceError: where there is no such file.
        UnreadableDeliveryError: where the file is broken.
    """
    blocks = DeliveredText(path, encoding).blocks()
    return chosen_lines(((block.first, len(block.starts), block.line) for block in blocks), wanted, path.name)


def chosen_lines(blocks: Iterable[tuple[int, int, RawLine]], wanted: Iterable[int], file_name: str) -> dict[int, str]:
    """Return lines by number from blocks of (first number, count, line) that follow each other.

    Raises:
        UsageError: where there is no such line.
    """
    left, last = sorted(set(wanted), reverse=True), 0
    found: dict[int, str] = {}
    for first, count, line in blocks:
        last = first + count - 1
        while left and first <= left[-1] <= last:
            number = left.pop()
            found[number] = line(number)
        if not left:
            return found
    if left:
        raise UsageError(f"{file_name} has lines 1 to {last}, not {left[0]}; say one of them")
    return found
