"""The gRPC server without the methods that predict: health while there is no model, and a port that is taken."""

import asyncio
import socket

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from bento.grpc_server import GrpcServer
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
