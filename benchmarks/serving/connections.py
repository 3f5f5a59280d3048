"""Keep-alive connections opened before, each with one request under way at a time: what wrk and vegeta do not have.

Plain sockets and epoll in one thread: about 12 us a request, a small part of what a server needs for one.
"""

import contextlib
import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.serving.servers import HOST, Server

LOST: Final = 0
"""Status of a request whose connection was closed in place of an answer."""

_READ: Final = 65_536
_OPENED_TOGETHER: Final = 500
"""Well below the 2,048 connections that a server lets wait before it has accepted them."""

_ACCEPTED_S: Final = 60.0
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: HTTP status, or `LOST`.
        waited_s: since the moment its request was due.
        served_s: since its request was written.
    """

    status: int
    waited_s: float
    served_s: float


class Connections:
    """Connections to a server, those that are free in the order in which they became so."""

    def __init__(self, server: Server, count: int) -> None:
        head = f"POST /predict HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
        self._request = f"{head}content-length: {len(server.body)}\r\n\r\n".encode() + server.body
        self._port, self._poll = server.port, select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._under_way: dict[int, tuple[float, float]] = {}
        self._parts: dict[int, bytes] = {}
        self._free: deque[int] = deque()
        for number in range(1, count + 1):
            self._open()
            if number % _OPENED_TOGETHER == 0 or number == count:
                self._use_once()

    @property
    def free(self) -> int:
        """How many have nothing under way."""
        return len(self._free)

    @property
    def busy(self) -> int:
        """How many wait for an answer."""
        return len(self._under_way)

    def send(self, due: float) -> None:
        """Write one request, due at that moment of `perf_counter`, on the connection that was free the longest."""
        number = self._free.popleft()
        self._under_way[number] = due, time.perf_counter()
        with contextlib.suppress(OSError):  # found closed when it is read
            self._sockets[number].send(self._request)

    def receive(self, timeout_s: float) -> Iterator[Answer]:
        """Yield the answers that have come, waiting for the first no longer than so."""
        for number, _ in self._poll.poll(timeout_s):
            try:
                data = self._sockets[number].recv(_READ)
            except OSError:
                data = b""
            now = time.perf_counter()
            if not data:
                yield from self._reopen(number, now)
            elif number in self._under_way and (status := self._status(number, data)) is not None:
                due, sent = self._under_way.pop(number)
                self._free.append(number)
                yield Answer(status, now - due, now - sent)

    def close(self) -> None:
        """Close all."""
        for one in self._sockets.values():
            one.close()
        self._poll.close()

    def _use_once(self) -> None:
        """Have a request answered on every connection: only then has the server accepted them."""
        for _ in range(self.free):
            self.send(time.perf_counter())
        deadline = time.perf_counter() + _ACCEPTED_S
        while self.busy and time.perf_counter() < deadline:
            for _ in self.receive(0.1):
                pass
        if self.busy:
            raise RuntimeError(f"{self.busy} of {len(self._sockets)} connections had no answer in {_ACCEPTED_S:g} s")

    def _open(self) -> None:
        one = socket.create_connection((HOST, self._port), timeout=30)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
        self._sockets[one.fileno()] = one
        self._poll.register(one, select.EPOLLIN)
        self._free.append(one.fileno())

    def _reopen(self, number: int, now: float) -> Iterator[Answer]:
        """Replace a connection that the server closed; a request that was under way on it is lost."""
        self._poll.unregister(number)
        self._sockets.pop(number).close()
        self._parts.pop(number, None)
        if number in self._under_way:
            due, sent = self._under_way.pop(number)
            yield Answer(LOST, now - due, now - sent)
        else:
            self._free.remove(number)
        self._open()

    def _status(self, number: int, data: bytes) -> int | None:
        """Return the status once the answer is whole."""
        data = self._parts.pop(number, b"") + data
        head, ended, body = data.partition(_HEAD_END)
        at = head.lower().find(_LENGTH)
        if not ended or at < 0 or len(body) < int(head[at + len(_LENGTH) :].split(b"\r", 1)[0]):
            self._parts[number] = data
            return None
        return int(head[9:12])


@contextlib.contextmanager
def opened(server: Server, count: int) -> Iterator[Connections]:
    """Open so many connections, and close them at the end; between, no collection of garbage delays what is due."""
    made = Connections(server, count)
    gc.collect()
    gc.disable()
    try:
        yield made
    finally:
        gc.enable()
        made.close()
