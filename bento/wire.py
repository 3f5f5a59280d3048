"""Bytes in, bytes out: bodies with a limit, JSON answers, problem+json errors."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bento.schemas import Note, Problem

JSON: Final = b"application/json"
PROBLEM_JSON: Final = b"application/problem+json"
MOST_ERRORS: Final = 100
"""Errors listed in one answer; the rest are counted."""

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
    count = f"{len(errors)} values are wrong" if len(errors) > 1 else errors[0].message
    more = f"; the first {MOST_ERRORS} are listed" if len(errors) > MOST_ERRORS else ""
    return RefusedRequestError(422, count + more, errors[:MOST_ERRORS])


async def read_body(scope: Any, receive: Any, limit: int) -> bytes:
    """Return a request's body.

    Raises:
        RefusedRequestError: where it is longer than the limit, or the client left half way.
    """
    too_long = f"the body is over {limit:,} bytes; send fewer readings at once"
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise RefusedRequestError(413, too_long, headers=((b"connection", b"close"),))
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > limit:
            raise RefusedRequestError(413, too_long, headers=((b"connection", b"close"),))
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise RefusedRequestError(400, "the client left before its request was whole")
    if len(body) > limit:
        raise RefusedRequestError(413, too_long)
    return body


async def respond(send: Any, status: int, body: bytes, content_type: bytes = JSON, headers: Sequence[Any] = ()) -> None:
    """Send an answer."""
    lines = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(send: Any, refusal: RefusedRequestError) -> None:
    """Send an RFC 9457 problem."""
    status = refusal.status
    problem = Problem("about:blank", TITLES.get(status, "Error"), status, refusal.detail, refusal.errors)
    await respond(send, status, encode(problem), PROBLEM_JSON, refusal.headers)
