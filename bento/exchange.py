"""uvicorn's HTTP protocol with a short way for one route: no task, no ASGI messages, one write for the whole answer.

An exchange stands where uvicorn keeps what it knows of a request, so that keep-alive, pipelining, lost clients and
stopping stay uvicorn's. What is not plain goes its usual way through ASGI: another method, HTTP/1.0, a body in chunks
or over 64 kB or that comes later than its headers, `Expect`, a request from another site's page, one sent before the
one before it was answered or while its client does not read. All of this is private to uvicorn;
tests/service/test_exchange.py fails when it changes, and without `take_short_way` the same route is answered through
ASGI.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bento.request_ids import HEADER as REQUEST_ID
from bento.wire import Answer

LONGEST: Final = 65_535
"""Bytes of a body that uvicorn reads without pausing its client."""

_NOBODY_WAITS: Final = asyncio.Event()


class Exchange:
    """One request on the short way, and the way back.

    Attributes:
        head: headers by lower-case name.
        body: of the request; whole when the route's function is called.
        disconnected: whether the client has closed its connection.
    """

    __slots__ = ("_protocol", "body", "disconnected", "head", "keep_alive", "more_body", "response_complete")

    message_event: Final = _NOBODY_WAITS

    def __init__(self, protocol: "ShortProtocol", head: Mapping[bytes, bytes]) -> None:
        self.head, self.body = head, b""
        self.more_body = self.keep_alive = True
        self.disconnected = self.response_complete = False
        self._protocol = protocol

    def has_left(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.disconnected

    def respond(self, answer: Answer, identity: bytes) -> None:
        """Write an answer, unless its client has left."""
        self.response_complete = True
        if self.disconnected:
            return
        lines = [STATUS_LINE[answer.status]]
        lines += [b"%b: %b\r\n" % header for header in self._protocol.server_state.default_headers]
        lines.append(b"content-type: %b\r\n%b: %b\r\n" % (answer.content_type, REQUEST_ID, identity))
        lines += [b"%b: %b\r\n" % header for header in answer.headers]
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n%b" % (len(answer.body), answer.body))
        transport = self._protocol.transport
        transport.write(b"".join(lines))
        if not self.keep_alive:
            transport.close()
        self._protocol.on_response_complete()


class ShortProtocol(HttpToolsProtocol):
    """uvicorn's protocol; `take_short_way` fills in the rest."""

    paths: Collection[bytes] = ()
    answer: Callable[[Exchange], None]
    draining: ClassVar[bool] = False
    """Whether each answer from now on is the last of its connection, and says so."""

    def data_received(self, data: bytes) -> None:
        """Leave a body that did not come with its headers to ASGI: who reads it there gives up where it stops."""
        super().data_received(data)
        exchange = self.cycle
        if type(exchange) is Exchange and exchange.more_body and not self.transport.is_closing():
            self.cycle = None
            super().on_headers_complete()
            self.cycle.body += exchange.body
            self.cycle.keep_alive &= exchange.keep_alive

    def on_headers_complete(self) -> None:
        """Begin an exchange where the request is plain, and what ASGI has otherwise."""
        if (head := self._plain_head()) is not None:
            self.cycle: Any = Exchange(self, head)
        else:
            super().on_headers_complete()
        if ShortProtocol.draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Answer an exchange when its body is whole."""
        super().on_message_complete()
        if type(self.cycle) is Exchange and not self.cycle.response_complete:
            type(self).answer(self.cycle)

    def _plain_head(self) -> Mapping[bytes, bytes] | None:
        """Return the headers of a request that can go the short way."""
        if self.url in self.paths and (self.cycle is None or self.cycle.response_complete):
            head = dict(self.headers)
            return head if self._is_plain(head) else None
        return None

    def _is_plain(self, head: Mapping[bytes, bytes]) -> bool:
        """Return whether nothing about a request needs more than its body and one write."""
        length = head.get(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) <= LONGEST
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self.limit_concurrency is None
            and not self.flow.write_paused
            and b"expect" not in head
            and b"origin" not in head
        )


def take_short_way(paths: Collection[bytes], answer: Callable[[Exchange], None]) -> None:
    """Have a worker that is about to start answer plain POST requests to some paths through exchanges.

    Args:
        paths: as sent, without a query.
        answer: calls `respond` of the exchange once, now or later, on the event loop.
    """
    made = type("_Protocol", (ShortProtocol,), {"paths": frozenset(paths), "answer": staticmethod(answer)})
    uvicorn.config.HTTP_PROTOCOLS["auto"] = made  # type: ignore[assignment]  # a class is taken as well as its name
