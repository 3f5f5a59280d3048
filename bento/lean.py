"""The outer application: our routes, answered without BentoML's middleware; everything else passes to BentoML."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from bento.cors import Cors
from bento.keys import ANYONE, Caller, Keys
from bento.notes import shortened
from bento.private import AsgiApp, has_left
from bento.request_ids import request_id
from bento.routes import Request, Route, Routes
from bento.tracing import Tracing
from bento.wire import (
    NOT_MODIFIED,
    SMALL_BODY,
    Answer,
    BodySpace,
    RefusedRequestError,
    our_fault,
    problem,
    read_body,
    respond,
)

logger = logging.getLogger("bentoml.meter")

Count = Callable[[str, int, float], None]

OPEN_INSIDE: Final = ("/livez", "/readyz", "/healthz", "/metrics")
"""What BentoML answers without a key: probes and metrics name no meter and no value."""


class LeanApp:
    """An ASGI application around BentoML's.

    Args:
        inside: BentoML's application: probes, metrics, its own API routes, start and stop.
        routes: what is answered here.
        keys: who may ask.
        cors: which other sites' pages may.
        tracing: of a sample of the requests.
        count: called with route, status and seconds of each answer.
    """

    def __init__(self, inside: AsgiApp, routes: Routes, keys: Keys, cors: Cors, tracing: Tracing, count: Count) -> None:
        self._inside, self._routes, self._keys, self._cors = inside, routes, keys, cors
        self._tracing, self._count = tracing, count
        self._space = BodySpace()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, or pass it on."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
        elif (found := self._routes.find(scope)) is not None:
            await self._serve(*found, scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _serve(self, route: Route, params: Mapping[str, str], scope: Any, receive: Any, send: Any) -> None:
        """Answer one of our routes, errors as problems."""
        start = time.perf_counter()
        head = dict(scope["headers"])
        identity = request_id(head)
        try:
            answer = await self._answer(route, params, head, scope, receive)
        except RefusedRequestError as refusal:
            answer = problem(refusal, identity)
        except Exception:
            logger.exception("request %s to %s failed", identity.decode(), route.path)
            answer = problem(our_fault(), identity)
        if b"origin" in head:
            answer = self._cors.opened(answer, head)
        await respond(send, answer, identity)
        seconds = time.perf_counter() - start
        self._count(route.path, answer.status, seconds)
        self._tracing.request(head, route.method, route.path, answer.status, identity, seconds)

    async def _answer(
        self, route: Route, params: Mapping[str, str], head: Mapping[bytes, bytes], scope: Any, receive: Any
    ) -> Answer:
        """Return a route's answer.

        Raises:
            RefusedRequestError: for what is wrong with the request.
        """
        method = scope["method"]
        if method not in route.methods:
            if method == "OPTIONS" and (preflight := self._cors.preflight(head, route.methods)) is not None:
                return preflight
            raise _not_this_way(route.methods)
        caller = self._keys.caller(head) if not route.public else ANYONE
        request = partial(_request, caller, params, scope, receive)
        if route.limit <= SMALL_BODY:
            answer = await route.handler(request(await read_body(head, receive, route.limit) if route.limit else b""))
        else:
            with self._space.holding(head, route.limit):
                answer = await route.handler(request(await read_body(head, receive, route.limit)))
        return answer if not answer.headers else _unless_known(answer, head)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on to BentoML; where it has no such route or method, that is said as everywhere."""
        head = dict(scope["headers"])
        identity = request_id(head)
        refusal: RefusedRequestError | None = None

        async def tell(message: Any) -> None:
            nonlocal refusal
            if message["type"] == "http.response.start":
                refusal = _no_route(scope["path"], message["status"], dict(message["headers"]))
            if refusal is None:
                await send(message)

        try:
            if scope["path"] not in OPEN_INSIDE and self._keys.caller(head).meters is not None:
                raise RefusedRequestError(403, "a key for some meters only may use our own routes; /docs lists them")
            await self._inside(scope, receive, tell)
        except RefusedRequestError as without_key:
            refusal = without_key
        if refusal:
            await respond(send, problem(refusal, identity), identity)


def _request(caller: Caller, params: Mapping[str, str], scope: Any, receive: Any, body: bytes) -> Request:
    """Return what a handler gets to see."""
    return Request(body, caller, partial(has_left, receive), params, scope["query_string"], dict(scope["headers"]))


def _unless_known(answer: Answer, head: Mapping[bytes, bytes]) -> Answer:
    """Return the answer, without its body where the client has it already; to HEAD the server sends none anyway."""
    tag = dict(answer.headers).get(b"etag")
    known = tag is not None and head.get(b"if-none-match") == tag
    return answer._replace(body=b"", status=NOT_MODIFIED) if known else answer


def _no_route(path: str, status: int, headers: Mapping[bytes, bytes]) -> RefusedRequestError | None:
    """Return the refusal of a route or method that BentoML does not have; None for its other answers."""
    if status == HTTPStatus.NOT_FOUND:
        return RefusedRequestError(status, f"there is no {shortened(path)}; /docs lists what there is")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get(b"allow", b"")
        return RefusedRequestError(status, f"use {allowed.decode('latin-1')}", headers=((b"allow", allowed),))
    return None


def _not_this_way(methods: tuple[str, ...]) -> RefusedRequestError:
    allowed = (b"allow", ", ".join(methods).encode())
    return RefusedRequestError(405, f"use {methods[0]}", headers=(allowed,))
