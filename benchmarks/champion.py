"""From start to ready, by where the model comes from, and what a swap of the champion costs those who ask meanwhile.

Run: .venv/bin/python benchmarks/champion.py
Prints seconds of five starts each, and the latency of single readings at 200 a second without and with swaps.
"""

import contextlib
import http.client
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.serving.measured import fitted_model, keep_model
from tests.integration.mlflow_server import mlflow_server
from tests.service.champions import promote, set_alias
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import Service, running_service

STARTS: Final = 5
RATE: Final = 200
CLIENTS: Final = 4
SECONDS: Final = 20
SWAP_EVERY_S: Final = 2.0
BODY: Final = json.dumps(SATURDAY_EVENING)


def main() -> None:
    """Measure and print."""
    predictor = fitted_model()
    with tempfile.TemporaryDirectory() as scratch, mlflow_server(Path(scratch) / "mlflow") as registry:
        folder = Path(scratch) / "exported" / "predictor"
        versions = []
        for floor_kw in (0.0, 0.1):
            replace(predictor, floor_kw=floor_kw).save(folder)
            versions.append(promote(registry.url, folder))
        starts(Path(scratch), registry.url)
        swaps(Path(scratch), registry.url, versions)


def starts(scratch: Path, registry: str) -> None:
    """Time starts to the first `/readyz` that is 200."""
    kept = scratch / "kept"
    keep_model(kept)
    with hanging() as silent:
        for name, home, uri in (
            ("registry, nothing on disk", None, registry),
            ("last copy, no registry", kept, None),
            ("last copy, a registry that hangs", kept, silent),
        ):
            took = sorted(start_s(home or scratch / f"home-{turn}", uri) for turn in range(STARTS))
            print(f"{name:34} {took[0]:.2f} .. {statistics.median(took):.2f} .. {took[-1]:.2f} s")


def start_s(home: Path, uri: str | None) -> float:
    """Return the seconds from the start of the process to ready."""
    began = time.monotonic()
    with running_service(home, uri) as service:
        service.wait_for(lambda: service.get("/readyz").status_code == 200)
        return time.monotonic() - began


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """Yield the address of a port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def swaps(scratch: Path, registry: str, versions: Sequence[str]) -> None:
    """Time single readings while nothing happens, and while the champion changes again and again."""
    with running_service(scratch / "swapped", registry) as service:
        service.wait_for(lambda: service.get("/readyz").status_code == 200)
        for name, changing in (("no swap", versions[:1]), (f"a swap every {SWAP_EVERY_S:g} s", versions)):
            latencies, seen = _asked_meanwhile(service, registry, changing)
            tail = statistics.quantiles(latencies, n=1000)
            print(
                f"{name:20} {len(latencies)} answers of versions {', '.join(sorted(seen))}: "
                f"p50 {tail[499]:.1f}, p99 {tail[989]:.1f}, most {max(latencies):.1f} ms"
            )


def _asked_meanwhile(service: Service, registry: str, versions: Sequence[str]) -> tuple[list[float], set[str]]:
    """Return the latencies in ms, counted from when a request was due, and who answered."""
    answers: list[tuple[float, str]] = []
    port = int(service.url.rpartition(":")[2])
    clients = [threading.Thread(target=_ask, args=(port, answers)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for turn in range(int(SECONDS / SWAP_EVERY_S)):
        set_alias(registry, versions[turn % len(versions)])
        time.sleep(SWAP_EVERY_S)
    for client in clients:
        client.join()
    return [latency for latency, _ in answers], {version for _, version in answers}


def _ask(port: int, answers: list[tuple[float, str]]) -> None:
    """Ask at a constant rate over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    for number in range(RATE * SECONDS // CLIENTS):
        due = began + number * CLIENTS / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("POST", "/predict", BODY, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        answers.append(((time.perf_counter() - due) * 1e3, answer["model_version"]))


if __name__ == "__main__":
    main()
