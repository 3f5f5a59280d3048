"""The contenders as processes on the server's core, all with the same predictor."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from benchmarks.serving.machine import SERVER_CORE
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import ROOT, free_port, stop

HOST: Final = "127.0.0.1"
OURS, BARE, FASTAPI = "this service", "bare ASGI, msgspec", "FastAPI, pydantic"
PLAIN, BATCHABLE = "BentoML, plain", "BentoML, batchable"
START_S: Final = 60.0
SETTLE_S: Final = 30.0
QUIET: Final = 0.02
"""Share of a core below which a server counts as idle."""

_UVICORN: Final = ("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
_HERE: Final = "benchmarks.serving.contenders"

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    OURS: ("bentoml", "serve", "bento.service:MeterPrediction"),
    BARE: (*_UVICORN, f"{_HERE}.bare_asgi:app"),
    FASTAPI: (*_UVICORN, f"{_HERE}.fastapi_app:app"),
    PLAIN: ("bentoml", "serve", f"{_HERE}.stock:Plain"),
    BATCHABLE: ("bentoml", "serve", f"{_HERE}.stock:Batchable"),
}


@dataclass(frozen=True)
class Server:
    """A contender that answers.

    Attributes:
        name: which.
        port: of HTTP, on this machine.
        grpc_port: of gRPC, where the contender has it.
        process: with its children.
        start_s: from the start of the process to the first time it said that it is ready.
        body: one reading, as this contender takes it.
    """

    name: str
    port: int
    grpc_port: int
    process: psutil.Process
    start_s: float
    body: bytes

    def cpu_s(self) -> float:
        """Return the seconds of processor time that its processes have used."""
        return sum(one.cpu_times().user + one.cpu_times().system for one in self._all())

    def memory_mb(self) -> float:
        """Return the resident memory of its processes."""
        return sum(one.memory_info().rss for one in self._all()) / 1e6

    def settle(self) -> None:
        """Wait until it has worked off what earlier load left behind."""
        deadline = time.monotonic() + SETTLE_S
        busy = 1.0
        while busy > QUIET and time.monotonic() < deadline:
            before = self.cpu_s()
            time.sleep(0.5)
            busy = (self.cpu_s() - before) / 0.5

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def running(name: str, home: Path) -> Iterator[Server]:
    """Start a contender; `home` is the METER_HOME with the predictor."""
    port, grpc_port, begun = free_port(), free_port(), time.monotonic()
    command = [sys.executable, "-m", *COMMANDS[name], "--host", HOST, "--port", str(port)]
    env = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "METER_DATABASE_URL")}
    env |= {"METER_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    env["METER_GRPC_PORT"] = str(grpc_port)
    log = home / f"{name}.log"
    with log.open("ab") as out:
        started = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
    process = psutil.Process(started.pid)
    process.cpu_affinity([SERVER_CORE])
    try:
        _wait_until_ready(port, "/readyz" if "bentoml" in command else "/docs", started, log)
        yield Server(name, port, grpc_port, process, time.monotonic() - begun, msgspec.json.encode(_asked(name)))
    finally:
        stop(started)


def _asked(name: str) -> Any:
    """Return one reading as a contender takes it: BentoML's APIs name their argument."""
    wrapped: dict[str, Any] = {PLAIN: {"reading": SATURDAY_EVENING}, BATCHABLE: {"readings": [SATURDAY_EVENING]}}
    return wrapped.get(name, SATURDAY_EVENING)


def _wait_until_ready(port: int, path: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the path is answered well, whatever the bare contender takes for well."""
    deadline = time.monotonic() + START_S
    while not _is_ready(port, path):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"{log.stem} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in (200, 422)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
