"""The gRPC server of a worker: the methods of meter.v1.Prediction, health and reflection, on a port of its own."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from bento.grpc_calls import Call, Done, NotGrpc, UnaryCall
from bento.grpc_health import HEALTH, REFLECTION, Health, Reflection
from bento.grpc_methods import SERVICE, PredictionMethods
from bento.http2 import Http2Connection
from bento.http2_stream import Http2Stream, Receiver
from bento.notes import shortened
from bento.tracing import Tracing
from bento.wire import BodySpace, RefusedRequestError
from meter_core.contracts.errors import UsageError
from meter_core.settings import Settings

logger = logging.getLogger("bentoml.meter")

GRACE_S: Final = 10.0
"""How long calls may take to end after the server was told to stop; longer than any batch."""

WAITING_CONNECTIONS: Final = 2_048
SERVICES: Final = (SERVICE, HEALTH, REFLECTION)


class Service(Protocol):
    """What answers the methods of one service."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names."""

    def open(self, method: str, stream: Http2Stream, done: Done) -> Call:
        """Return the call of a method that a stream begins."""


class GrpcServer:
    """Listens from `start` to `stop`.

    Args:
        settings: host and port.
        methods: what is answered.
        ready: whether the worker is.
        tracing: of a sample of the calls.
        count: called with method, status and seconds of each call.
    """

    def __init__(
        self,
        settings: Settings,
        methods: PredictionMethods,
        ready: Callable[[], bool],
        tracing: Tracing,
        count: Callable[[str, int, float], None],
    ) -> None:
        self._host, self._port = settings.host, settings.grpc_port
        self._methods, self._health = methods, Health(ready, SERVICES)
        self._tracing, self._count = tracing, count
        self._unknown: Done = partial(self._ended, "grpc:unknown")
        self._methods_by_path = self._table({SERVICE: methods, HEALTH: self._health, REFLECTION: Reflection(SERVICES)})
        self._connections: set[Http2Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer from now on.

        Raises:
            UsageError: where the port is taken or the host none of this machine.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Http2Connection(self._accept, self._connections),
                self._host,
                self._port,
                backlog=WAITING_CONNECTIONS,
            )
        except OSError as error:
            remedy = "end what listens there, or set METER_GRPC_PORT to another port (0: any that is free)"
            raise UsageError(f"gRPC cannot listen on {self._host}:{self._port} ({error}); {remedy}") from error
        host, port = self._server.sockets[0].getsockname()[:2]
        logger.info("gRPC answers on %s:%d", host, port)

    async def stop(self) -> None:
        """Take no more connections, let the calls that run end, and close."""
        if self._server is None:
            return
        self._server.close()
        self._health.stop()
        self._methods.stop_streams()
        for connection in self._connections:
            connection.go()
        until = time.monotonic() + GRACE_S
        while self._connections and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.close()

    def _accept(self, stream: Http2Stream) -> Receiver:
        """Return who takes what comes on a stream."""
        if not stream.head.get(b"content-type", b"").startswith(b"application/grpc"):
            return NotGrpc(stream)
        path = stream.head[b":path"]
        service, method, done = self._methods_by_path.get(path, (None, "", self._unknown))
        if service is None:
            detail = f"there is no method {shortened(path.decode('latin-1'))}; reflection lists what there is"
            return _failed(stream, self._unknown, RefusedRequestError(405, detail))
        try:
            return service.open(method, stream, done)
        except RefusedRequestError as refusal:
            return _failed(stream, done, refusal)

    def _table(self, services: Mapping[str, Service]) -> dict[bytes, tuple[Service, str, Done]]:
        """Return who answers each method, by its path."""
        return {
            f"/{name}/{method}".encode(): (service, method, partial(self._ended, f"grpc:{method}"))
            for name, service in services.items()
            for method in service.methods
        }

    def _ended(self, route: str, call: Call, status: int) -> None:
        """Count a call."""
        seconds = time.perf_counter() - call.start_s
        self._count(route, status, seconds)
        self._tracing.request(call.head, "POST", route, status, call.identity, seconds)


def _failed(stream: Http2Stream, done: Done, refusal: RefusedRequestError) -> Call:
    """Return a call that ended when it began."""
    call = UnaryCall(stream, 0, BodySpace(), done, _never)
    call.fail(refusal)
    return call


def _never(call: Call, _: bytes) -> None:
    """Answer nothing: the call is over."""
