"""gRPC over one HTTP/2 stream: messages in, messages out, and how a call ends."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from bento.grpc_errors import trailers_of
from bento.http2_frames import header_block
from bento.http2_stream import Http2Stream
from bento.request_ids import HEADER as REQUEST_ID
from bento.request_ids import request_id
from bento.wire import PAUSE_S, SMALL_BODY, BodySpace, RefusedRequestError, our_fault

logger = logging.getLogger("bentoml.meter")

LEFT: Final = 499
"""Counted for a client that left before it was answered."""

PREFIX_BYTES: Final = 5
"""Before each message: whether it is compressed, and its length."""

SMALL_GRANT: Final = 16_384
"""Bytes taken before the client is told that it may send as many more."""

_BEGIN: Final = header_block([(b"content-type", b"application/grpc")])
_OK: Final = header_block([(b"grpc-status", b"0")], begins=False)
_STATUS_415: Final = b"\x08\x03415"
_TIMEOUT: Final = re.compile(rb"(\d{1,8})([HMSmun])")
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}

Done = Callable[["Call", int], None]
"""Told of each call that ends, with its status as HTTP would say it."""


class Call:
    """A call; subclasses take its messages.

    Args:
        stream: it came on.
        limit: bytes of a message.
        space: memory for the large ones.
        done: told when it has ended.

    Attributes:
        head: metadata by lower-case name.
        identity: under which it is answered and logged.
        start_s: when it came, monotonic seconds.
    """

    def __init__(self, stream: Http2Stream, limit: int, space: BodySpace, done: Done) -> None:
        self.start_s = time.perf_counter()
        self.head, self.identity = stream.head, request_id(stream.head)
        self._stream, self._limit, self._space, self._done = stream, limit, space, done
        self._deadline_s = _deadline(stream.head, self.start_s)
        self._buffer, self._size = bytearray(), -1
        self._taken = 0
        self._begun = self._completed = self._over = False
        self._holds = ExitStack()
        self._pause: asyncio.TimerHandle | None = None

    def message(self, body: bytes) -> None:
        """Take a message."""
        raise NotImplementedError

    def complete(self) -> None:
        """Answer a client that has sent all its messages."""
        raise NotImplementedError

    def has_room(self) -> bool:
        """Return whether a further message can be taken now."""
        return True

    def gone(self) -> bool:
        """Return whether the client has left or its deadline has passed: then nothing is computed."""
        return self._stream.closed or (self._deadline_s is not None and time.perf_counter() > self._deadline_s)

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages."""
        self._begin()
        self._stream.send(b"".join(b"\x00" + len(body).to_bytes(4, "big") + body for body in messages))

    def reply(self, body: bytes, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Send the only message and end the call."""
        if not self._over:
            self.send((body,))
            self.end(more)

    def end(self, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """End the call well.

        Args:
            more: metadata beside the request's id.
        """
        self._begin()
        self._stream.finish(_OK + header_block(((REQUEST_ID, self.identity), *more), begins=False))
        self.over(200)

    def fail(self, error: Exception) -> None:
        """End the call without an answer, or without the rest of it."""
        if not isinstance(error, RefusedRequestError):
            logger.error("call %s of %s failed", self.identity.decode(), self.head[b":path"].decode(), exc_info=error)
            error = our_fault()
        elif self.gone():
            error = RefusedRequestError(408, "the deadline has passed")
        if not self._over:
            pairs = [*trailers_of(error), (REQUEST_ID, self.identity)]
            if not self._begun:
                pairs.insert(0, (b"content-type", b"application/grpc"))
            self._stream.finish(header_block(pairs, begins=not self._begun))
            self.over(error.status)

    def received(self, data: bytes) -> None:
        """Take a piece of the messages."""
        self._buffer += data
        self.take()

    def ended(self) -> None:
        """Take the end of the messages."""
        self.take()

    def left(self) -> None:
        """Stop: nobody waits."""
        if not self._over:
            self.over(LEFT)

    def drained(self) -> None:
        """Go on taking where sending had held it up."""
        self.take()

    def take(self) -> None:
        """Take whole messages while there is room, and the end after the last."""
        try:
            while not self._over and self.has_room() and self._whole():
                end = PREFIX_BYTES + self._size
                body = bytes(self._buffer[PREFIX_BYTES:end])
                del self._buffer[:end]
                self._size = -1
                self._grant(end)
                self.message(body)
            if self._stream.client_done and not self._over and not self._completed and self.has_room():
                self._complete()
        except Exception as error:
            self.fail(error)
        if self._pause or self._buffer:
            self._await_rest()

    def _await_rest(self) -> None:
        """Set a limit to how long half a message, and the memory it takes, waits for its rest."""
        if self._pause:
            self._pause.cancel()
            self._pause = None
        if self._buffer and not self._over and self.has_room():
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._give_up)

    def _give_up(self) -> None:
        self.fail(RefusedRequestError(408, f"nothing of the message came for {PAUSE_S:.0f} s; send it again"))

    def _complete(self) -> None:
        self._completed = True
        if self._buffer:
            raise RefusedRequestError(400, "the last message is cut off")
        self.complete()

    def _whole(self) -> bool:
        """Return whether the next message has arrived.

        Raises:
            RefusedRequestError: 413 where it is too long, 415 where it is compressed, 429 without memory for it.
        """
        if self._size < 0 and len(self._buffer) >= PREFIX_BYTES:
            self._size = int.from_bytes(self._buffer[1:PREFIX_BYTES], "big")
            if self._buffer[0]:
                raise RefusedRequestError(415, "the message is compressed; send it as it is")
            if self._size > self._limit:
                many = f"the message has {self._size:,} bytes, and {self._limit:,} are the limit"
                raise RefusedRequestError(413, f"{many}; send fewer readings at once")
            if self._size > SMALL_BODY:
                self._holds.enter_context(self._space.holding({b"content-length": b"%d" % self._size}, self._limit))
        if 0 <= self._size <= len(self._buffer) - PREFIX_BYTES:
            return True
        self._grant(0, self._size + PREFIX_BYTES - len(self._buffer))
        return False

    def _grant(self, taken: int, wanted: int = 0) -> None:
        """Let the client send as much as was taken, and what is missing of a message that is longer than the window."""
        self._taken += taken
        missing = wanted - self._stream.received_left
        if self._taken >= SMALL_GRANT or missing > 0:
            self._stream.grant(max(self._taken, missing))
            self._taken = 0

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._stream.begin(_BEGIN)

    def over(self, status: int) -> None:
        """Let go of what the call held, and tell that it has ended."""
        self._over = True
        self._buffer.clear()
        if self._pause:
            self._pause.cancel()
        self._holds.close()
        self._done(self, status)


class NotGrpc:
    """A request that is no call: told so in the words of HTTP."""

    def __init__(self, stream: Http2Stream) -> None:
        self._stream = stream

    def received(self, _: bytes) -> None:
        """Let it come, as far as the first window goes."""

    def ended(self) -> None:
        """Say what this port is for."""
        self._stream.begin(_STATUS_415 + header_block([(b"content-type", b"text/plain")], begins=False))
        self._stream.send(b"this port speaks gRPC; docs/grpc.md has examples, and HTTP has a port of its own\n")
        self._stream.finish_data()

    def left(self) -> None:
        """Nobody waits."""

    def drained(self) -> None:
        """End what the client's window had held up."""
        self._stream.finish_data()


class UnaryCall(Call):
    """A call with one message.

    Args:
        answer: answers it, now or later.
    """

    def __init__(
        self, stream: Http2Stream, limit: int, space: BodySpace, done: Done, answer: Callable[[Call, bytes], None]
    ) -> None:
        super().__init__(stream, limit, space, done)
        self._answer = answer
        self._body: bytes | None = None

    def message(self, body: bytes) -> None:
        """Take the message."""
        if self._body is not None:
            raise RefusedRequestError(400, "the method takes one message, and a second one came")
        self._body = body

    def complete(self) -> None:
        """Answer it."""
        if self._stream.overfull:
            detail = "too many answers of this connection wait to be read; read them first"
            raise RefusedRequestError(429, detail, headers=((b"retry-after", b"1"),))
        if self._body is None:
            raise RefusedRequestError(400, "the method takes one message, and none came")
        self._answer(self, self._body)


def _deadline(head: dict[bytes, bytes], now_s: float) -> float | None:
    """Return when the client stops waiting, monotonic seconds; None where it does not say."""
    found = _TIMEOUT.fullmatch(head.get(b"grpc-timeout", b""))
    return now_s + int(found[1]) * _SECONDS[found[2]] if found else None
