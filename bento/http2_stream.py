"""One stream of an HTTP/2 connection: a request that comes in pieces, and an answer that flow control may hold up."""

from typing import Any, Protocol

from bento.http2_frames import END_HEADERS, END_STREAM, ErrorCode, Kind, frame, number


class Receiver(Protocol):
    """Who takes what comes on a stream."""

    def received(self, data: bytes) -> None:
        """Take a piece."""

    def ended(self) -> None:
        """There is no more to come."""

    def left(self) -> None:
        """The client has given up, or its connection is lost."""

    def drained(self) -> None:
        """All that was to be sent has been handed on."""


class Http2Stream:
    """Sends what it is given as fast as the client takes it.

    Attributes:
        number: of the stream on its connection.
        head: headers of the request by lower-case name.
        receiver: who takes what comes.
        window: bytes that the client takes now.
        received_left: bytes that it may send before it is granted more.
        client_done: whether it has sent all.
        closed: whether nothing can be sent any more.
    """

    __slots__ = (
        "_connection",
        "_queue",
        "_trailers",
        "client_done",
        "closed",
        "head",
        "number",
        "received_left",
        "receiver",
        "window",
    )

    receiver: Receiver

    def __init__(self, connection: Any, number_: int, head: dict[bytes, bytes], window: int, granted: int) -> None:
        self._connection, self.number, self.head = connection, number_, head
        self.window, self.received_left = window, granted
        self.client_done = self.closed = False
        self._queue = bytearray()
        self._trailers: bytes | None = None

    @property
    def waiting(self) -> int:
        """Bytes that the client does not take yet."""
        return len(self._queue)

    @property
    def overfull(self) -> bool:
        """Whether its client leaves too many answers unread."""
        return bool(self._connection.overfull)

    def answer(self, head: bytes, data: bytes, trailers: bytes) -> None:
        """Send a whole answer: header blocks and what stands between them."""
        self.begin(head)
        self.send(data)
        self.finish(trailers)

    def begin(self, head: bytes) -> None:
        """Send the headers of the answer."""
        if not self.closed:
            self._connection.write(frame(Kind.HEADERS, END_HEADERS, self.number, head))

    def send(self, data: bytes) -> None:
        """Send bytes, as soon as the client takes them."""
        if self.closed:
            return
        sent = 0 if self._queue else self._connection.send_data(self, data)
        if sent < len(data):
            self._queue += data[sent:]
            self._connection.unread += len(data) - sent
            self._wait()

    def finish(self, trailers: bytes) -> None:
        """Send trailers after everything else; they are the whole answer where it was not begun."""
        if self.closed:
            return
        if self._queue:
            self._trailers = trailers
            return
        self._connection.write(frame(Kind.HEADERS, END_HEADERS | END_STREAM, self.number, trailers))
        self._over()

    def _over(self) -> None:
        if not self.client_done:  # what it still sends is of no use
            self._connection.write(frame(Kind.RST_STREAM, 0, self.number, number(ErrorCode.NO_ERROR)))
        self.closed = True
        self._connection.forget(self)

    def finish_data(self) -> None:
        """End the answer without trailers, once all is handed on."""
        if not self.closed and not self._queue:
            self._connection.write(frame(Kind.DATA, END_STREAM, self.number))
            self._over()

    def grant(self, size: int) -> None:
        """Let the client send more."""
        if size and not self.client_done and not self.closed:
            self.received_left += size
            self._connection.write(frame(Kind.WINDOW_UPDATE, 0, self.number, number(size)))

    def pump(self) -> None:
        """Send what was held up, as far as the client takes it now."""
        sent = self._connection.send_data(self, self._queue)
        del self._queue[:sent]
        self._connection.unread -= sent
        if not self._queue:
            self._connection.blocked.pop(self, None)
            if self._trailers is not None:
                self.finish(self._trailers)
            else:
                self.receiver.drained()
        else:
            self._wait()

    def _wait(self) -> None:
        """Wait for the connection where the stream's own window is open, else for that alone."""
        if self.window > 0:
            self._connection.blocked[self] = None
        else:
            self._connection.blocked.pop(self, None)

    def reset(self, code: ErrorCode) -> None:
        """Give up the stream and tell the client why."""
        if not self.closed:
            self._connection.write(frame(Kind.RST_STREAM, 0, self.number, number(code)))
            self.lost()

    def lost(self) -> None:
        """Forget what was to be sent: nobody waits for it."""
        self.closed = True
        self._connection.unread -= len(self._queue)
        self._queue.clear()
        self._connection.forget(self)
        self.receiver.left()
