"""Bytes in, bytes out: bodies with a limit, JSON answers, problem+json errors."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from bento.private import body_at_hand
from bento.request_ids import HEADER as REQUEST_ID
from bento.schemas import Note, Problem

JSON: Final = b"application/json"
PROBLEM_JSON: Final = b"application/problem+json"
MOST_ERRORS: Final = 100
"""Errors listed in one answer; the rest are counted."""

MOST_COUNTED: Final = 1_000
"""Errors that are looked for: a body of nothing but errors must not cost more than one of readings."""

MOST_DISCARDED: Final = 67_108_864
"""Bytes of a body beyond its limit that are taken from the client and thrown away, so that it gets to read why."""

DISCARD_S: Final = 3.0

PAUSE_S: Final = 5.0
"""How long a client may pause within its body: one that stops half way must not hold memory for ever."""

SMALL_BODY: Final = 1_048_576
MOST_HELD: Final = 268_435_456
"""Bytes of all bodies over `SMALL_BODY` that arrive or wait at one time: a thousand of 32 MB would be the machine."""

NOT_MODIFIED: Final = 304
CLOSE: Final = ((b"connection", b"close"),)

TITLES: Final = {
    400: "The request is not JSON",
    401: "Who asks?",
    403: "Not for this key",
    404: "Nothing is here",
    405: "Not this way",
    408: "The request did not arrive in time",
    413: "Too much at once",
    422: "Some values are wrong",
    429: "Too many requests at once",
    503: "Not now",
}

encode = msgspec.json.Encoder().encode


class RefusedRequestError(Exception):
    """A request that is answered with a problem.

    Attributes:
        status: HTTP status.
        detail: a sentence for a person.
        errors: one note a field.
        headers: further headers.
    """

    def __init__(
        self, status: int, detail: str, errors: Sequence[Note] = (), headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, list(errors), headers


def wrong_values(errors: list[Note]) -> RefusedRequestError:
    """Return the refusal of values that are wrong."""
    many = f"over {MOST_COUNTED:,}" if len(errors) > MOST_COUNTED else f"{len(errors)}"
    count = f"{many} values are wrong" if len(errors) > 1 else errors[0].message
    more = f"; the first {MOST_ERRORS} are listed" if len(errors) > MOST_ERRORS else ""
    return RefusedRequestError(422, count + more, errors[:MOST_ERRORS])


class BodySpace:
    """How much memory the large bodies that arrive or wait at one time may take together.

    Args:
        most: bytes.
    """

    def __init__(self, most: int = MOST_HELD) -> None:
        self._left = most

    @contextmanager
    def holding(self, head: Mapping[bytes, bytes], limit: int) -> Iterator[None]:
        """Hold the place of a body while it is read and answered; a small one takes none.

        Raises:
            RefusedRequestError: 429 where there is no room.
        """
        size = 0 if _is_small(head) else min(_announced(head) or limit, limit)
        if size > self._left:
            detail = "too many large requests at once; try again in a second"
            raise RefusedRequestError(429, detail, headers=((b"retry-after", b"1"), *CLOSE))
        self._left -= size
        try:
            yield
        finally:
            self._left += size


class Answer(NamedTuple):
    """What is sent back.

    Attributes:
        body: all of it.
        content_type: of the body.
        headers: further headers.
        status: HTTP status.
    """

    body: bytes
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
    status: int = 200


async def read_body(head: Mapping[bytes, bytes], receive: Any, limit: int) -> bytes:
    """Return a request's body.

    Args:
        head: headers by lower-case name.
        receive: of ASGI.
        limit: in bytes.

    Raises:
        RefusedRequestError: where it is longer than the limit, does not come, or the client left half way.
    """
    whole = body_at_hand(receive)
    if whole is not None and len(whole) <= limit:
        return whole
    if _announced(head) > limit:
        await _discard(head, receive)
        raise too_long(limit)
    try:
        return await _collected(head, receive, limit)
    except TimeoutError:
        detail = f"nothing of the body came for {PAUSE_S:.0f} s; send it again"
        raise RefusedRequestError(408, detail, headers=CLOSE) from None


async def _collected(head: Mapping[bytes, bytes], receive: Any, limit: int) -> bytes:
    """Return a body that comes in pieces."""
    parts: list[bytes] = []
    left = limit
    more = True
    while more:
        async with asyncio.timeout(PAUSE_S):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedRequestError(400, "the client left before its request was whole")
        parts.append(message.get("body", b""))
        left -= len(parts[-1])
        more = message.get("more_body", False)
        if left < 0:
            if more:
                await _discard(head, receive)
            raise too_long(limit)
    return b"".join(parts)


def _announced(head: Mapping[bytes, bytes]) -> int:
    """Return the length of the body that the client announced, 0 where it did not."""
    value = head.get(b"content-length", b"")
    return int(value) if value.isdigit() else 0


def _is_small(head: Mapping[bytes, bytes]) -> bool:
    """Return whether the client announced a body that takes no place worth counting."""
    return b"content-length" in head and _announced(head) <= SMALL_BODY


async def _discard(head: Mapping[bytes, bytes], receive: Any) -> None:
    """Take what is left of a body from the client: an answer that comes before may be lost with the connection."""
    if b"expect" in head:
        return  # it waits for our word before it sends anything
    taken, more = 0, True
    try:
        async with asyncio.timeout(DISCARD_S):
            while more and taken < MOST_DISCARDED:
                message = await receive()
                taken += len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        return  # it announced more than it sends; it has waited long enough for its answer


def too_long(limit: int) -> RefusedRequestError:
    """Return the refusal of a body that is too long."""
    return RefusedRequestError(413, f"the body is over {limit:,} bytes; send fewer readings at once", headers=CLOSE)


async def respond(send: Any, answer: Answer, request_id: bytes) -> None:
    """Send an answer."""
    body = answer.body
    lines = [(b"content-type", answer.content_type), (REQUEST_ID, request_id), *answer.headers]
    if answer.status != NOT_MODIFIED:
        lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def our_fault() -> RefusedRequestError:
    """Return the refusal that stands for an error of ours."""
    return RefusedRequestError(500, "this should not have happened; the service's log says more under the request's id")


def problem(refusal: RefusedRequestError, request_id: bytes) -> Answer:
    """Return the RFC 9457 problem of a refusal."""
    status = refusal.status
    title = TITLES.get(status, "Error")
    said = Problem("about:blank", title, status, refusal.detail, refusal.errors, request_id.decode())
    return Answer(encode(said), PROBLEM_JSON, refusal.headers, status)
