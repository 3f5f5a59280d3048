"""Every part of BentoML and of its server uvicorn that is not their public interface, in one place.

The versions are locked, and tests/service/test_private.py fails when one of these changes. `Service.to_asgi` is
overridden, so that our routes stand outside BentoML's middleware (inside, the same route answers a fifth of the
requests a second); `CorkDispatcher` batches; the assets of its API page are shown by ours. When an upgrade breaks one:
mount `LeanApp` with `bentoml.asgi_app` (slower, public), put an asyncio queue for the dispatcher, drop the assets.
uvicorn's `receive` belongs to an object that knows whether the body is whole and the client still there; without it
`body_at_hand` and `has_left` say None and False, and bodies are awaited as ASGI wants it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import bentoml._internal.server
from _bentoml_sdk.service.factory import Service
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Job, Optimizer

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BENTOML_VERSION = "1.4.39"
DROP_AFTER_MS = 10_000
"""CorkDispatcher drops what it estimates to wait longer: not a target but a last resort, so it is set high."""


class AsgiApp(Protocol):
    """An ASGI 3 application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection event."""


class OutsideService(Service):
    """A BentoML service whose application is wrapped by the `asgi` attribute of the class it serves."""

    __slots__ = ()

    def to_asgi(self, is_main: bool = True) -> AsgiApp:
        """Return the application of the worker: ours around BentoML's."""
        inside: AsgiApp = super().to_asgi(is_main=is_main)
        wrapped: AsgiApp = self.inner.asgi(inside)
        return wrapped


class OverloadedError(Exception):
    """The batcher dropped an item."""


class MicroBatcher(Generic[Item, Answer]):
    """Takes one item at a time, and answers it in a batch as large as load makes it; first come, first served.

    Args:
        answer: from the items of a batch to as many answers.
        max_batch: most items of a batch.
    """

    def __init__(self, answer: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], max_batch: int) -> None:
        self._dispatcher = CorkDispatcher(DROP_AFTER_MS, max_batch, fallback=lambda: None, get_batch_size=_one)
        self._dispatcher.optimizer = _Impatient(DROP_AFTER_MS / 1000)
        self._dispatcher(answer)
        self._waking: asyncio.Task[None] | None = None

    def __call__(self, item: Item) -> "asyncio.Future[Answer]":
        """Return the future answer of an item: an exception where the batch failed, cancelled where it was dropped.

        The dispatcher's own way in takes a coroutine and a lock for each item: half the cost of batching. Here only the
        first of a batch wakes it.
        """
        dispatcher = self._dispatcher
        future: asyncio.Future[Answer] = dispatcher._loop.create_future()
        dispatcher._queue.append(Job(time.time(), item, future))
        if len(dispatcher._queue) == 1:
            self._waking = dispatcher._loop.create_task(self._wake())
        return future

    async def _wake(self) -> None:
        """Tell the dispatcher that somebody waits; start it before the first."""
        dispatcher = self._dispatcher
        if dispatcher._controller is None:
            dispatcher._controller = dispatcher._loop.create_task(dispatcher.controller())
        async with dispatcher._wake_event:
            dispatcher._wake_event.notify_all()

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._dispatcher._queue)

    @property
    def age_s(self) -> float:
        """How long the first of them has waited, in seconds; 0 where none does."""
        queue = self._dispatcher._queue
        return time.time() - queue[0].enqueue_time if queue else 0.0


async def turn(future: "asyncio.Future[Answer]") -> Answer:
    """Wait for the answer of an item.

    Raises:
        OverloadedError: where the batcher dropped it; and what the batch failed with.
    """
    try:
        answer = await future
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        raise OverloadedError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Impatient(Optimizer):
    """Learns how long batches take, and holds nobody back for company.

    BentoML's own holds the first of a batch back as long as those before it had to wait on average: after a burst that
    is as long as the burst made them wait, and it fades over minutes.
    """

    @property
    def wait(self) -> float:
        """Seconds that the first of a batch is held back."""
        return 0.0

    @wait.setter
    def wait(self, learnt: float) -> None:
        """Take no notice of what was learnt."""


def _one(_: object) -> int:
    return 1


def body_at_hand(receive: Any) -> bytes | None:
    """Return a request's body where all of it has arrived, None where it has to be awaited."""
    cycle = getattr(receive, "__self__", None)
    return None if getattr(cycle, "more_body", True) else bytes(cycle.body)  # type: ignore[union-attr]


def has_left(receive: Any) -> bool:
    """Return whether the client of a request has closed its connection."""
    return bool(getattr(getattr(receive, "__self__", None), "disconnected", False))


def api_page_assets() -> Path:
    """Return the folder with Swagger UI that BentoML's wheel carries."""
    return Path(bentoml._internal.server.__file__).parent / "static_content"
