"""Frames and header blocks of HTTP/2 (RFC 9113, RFC 7541) as they are written, and which heads a request may have."""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
"""Of a frame before its payload."""

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

LARGEST_WINDOW: Final = 2**31 - 1
LARGEST_STREAM: Final = 2**31 - 1
SMALLEST_FRAME_LIMIT: Final = 16_384
"""Every peer takes frames of this size."""
LARGEST_FRAME_LIMIT: Final = 2**24 - 1

_HEAD: Final = struct.Struct(">BHBBL")
_SETTING: Final = struct.Struct(">HL")
_SHORT_LENGTH: Final = 127
_STATUS_200: Final = b"\x88"
_OF_CONNECTIONS: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_PSEUDO: Final = (b":method", b":scheme", b":path")


class Kind(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class ErrorCode(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Setting(IntEnum):
    """What each side tells the other at the start."""

    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ConnectionFailedError(Exception):
    """The peer broke the protocol, so that the connection has to end.

    Attributes:
        code: what it is told.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def frame(kind: Kind, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return the bytes of a frame."""
    size = len(payload)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings_frame(values: Iterable[tuple[Setting, int]]) -> bytes:
    """Return the frame that tells the peer our settings."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values))


def settings_in(payload: bytes) -> list[tuple[int, int]]:
    """Return the settings that a peer tells.

    Raises:
        ConnectionFailedError: where the frame is none of whole settings.
    """
    if len(payload) % _SETTING.size:
        raise ConnectionFailedError(ErrorCode.FRAME_SIZE_ERROR, "settings are cut off")
    return [(name, value) for name, value in _SETTING.iter_unpack(payload)]


def number(value: int) -> bytes:
    """Return four bytes."""
    return value.to_bytes(4, "big")


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return a payload without its padding.

    Raises:
        ConnectionFailedError: where the padding is longer than the frame.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "the padding is longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def header_block(pairs: Iterable[tuple[bytes, bytes]], begins: bool = True) -> bytes:
    """Return headers that leave no trace in the peer's table, so that blocks can be made once and sent in any order.

    Args:
        pairs: names in lower case.
        begins: whether the status 200 stands before them.
    """
    literals = (b"\x00" + _length(name) + name + _length(value) + value for name, value in pairs)
    return (_STATUS_200 if begins else b"") + b"".join(literals)


def _length(text: bytes) -> bytes:
    """Return a length as HPACK writes it: seven bits, then seven bits a byte, lowest first."""
    left = len(text)
    if left < _SHORT_LENGTH:
        return bytes((left,))
    parts, left = [_SHORT_LENGTH], left - _SHORT_LENGTH
    while left > _SHORT_LENGTH:
        parts.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes((*parts, left))


def request_head(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """Return the headers of a request by name, None where they are not what HTTP/2 allows."""
    head: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name[:1] == b":":
            if name in head or name not in (*_PSEUDO, b":authority") or any(key[:1] != b":" for key in head):
                return None
        elif name != name.lower() or name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
            return None
        head[name] = value
    return head if all(head.get(name) for name in _PSEUDO) else None
