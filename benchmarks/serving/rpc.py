"""gRPC beside HTTP: single readings by unary calls and by streams, and batches of ten thousand.

h2load sends the calls, each with the bytes of its messages: a client with protobuf in it would be slower than the
service. It looks at no answer, so one of each method is looked at before.
"""

import struct
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np

from benchmarks.serving.batches import READINGS
from benchmarks.serving.closed_loop import children_cpu_s
from benchmarks.serving.machine import require
from benchmarks.serving.measured import measured_readings
from benchmarks.serving.servers import HOST, Server
from meter_core.rpc import prediction_pb2 as pb
from tests.service.readings import SATURDAY_EVENING

STREAMED: Final = 1_000
"""Readings of one stream, all sent at once."""

_SERVICE: Final = "/meter.v1.Prediction"
_LONGEST: Final = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


@dataclass(frozen=True)
class Method:
    """A method and how it is asked.

    Attributes:
        name: of the method.
        messages: of one call.
        readings: answered by one call.
        connections: that calls are made on.
        calls: under way on each.
    """

    name: str
    messages: tuple[bytes, ...]
    readings: int
    connections: int
    calls: int

    @property
    def body(self) -> bytes:
        """The messages as a call carries them: none compressed, each behind its length."""
        return b"".join(struct.pack(">BI", 0, len(message)) + message for message in self.messages)


@dataclass(frozen=True)
class Rpc:
    """What clients of one method saw.

    Attributes:
        readings_s: readings answered a second.
        readings_core_s: readings answered in a second of the server's processor time.
        p50_ms: of a call.
        p99_ms: likewise.
        errors: calls that failed.
        generator_cpu: share of its core that the generator used.
    """

    readings_s: float
    readings_core_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    generator_cpu: float


def find_h2load() -> None:
    """Say where h2load is to be had where it is not.

    Raises:
        MissingError: where it is not on the PATH.
    """
    require("h2load", "apt-get install nghttp2-client")


def methods() -> list[Method]:
    """Return the methods, single readings with as many calls under way as the closed loop over HTTP has."""
    one = pb.Reading(**{name: value for name, value in SATURDAY_EVENING.items() if value is not None})
    streamed = (pb.PredictStreamRequest(id=number, reading=one) for number in range(STREAMED))
    return [
        Method("Predict", _bytes([one]), 1, 8, 8),
        Method("PredictStream", _bytes(streamed), STREAMED, 8, 1),
        Method("PredictBatch", _bytes([_columns()]), READINGS, 1, 1),
    ]


def ask(server: Server, method: Method, seconds: int, scratch: Path) -> Rpc:
    """Call a method as fast as the answers come."""
    _look(server, method)
    body, log = scratch / "call.bin", scratch / "calls.tsv"
    body.write_bytes(method.body)
    log.unlink(missing_ok=True)
    command = ["h2load", "-t", "1", "-c", str(method.connections), "-m", str(method.calls), "-D", str(seconds)]
    command += ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers"]
    command += ["--log-file", str(log), f"http://{HOST}:{server.grpc_port}{_SERVICE}/{method.name}"]
    begun, before, used = time.monotonic(), children_cpu_s(), server.cpu_s()
    subprocess.run(command, capture_output=True, check=True)
    cpu = (children_cpu_s() - before) / (time.monotonic() - begun)
    statuses, took_us = np.loadtxt(log, dtype=np.int64, ndmin=2)[:, 1:3].T
    half, most = (np.percentile(took_us, (50, 99)) / 1e3).tolist()
    good = int((statuses == 200).sum())
    answered = good * method.readings
    used = server.cpu_s() - used
    return Rpc(answered / seconds, answered / used, half, most, len(statuses) - good, cpu)


def _look(server: Server, method: Method) -> None:
    """Make one call with a real client: every reading has to be predicted."""
    with grpc.insecure_channel(f"{HOST}:{server.grpc_port}", options=_LONGEST) as channel:
        call = channel.stream_stream(f"{_SERVICE}/{method.name}")  # on the wire all kinds of calls are streams
        replies = list(call(iter(method.messages)))
    if method.name == "PredictBatch":
        assert len(pb.PredictBatchReply.FromString(replies[0]).columns.units_kwh) == READINGS
    elif method.name == "PredictStream":
        assert all(pb.PredictStreamReply.FromString(reply).HasField("prediction") for reply in replies)
        assert len(replies) == STREAMED
    else:
        assert pb.PredictionReply.FromString(replies[0]).model_version


def _bytes(messages: Iterable[Any]) -> tuple[bytes, ...]:
    return tuple(message.SerializeToString() for message in messages)


def _columns() -> pb.PredictBatchRequest:
    """Return measured readings as columns, NaN where not measured."""
    readings = measured_readings(READINGS)
    columns = {
        name: [float("nan") if reading[name] is None else reading[name] for reading in readings] for name in readings[0]
    }
    return pb.PredictBatchRequest(columns=pb.ReadingColumns(**columns))
