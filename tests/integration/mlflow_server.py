"""A real MLflow server for the registry's tests: `mlflow server` on SQLite, one worker, a free port."""

import atexit
import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

START_S = 90


@dataclass
class Server:
    url: str
    process: subprocess.Popen
    folder: Path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def mlflow_server(folder: Path, port: int | None = None) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "1"}
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True)
    server = Server(f"http://127.0.0.1:{port}", process, folder)
    try:
        _wait(server, folder)
        yield server
    finally:
        stop(process)


@functools.cache
def shared_server() -> Server:
    """The one server of a test session: it takes many seconds to start. Ends with the session."""
    running = contextlib.ExitStack()
    atexit.register(running.close)
    folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="meter-test-mlflow-")))
    return running.enter_context(mlflow_server(folder))


def artifacts_folder() -> Path:
    """Where the shared server keeps artifacts: its own storage, past its interface."""
    return shared_server().folder / "artifacts"


def stop(process: subprocess.Popen) -> None:
    """End the server and the workers it started: they are one process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait(20)


def _wait(server: Server, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.process.poll() is None, (folder / "server.log").read_text()[-2000:]
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{server.url}/health", timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"MLflow did not answer within {START_S} s: {(folder / 'server.log').read_text()[-2000:]}")
