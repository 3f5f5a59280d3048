"""Ten thousand readings in one request, as columns and as objects: how many a second one core answers."""

import http.client
import time
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from benchmarks.serving.measured import measured_readings
from benchmarks.serving.servers import HOST, Server
from tests.service.readings import as_columns

READINGS: Final = 10_000


@dataclass(frozen=True)
class Batches:
    """What one client saw that sent batch after batch.

    Attributes:
        layout: `columns` or `objects`.
        readings_s: readings answered a second.
        readings_core_s: readings answered in a second of the server's processor time.
        request_ms: of one request, on average.
    """

    layout: str
    readings_s: float
    readings_core_s: float
    request_ms: float


def bodies() -> dict[str, bytes]:
    """Return the same measured hours in both layouts."""
    readings = measured_readings(READINGS)
    asked: dict[str, Any] = {"columns": as_columns(readings, list(readings[0])), "objects": {"readings": readings}}
    return {layout: msgspec.json.encode(body) for layout, body in asked.items()}


def batches(server: Server, layout: str, body: bytes, times: int) -> Batches:
    """Send a batch so many times, one after the other, on one connection."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    _ask(connection, body)
    begun, cpu = time.perf_counter(), server.cpu_s()
    for _ in range(times):
        _ask(connection, body)
    took, used = time.perf_counter() - begun, server.cpu_s() - cpu
    connection.close()
    answered = READINGS * times
    return Batches(layout, answered / took, answered / used, took / times * 1e3)


def _ask(connection: http.client.HTTPConnection, body: bytes) -> None:
    """Send one batch; all of it has to be predicted."""
    connection.request("POST", "/predict_batch", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"/predict_batch answered {answer.status}: {said[:500]!r}")
