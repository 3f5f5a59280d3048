"""Bytes in, bytes out: bodies with a limit, JSON answers, problem+json errors."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

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

NOT_MODIFIED: Final = 304
CLOSE: Final = ((b"connection", b"close"),)

TITLES: Final = {
    400: "The request is not JSON",
    404: "Nothing is here",
    405: "Not this way",
    413: "Too much at once",
    422: "Some values are wrong",
    429: "Too many requests at once",
    503: "There is no model yet",
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


async def read_body(scope: Any, receive: Any, limit: int) -> bytes:
    """Return a request's body.

    Raises:
        RefusedRequestError: where it is longer than the limit, or the client left half way.
    """
    if _announced(scope) > limit:
        await _discard(scope, receive)
        raise _too_long(limit)
    parts: list[bytes] = []
    left = limit
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedRequestError(400, "the client left before its request was whole")
        parts.append(message.get("body", b""))
        left -= len(parts[-1])
        more = message.get("more_body", False)
        if left < 0:
            if more:
                await _discard(scope, receive)
            raise _too_long(limit)
    return b"".join(parts)


def _announced(scope: Any) -> int:
    """Return the length of the body that the client announced, 0 where it did not."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), 0)


async def _discard(scope: Any, receive: Any) -> None:
    """Take what is left of a body from the client: an answer that comes before may be lost with the connection."""
    if any(name == b"expect" for name, _ in scope["headers"]):
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


def _too_long(limit: int) -> RefusedRequestError:
    return RefusedRequestError(413, f"the body is over {limit:,} bytes; send fewer readings at once", headers=CLOSE)


async def respond(send: Any, status: int, body: bytes, content_type: bytes = JSON, headers: Sequence[Any] = ()) -> None:
    """Send an answer."""
    lines = [(b"content-type", content_type), *headers]
    if status != NOT_MODIFIED:
        lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(send: Any, refusal: RefusedRequestError) -> None:
    """Send an RFC 9457 problem."""
    status = refusal.status
    problem = Problem("about:blank", TITLES.get(status, "Error"), status, refusal.detail, refusal.errors)
    await respond(send, status, encode(problem), PROBLEM_JSON, refusal.headers)
