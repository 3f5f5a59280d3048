"""Forks for each ingestion it is asked for; a fork counts the calls of our code and kills itself before the n-th."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from meter_core.jobs.ingest import ingest
from meter_core.quality import Limits, Suite, inspector, warm_up
from meter_core.settings import Settings
from meter_core.sources import text_lines

OURS = f"{os.sep}meter_core{os.sep}"
PART_BYTES = 2_000
"""So that a small file is read in several parts."""


def main() -> None:
    """Take orders, one a line."""
    text_lines.BLOCK = PART_BYTES  # type: ignore[misc]
    warm_up()
    Suite(Limits())  # waits for the import
    inspector._Process = _Thread  # type: ignore[assignment, misc]
    for order in sys.stdin:
        runs = json.loads(order)
        started = [_start(run) for run in runs]
        ended = [_ended(*one, run["after_s"]) for one, run in zip(started, runs, strict=True)]
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


class _Thread(inspector._Process):
    """Serves in this process: a fork has imported everything, another process would take seconds to."""

    is_ours = False

    def __init__(self) -> None:
        (requests, to_it), (from_it, answers) = os.pipe(), os.pipe()
        served = os.fdopen(requests, "rb"), os.fdopen(answers, "wb")
        self._process = SimpleNamespace(stdin=os.fdopen(to_it, "wb"), stdout=os.fdopen(from_it, "rb"))  # type: ignore[assignment]
        threading.Thread(target=inspector.serve, args=served, daemon=True).start()

    def end(self) -> None:
        """It ends with its process."""


def _start(run: dict[str, Any]) -> tuple[int, int, float]:
    """Fork; return the child's pid, where it tells how many calls it made, and when it began."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        status = 1
        try:
            calls = _ingest(run)
            os.write(writes, str(calls).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writes)
    return pid, reads, time.monotonic()


def _ended(pid: int, reads: int, began: float, after_s: float | None) -> dict[str, Any]:
    """Wait for a child, kill it at its time; return how it ended."""
    if after_s is not None:
        time.sleep(max(0.0, began + after_s - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reads, "rb") as pipe:
        calls = int(pipe.read() or 0)
    return {"status": os.waitstatus_to_exitcode(status), "calls": calls, "seconds": time.monotonic() - began}


def _ingest(run: dict[str, Any]) -> int:
    """Ingest a file; return how many calls of our own code it took, 0 where they are not counted."""
    made = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal made
        if event in ("call", "c_call") and OURS in frame.f_code.co_filename:
            made += 1
            if made >= run["calls"]:
                os.kill(os.getpid(), signal.SIGKILL)

    if run["calls"] is not None:
        threading.setprofile(count)
        sys.setprofile(count)
    settings = Settings(home=Path(run["home"]), database_url=run["url"])
    ingest([Path(run["file"])], "canonical", "UTC", settings, run["url"])
    sys.setprofile(None)
    return made


if __name__ == "__main__":
    main()
