"""Closed loop: each client sends its next request when it has its answer. wrk does it, from one thread.

wrk adds to its latencies what a client would have waited for that did not wait its turn (coordinated omission).
"""

import json
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.serving.machine import require
from benchmarks.serving.servers import HOST, Server

TIMEOUT_S: Final = 10
_SCRIPT: Final = """
wrk.method = "POST"
wrk.path = "/predict"
wrk.headers["content-type"] = "application/json"
wrk.body = %s
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests": %%d, "us": %%d, "p50_us": %%d, "p99_us": %%d, "refused": %%d, "lost": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Closed:
    """What clients in a closed loop saw.

    Attributes:
        requests_s: good answers a second.
        p50_ms: half of the answers took no longer.
        p99_ms: 99 in 100 took no longer.
        errors: answers that were none, or came late.
        server_us: processor time of the server for one answer, us; less shaken by what else the machine does.
        generator_cpu: share of its core that the generator used; near 1 it is what was measured.
    """

    requests_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    server_us: float
    generator_cpu: float


def find_wrk() -> None:
    """Say where wrk is to be had where it is not.

    Raises:
        MissingError: where it is not on the PATH.
    """
    require("wrk", "apt-get install wrk")


def closed_loop(server: Server, connections: int, seconds: int, scratch: Path) -> Closed:
    """Ask as fast as the answers come, on so many connections."""
    script = scratch / f"{server.port}.lua"
    script.write_text(_SCRIPT % json.dumps(server.body.decode()))
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", f"{TIMEOUT_S}s"]
    command += ["-s", str(script), f"http://{HOST}:{server.port}"]
    begun, before, served = time.monotonic(), children_cpu_s(), server.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu = (children_cpu_s() - before) / (time.monotonic() - begun)
    said = json.loads(done.stdout.splitlines()[-1])
    good = (said["requests"] - said["refused"]) / said["us"] * 1e6
    errors = said["refused"] + said["lost"]
    used_us = (server.cpu_s() - served) / max(said["requests"], 1) * 1e6
    return Closed(good, said["p50_us"] / 1e3, said["p99_us"] / 1e3, errors, used_us, cpu)


def children_cpu_s() -> float:
    """Return the processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
