"""The gRPC server without the methods that predict: health while there is no model, and a port that is taken."""

import asyncio
import socket

import grpc
import hpack
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from hypothesis import given, settings
from hypothesis import strategies as st

from bento.grpc_server import GrpcServer
from bento.http2 import Http2Connection
from bento.http2_frames import PREFACE, Kind, frame, settings_frame
from bento.tracing import Tracing
from meter_core.contracts.errors import UsageError
from meter_core.settings import Settings


class NoMethods:
    methods = ()

    def stop_streams(self):
        """There are none."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def server(port, ready, counted):
    return GrpcServer(Settings(grpc_port=port), NoMethods(), ready, Tracing(0), lambda *call: counted.append(call[:2]))


def test_health_follows_the_worker_until_it_stops():
    ready, counted, port = [], [], free_port()

    async def run():
        running = server(port, lambda: bool(ready), counted)
        await running.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            health = HealthStub(channel)
            watching = health.Watch(HealthCheckRequest())
            seen = [(await watching.read()).status, (await health.Check(HealthCheckRequest())).status]
            ready.append("now")
            seen += [(await watching.read()).status, (await health.Check(HealthCheckRequest())).status]
            stopping = asyncio.create_task(running.stop())
            seen.append((await watching.read()).status)
            assert await watching.read() is grpc.aio.EOF
            assert await watching.code() is grpc.StatusCode.OK
            await stopping
        return seen

    no, yes = HealthCheckResponse.NOT_SERVING, HealthCheckResponse.SERVING
    assert asyncio.run(run()) == [no, no, yes, yes, no]
    assert sorted(counted) == [("grpc:Check", 200), ("grpc:Check", 200), ("grpc:Watch", 200)]


def test_a_port_that_is_taken_is_told():
    """Half of the calls would go to another service, did both listen there."""

    async def run(port):
        await server(port, bool, []).start()

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="METER_GRPC_PORT to another port"):
            asyncio.run(run(other.getsockname()[1]))


class Unread:
    """A transport whose other side sends and never reads."""

    closed = False

    def write(self, _):
        """It goes nowhere."""

    def close(self):
        self.closed = True

    def get_write_buffer_size(self):
        return 0


def head(path):
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), ("content-type", "application/grpc")]
    return hpack.Encoder().encode(pairs)


CHECK, WATCH = head("/grpc.health.v1.Health/Check"), head("/grpc.health.v1.Health/Watch")
TOOLS = head("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
HEADS = st.sampled_from([CHECK, WATCH, TOOLS, head("/x/y"), CHECK[:9], b"\xbe\xbf"])
MESSAGES = st.binary(max_size=9).map(lambda body: b"\x00" + len(body).to_bytes(4, "big") + body)
PAYLOADS = st.one_of(HEADS, MESSAGES, st.binary(max_size=12), st.just(b"\x00" * 4), st.just(b"\xff" * 8))
FRAMES = st.builds(
    frame,
    st.one_of(st.sampled_from([Kind.HEADERS, Kind.DATA]), st.integers(0, 11)),
    st.one_of(st.sampled_from([0, 1, 4, 5]), st.integers(0, 255)),
    st.sampled_from([1, 1, 3, 5, 0, 2]),
    PAYLOADS,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAMES, max_size=12), st.integers(1, 60))
def test_whatever_comes_nothing_breaks_and_nothing_is_left_behind(frames, size):
    async def run():
        counted = []
        serving = server(0, bool, counted)
        connection = Http2Connection(serving._accept, serving._connections)
        connection.connection_made(Unread())
        sent = PREFACE + settings_frame(()) + b"".join(frames)
        for at in range(0, len(sent), size):
            connection.data_received(sent[at : at + size])
        await asyncio.sleep(0)
        connection.connection_lost(None)
        begun = len([call for call in counted if call[0] != "grpc:unknown"])
        for _ in range(3):  # tasks that were cancelled end in the next rounds
            await asyncio.sleep(0)
        return begun, len(serving._connections), len(asyncio.all_tasks())

    begun, connections, tasks = asyncio.run(run())
    assert (begun <= len(frames), connections, tasks) == (True, 0, 1)
