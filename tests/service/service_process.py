"""The real service: `bentoml serve` as a process, and a predictor folder as training leaves it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from meter_core.models.predictor import Predictor
from meter_core.registry.digest import folder_digest
from meter_core.registry.rest import ModelRef, remember

ROOT = Path(__file__).parents[2]
START_S = 60
SWAP_S = 30


@dataclass
class Service:
    url: str
    process: subprocess.Popen
    log: Path
    client: httpx.Client
    grpc: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, json_body: object) -> httpx.Response:
        return self.client.post(path, json=json_body)

    def wait_for(self, what, seconds: float = SWAP_S) -> None:
        """Wait until `what()` is true."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"waited {seconds} s for it in vain: {self.log.read_text()[-3000:]}"
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running_service(
    home: Path, mlflow_url: str | None = None, settings: Mapping[str, str] | None = None, app: Path = ROOT
) -> Iterator[Service]:
    """The service in `app` with its own METER_HOME; without an MLflow address it lives on the last copy there."""
    home.mkdir(parents=True, exist_ok=True)
    port, grpc_port, log = free_port(), free_port(), home / "service.log"
    # The module, as meter_core.embedded starts it.
    command = [sys.executable, "-m", "bentoml", "serve", "bento.service:MeterPrediction"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MLFLOW_TRACKING_URI", "PROMETHEUS_MULTIPROC_DIR")
    }
    env |= {"METER_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    env |= {"METER_GRPC_PORT": str(grpc_port)}
    env |= {"METER_MODEL_POLL_SECONDS": "0.3"} | ({"MLFLOW_TRACKING_URI": mlflow_url} if mlflow_url else {})
    env |= settings or {}
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=app, env=env, stdout=out, stderr=out, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    # The server closes a connection that is idle for 5 s: ours is given up before.
    limits = httpx.Limits(keepalive_expiry=2)
    client = httpx.Client(base_url=url, timeout=60, limits=limits)
    service = Service(url, process, log, client, f"127.0.0.1:{grpc_port}")
    try:
        service.wait_for(lambda: _answers(service), START_S)
        yield service
    finally:
        service.client.close()
        stop(process)


def keep_as_last_copy(predictor: Predictor, home: Path, version: str = "7") -> ModelRef:
    """Leave a predictor where the service looks when the registry is away, with the note of what was fetched last."""
    return keep_copy(predictor, home / "serving", version)


def keep_copy(predictor: Predictor, copies: Path, version: str) -> ModelRef:
    """Leave a predictor among the copies of a service or of an image."""
    cache = copies / "meter_consumption_v1"
    predictor.save(cache / "kept")
    ref = ModelRef("meter_consumption_v1", version, "run-of-the-test", folder_digest(cache / "kept"))
    remember(cache, ref, cache / "kept")
    return ref


def stop(process: subprocess.Popen) -> None:
    """End the arbiter and its worker: they are one process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, 15)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait(20)


def _answers(service: Service) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return service.get("/livez").status_code == 200
    return False
