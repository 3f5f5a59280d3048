"""The outer application: our routes, answered without BentoML's middleware; everything else passes to BentoML."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from bento.notes import shortened
from bento.pages import Page, Pages
from bento.private import AsgiApp
from bento.wire import NOT_MODIFIED, RefusedRequestError, read_body, respond, respond_problem

logger = logging.getLogger("bentoml.meter")

ONE_LIMIT: Final = 262_144
"""Bytes of one reading: 1,344 values with all their digits, and room."""

MANY_LIMIT: Final = 33_554_432
"""Bytes of a batch: 10,000 readings with three weeks of hours each."""

Handler = Callable[[bytes], Awaitable[bytes]]


class LeanApp:
    """An ASGI application around BentoML's.

    Args:
        inside: BentoML's application: probes, metrics, its own API routes, start and stop.
        posts: handler and longest body of each POST route.
        pages: answers to GET.
        count: called with route, status and seconds of each answer.
    """

    def __init__(
        self,
        inside: AsgiApp,
        posts: Mapping[str, tuple[Handler, int]],
        pages: Pages,
        count: Callable[[str, int, float], None],
    ) -> None:
        self._inside, self._posts, self._pages, self._count = inside, posts, pages, count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, or pass it on."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
        elif (post := self._posts.get(scope["path"])) is not None:
            await self._post(post, scope, receive, send)
        elif (page := self._pages.find(scope["path"])) is not None:
            await _get(page, scope, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on to BentoML; where it has no such route or method, that is said as everywhere."""
        refusal: RefusedRequestError | None = None

        async def tell(message: Any) -> None:
            nonlocal refusal
            if message["type"] == "http.response.start":
                refusal = _no_route(scope["path"], message["status"], dict(message["headers"]))
            if refusal is None:
                await send(message)

        await self._inside(scope, receive, tell)
        if refusal:
            await respond_problem(send, refusal)

    async def _post(self, post: tuple[Handler, int], scope: Any, receive: Any, send: Any) -> None:
        """Answer a POST route, errors as problems."""
        start, status = time.perf_counter(), 200
        handler, limit = post
        try:
            _only(scope, "POST")
            await respond(send, status, await handler(await read_body(scope, receive, limit)))
        except RefusedRequestError as refusal:
            status = refusal.status
            await respond_problem(send, refusal)
        except Exception:
            status = 500
            logger.exception("a request failed")
            await respond_problem(
                send, RefusedRequestError(500, "this should not have happened; the service's log says more")
            )
        self._count(scope["path"], status, time.perf_counter() - start)


async def _get(page: Callable[[], Page], scope: Any, send: Any) -> None:
    """Answer a GET route; what the client has already is not sent again."""
    try:
        _only(scope, "GET", "HEAD")
        found = page()
    except RefusedRequestError as refusal:
        await respond_problem(send, refusal)
        return
    headers = [(b"etag", found.etag), *found.headers]
    if dict(scope["headers"]).get(b"if-none-match") == found.etag:
        await respond(send, NOT_MODIFIED, b"", found.content_type, headers)
    else:  # to HEAD the server sends the same without the body
        await respond(send, 200, found.body, found.content_type, headers)


def _no_route(path: str, status: int, headers: Mapping[bytes, bytes]) -> RefusedRequestError | None:
    """Return the refusal of a route or method that BentoML does not have; None for its other answers."""
    if status == HTTPStatus.NOT_FOUND:
        return RefusedRequestError(status, f"there is no {shortened(path)}; /docs lists what there is")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get(b"allow", b"")
        return RefusedRequestError(status, f"use {allowed.decode('latin-1')}", headers=((b"allow", allowed),))
    return None


def _only(scope: Any, *methods: str) -> None:
    """Refuse other methods."""
    if scope["method"] not in methods:
        allowed = (b"allow", ", ".join(methods).encode())
        raise RefusedRequestError(405, f"use {methods[0]}", headers=(allowed,))
