"""The bytes of one HTTP/2 connection: greeting, frames cut out, all answers of a moment in one write, heartbeats."""

import asyncio
from typing import Final

from bento.http2_frames import (
    HEAD_BYTES,
    LARGEST_STREAM,
    PREFACE,
    SMALLEST_FRAME_LIMIT,
    ConnectionFailedError,
    ErrorCode,
    Kind,
    frame,
    number,
)

PREFACE_S: Final = 10.0
"""How long a client may take to greet."""

PING_EVERY_S: Final = 60.0
PING_LOST_S: Final = 20.0
"""How long an answer to our ping may take before the client is taken for lost."""

_ARE_YOU_THERE: Final = b"alive?\x00\x00"


class Http2Link(asyncio.Protocol):
    """One client, as far as bytes go.

    Attributes:
        last: number of the newest stream that was taken.
    """

    def __init__(self) -> None:
        self.last = 0
        self._rest = b""
        self._greeted = self._failed = self._heard = self._asked = False
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def take_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Take one frame.

        Raises:
            ConnectionFailedError: where the client broke the protocol.
        """
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting of a new client."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(PREFACE_S, self.close)

    def data_received(self, data: bytes) -> None:
        """Take all frames that have arrived whole."""
        if self._failed:
            return
        self._heard = True
        data = self._rest + data if self._rest else data
        at = 0
        try:
            if not self._greeted:
                at = self._greet(data)
            while self._greeted and len(data) - at >= HEAD_BYTES:
                size = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2]
                if size > SMALLEST_FRAME_LIMIT:
                    raise ConnectionFailedError(ErrorCode.FRAME_SIZE_ERROR, "the frame is too long")
                end = at + HEAD_BYTES + size
                if end > len(data):
                    break
                stream = int.from_bytes(data[at + 5 : at + HEAD_BYTES], "big") & LARGEST_STREAM
                self.take_frame(data[at + 3], data[at + 4], stream, data[at + HEAD_BYTES : end])
                at = end
            self._rest = data[at:]
        except ConnectionFailedError as failure:
            self._fail(failure)
        self._flush()

    def write(self, data: bytes) -> None:
        """Send bytes with all others of this moment."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)

    def connection_lost(self, _: Exception | None) -> None:
        """Stop the heartbeat."""
        if self._timer:
            self._timer.cancel()

    def close(self) -> None:
        """Send what is left to send and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._out:
            data, self._out, self._out_bytes = b"".join(self._out), [], 0
            self._transport.write(data)

    def _greet(self, data: bytes) -> int:
        """Return how many bytes the client's greeting took, 0 while it is not whole."""
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "this is no HTTP/2; gRPC needs it without TLS here")
        if len(data) < len(PREFACE):
            return 0
        self._greeted = True
        self._heartbeat(PING_EVERY_S)
        return len(PREFACE)

    def _heartbeat(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._beat)

    def _beat(self) -> None:
        """Ask a client that is silent whether it is there; end the connection where it is not."""
        if self._heard:
            self._heard = self._asked = False
            self._heartbeat(PING_EVERY_S)
        elif not self._asked:
            self._asked = True
            self.write(frame(Kind.PING, 0, 0, _ARE_YOU_THERE))
            self._heartbeat(PING_LOST_S)
        else:
            self._transport.abort()

    def _fail(self, failure: ConnectionFailedError) -> None:
        """End the connection and say why."""
        self._rest, self._failed = b"", True
        said = number(self.last) + number(failure.code) + str(failure).encode()
        self.write(frame(Kind.GOAWAY, 0, 0, said))
        self.close()
