"""Single readings over the short way: what `LeanApp` and `Predicting.one` do, in two steps that wait for nothing."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bento.exchange import Exchange
from bento.handlers import Predicting
from bento.keys import Keys
from bento.request_ids import request_id
from bento.routes import VERSION_PREFIX
from bento.tracing import Tracing
from bento.wire import Answer, RefusedRequestError, our_fault, problem

logger = logging.getLogger("bentoml.meter")

ROUTE: Final = "/predict"
PATHS: Final = (ROUTE.encode(), (VERSION_PREFIX + ROUTE).encode())


class ShortWay:
    """Answers exchanges.

    Args:
        predicting: answers readings.
        keys: who may ask.
        tracing: of a sample of the requests.
        count: called with route, status and seconds of each answer.
    """

    def __init__(
        self, predicting: Predicting, keys: Keys, tracing: Tracing, count: Callable[[str, int, float], None]
    ) -> None:
        self._predicting, self._keys, self._tracing, self._count = predicting, keys, tracing, count

    def __call__(self, exchange: Exchange) -> None:
        """Put a reading into the queue; it is answered when its turn has come, or now where something is wrong."""
        start, identity = time.perf_counter(), request_id(exchange.head)
        try:
            caller = self._keys.caller(exchange.head)
            future = self._predicting.begin(exchange.body, caller, exchange.has_left)
        except Exception as error:
            self._respond(exchange, _failed(error, identity), identity, start)
        else:
            future.add_done_callback(partial(self._finish, exchange, identity, start))

    def _finish(self, exchange: Exchange, identity: bytes, start: float, future: "asyncio.Future[Any]") -> None:
        """Answer a reading whose turn has come."""
        try:
            answer = self._predicting.finish(future)
        except Exception as error:
            answer = _failed(error, identity)
        self._respond(exchange, answer, identity, start)

    def _respond(self, exchange: Exchange, answer: Answer, identity: bytes, start: float) -> None:
        exchange.respond(answer, identity)
        seconds = time.perf_counter() - start
        self._count(ROUTE, answer.status, seconds)
        self._tracing.request(exchange.head, "POST", ROUTE, answer.status, identity, seconds)


def _failed(error: Exception, identity: bytes) -> Answer:
    """Return the problem of a request that was refused, or that should not have failed."""
    if isinstance(error, RefusedRequestError):
        return problem(error, identity)
    logger.error("request %s to %s failed", identity.decode(), ROUTE, exc_info=error)
    return problem(our_fault(), identity)
