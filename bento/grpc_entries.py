"""How many entries a batch has, counted before it is parsed: two bytes of one become 150 of memory, and a dict."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from bento.wire import SMALL_BODY, RefusedRequestError
from meter_core.contracts.features import BATCH_LIMIT
from meter_core.rpc import prediction_pb2 as pb

MOST_ENTRIES: Final = BATCH_LIMIT * len(pb.ReadingColumns.DESCRIPTOR.fields)
"""Of a batch as columns that gives each value as an entry of its own."""

LONGEST_NUMBER: Final = 10
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5


def require_few_entries(body: bytes) -> None:
    """Refuse a large batch with more entries than readings could have; broken ones are left to the parser.

    Raises:
        RefusedRequestError: 413.
    """
    if len(body) <= SMALL_BODY:
        return
    try:
        count = sum(1 for _ in islice(_entries(body), MOST_ENTRIES + 1))
    except (IndexError, ValueError):
        return
    if count > MOST_ENTRIES:
        raise RefusedRequestError(
            413, f"the batch has over {MOST_ENTRIES:,} entries; send at most {BATCH_LIMIT:,} readings at once"
        )


def _entries(body: bytes) -> Iterator[int]:
    """Yield where each field of a batch ends, and each of the messages in it."""
    for begin, end in _fields(body, 0, len(body)):
        yield end
        yield from (inner for _, inner in _fields(body, begin, end))


def _fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where what each field holds begins and ends; the marks of a group hold nothing."""
    while at < end:
        tag, at = _number(body, at)
        size, kind = 0, tag & 7
        if kind == _SIZED:
            size, at = _number(body, at)
        elif kind == _VARINT:
            size = _number(body, at)[1] - at
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        yield (at, min(at + size, end)) if kind == _SIZED else (at, at)
        at += size


def _number(body: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, lowest first, and where it ends.

    Raises:
        IndexError: where the body ends before.
        ValueError: where it is too long.
    """
    value = 0
    for place in range(LONGEST_NUMBER):
        byte = body[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("too long")
