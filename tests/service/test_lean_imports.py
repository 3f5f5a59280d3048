"""Serving loads neither pandas, MLflow, Prefect, Great Expectations nor scikit-learn: seen while it serves."""

import json
import os
import subprocess
import sys

from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import ROOT, keep_as_last_copy

HEAVY = (
    "pandas",
    "mlflow",
    "prefect",
    "great_expectations",
    "sklearn",
    "sqlmodel",
    "sqlalchemy",
    "matplotlib",
    "scipy",
)

SERVE_ONE = """
import asyncio, json, sys
import httpx
from bento.service import MeterPrediction

async def serve():
    app = MeterPrediction.to_asgi()  # what BentoML's worker does with the service
    got, said = asyncio.Queue(), asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, got.get, said.put))
    await got.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        answers = [await client.post("/predict", content=sys.argv[1])]
        answers += [await client.get(path) for path in ("/", "/docs", "/docs.json", "/model", "/metrics", "/readyz")]
    await got.put({"type": "lifespan.shutdown"})
    await life
    return [answer.status_code for answer in answers]

statuses = asyncio.run(serve())
print(json.dumps({"statuses": statuses, "modules": sorted(name for name in sys.modules if "." not in name)}))
"""


def test_nothing_heavy_is_loaded_by_serving(predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path)
    env = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    env |= {"METER_HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path / "bentoml"), "PYTHONPATH": str(ROOT)}
    env |= {"METER_GRPC_PORT": "0"}
    env |= {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}  # as `bentoml serve` sets it for its workers
    command = [sys.executable, "-c", SERVE_ONE, json.dumps(SATURDAY_EVENING)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["statuses"] == [200] * 7
    assert "numpy" in said["modules"]
    assert sorted(set(HEAVY) & set(said["modules"])) == []


def test_the_running_worker_has_no_heavy_library_mapped(service):
    """The worker itself, seen from outside: the shared libraries in its memory."""
    worker = worker_of(service.process.pid)
    mapped = {line.split(maxsplit=5)[-1] for line in (worker / "maps").read_text().splitlines()}
    assert any("/numpy/" in path for path in mapped)
    assert [path for path in mapped if any(f"/{name}/" in path for name in HEAVY)] == []


def worker_of(arbiter):
    from pathlib import Path

    children = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
    workers = [
        Path("/proc") / pid for pid in children if "worker.service" in (Path("/proc") / pid / "cmdline").read_text()
    ]
    assert len(workers) == 1
    return workers[0]
