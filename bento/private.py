"""Every part of BentoML that is not its public interface, in one place.

The version is pinned, and tests/service/test_private.py fails when one of these changes. `Service.to_asgi` is
overridden, so that our routes stand outside BentoML's middleware (inside, the same route answers a fifth of the
requests a second); `CorkDispatcher` batches; the assets of its API page are shown by ours. When an upgrade breaks one:
mount `LeanApp` with `bentoml.asgi_app` (slower, public), put an asyncio queue for the dispatcher, drop the assets.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import bentoml._internal.server
from _bentoml_sdk.service.factory import Service
from bentoml._internal.marshal.dispatcher import CorkDispatcher

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


def micro_batcher(
    answer: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], max_batch: int
) -> Callable[[Item], Awaitable[Answer]]:
    """Return a function that takes one item, and answers it in a batch as large as load makes it.

    Args:
        answer: from the items of a batch to as many answers.
        max_batch: most items of a batch.

    Returns:
        The function of one item. Raises OverloadedError where the batcher dropped the item.
    """

    def dropped() -> NoReturn:
        raise OverloadedError

    dispatcher = CorkDispatcher(DROP_AFTER_MS, max_batch, fallback=dropped, get_batch_size=lambda _: 1)
    batched: Callable[[Item], Awaitable[Answer]] = dispatcher(answer)
    return batched


def api_page_assets() -> Path:
    """Return the folder with Swagger UI that BentoML's wheel carries."""
    return Path(bentoml._internal.server.__file__).parent / "static_content"
