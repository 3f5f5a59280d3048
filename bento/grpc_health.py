"""What gRPC's tools ask any server: is it well (grpc.health.v1), and what can it do (reflection)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from bento.grpc_calls import Call, Done, UnaryCall
from bento.grpc_messages import parsed
from bento.http2_stream import Http2Stream
from bento.wire import BodySpace, RefusedRequestError

HEALTH: Final[str] = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
REFLECTION: Final[str] = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
LONGEST: Final = 65_536
MOST_ASKED: Final = 16
MOST_UNREAD: Final = 65_536
"""Bytes of answers that the client has not taken; until it does no further question is."""

LOOK_EVERY_S: Final = 0.5
"""How long a client that watches may not know that the worker has become ready."""


class Health:
    """Says what `/readyz` says.

    Args:
        ready: whether the worker is.
        services: whose health may be asked; the empty name is all of them.
    """

    methods = ("Check", "Watch")

    def __init__(self, ready: Callable[[], bool], services: tuple[str, ...]) -> None:
        self._ready, self._services = ready, ("", *services)
        self._watching: dict[Call, asyncio.Task[None]] = {}
        self._stopped = False

    def open(self, method: str, stream: Http2Stream, done: Done) -> Call:
        """Return the call of a method that a stream begins."""
        if method == "Check":
            return UnaryCall(stream, LONGEST, BodySpace(), done, self._check)
        return UnaryCall(stream, LONGEST, BodySpace(), self._watched(done), self._watch)

    def stop(self) -> None:
        """Say that the worker takes no more, and let no client watch on."""
        self._stopped = True
        for call in list(self._watching):
            call.send((self._status(""),))
            call.end()

    def _check(self, call: Call, body: bytes) -> None:
        """Answer `Check`."""
        name = parsed(health_pb2.HealthCheckRequest, body).service
        if name not in self._services:
            raise RefusedRequestError(404, f"the service {name[:80]!r} is not one of this server")
        call.reply(self._status(name))

    def _watch(self, call: Call, body: bytes) -> None:
        """Begin to answer `Watch`."""
        name = parsed(health_pb2.HealthCheckRequest, body).service
        self._watching[call] = asyncio.create_task(self._tell(call, name))

    def _watched(self, done: Done) -> Done:
        """Return what is told when a client watches no more."""

        def over(call: Call, status: int) -> None:
            if task := self._watching.pop(call, None):
                task.cancel()
            done(call, status)

        return over

    async def _tell(self, call: Call, name: str) -> None:
        """Say how the worker is whenever that changes."""
        said = b"-"
        while True:
            if (status := self._status(name)) != said:
                call.send((status,))
                said = status
            await asyncio.sleep(LOOK_EVERY_S)

    def _status(self, name: str) -> bytes:
        answer = health_pb2.HealthCheckResponse
        if name not in self._services:
            return answer(status=answer.SERVICE_UNKNOWN).SerializeToString()
        well = self._ready() and not self._stopped
        return answer(status=answer.SERVING if well else answer.NOT_SERVING).SerializeToString()


class Reflection:
    """Tells tools what there is.

    Args:
        services: names of all services.
    """

    methods = ("ServerReflectionInfo",)

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = services

    def open(self, _: str, stream: Http2Stream, done: Done) -> Call:
        """Return the call that a stream begins."""
        return ReflectionCall(stream, done, self._services)


class ReflectionCall(Call):
    """One call of a tool that asks what there is; gRPC's own servicer answers.

    Args:
        services: names of all services.
    """

    def __init__(self, stream: Http2Stream, done: Done, services: tuple[str, ...]) -> None:
        super().__init__(stream, LONGEST, BodySpace(), done)
        self._asked: asyncio.Queue[Any] = asyncio.Queue()
        self._answering = asyncio.create_task(self._answer(reflection.aio.ReflectionServicer(services)))

    def has_room(self) -> bool:
        """Return whether a further question can be taken now."""
        return self._asked.qsize() < MOST_ASKED and self._stream.waiting < MOST_UNREAD

    def message(self, body: bytes) -> None:
        """Take a question."""
        self._asked.put_nowait(parsed(reflection_pb2.ServerReflectionRequest, body))

    def complete(self) -> None:
        """End after the last answer."""
        self._asked.put_nowait(None)

    def over(self, status: int) -> None:
        """Stop answering."""
        super().over(status)
        self._answering.cancel()

    async def _answer(self, servicer: Any) -> None:
        try:
            async for answer in servicer.ServerReflectionInfo(self._questions(), None):
                self.send((answer.SerializeToString(),))
                await asyncio.sleep(0)  # others have their turn, and what was sent leaves
                self.take()
            self.end()
        except Exception as error:
            self.fail(error)

    async def _questions(self) -> AsyncIterator[Any]:
        while (question := await self._asked.get()) is not None:
            yield question
