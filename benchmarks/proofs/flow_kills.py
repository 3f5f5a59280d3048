"""Whole flows killed at seeded moments and run again, beside the same flows that nobody kills: nothing is doubled.

Each flow is a process of its own that reports to a real Prefect server, without a worker: nobody but this proof starts
it again.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.proofs.flow_world import ROOT, World, deliveries, eventually, world
from benchmarks.proofs.report import Section
from benchmarks.serving.report import table

SEED: Final = 1_000
KILLS: Final = 2
"""Of each flow, one after the other, before it is left to its end."""

LASTS_S: Final = {"ingest_readings": 2.5, "train_model": 16.0, "predict_batch": 3.0}
"""About how long each works once it has begun: it is killed within."""

STATE: Final = {
    "values that stand": "SELECT count(*), md5(string_agg(concat_ws('|', meter_id, channel, reading_ts, units_kwh), "
    "',' ORDER BY meter_id, channel, reading_ts)) FROM meter_reading",
    "deliveries, their rows, loaded, duplicates, quarantined": "SELECT count(*), sum(row_count), sum(loaded), "
    "sum(duplicates), sum(quarantined) FROM source_file",
    "predictions of the champion, by key": "SELECT count(*), count(DISTINCT (p.meter_id, p.channel, p.reading_ts)), "
    "md5(string_agg(concat_ws('|', p.meter_id, p.reading_ts, p.units_kwh, p.low_kwh, p.high_kwh), ',' "
    "ORDER BY p.meter_id, p.reading_ts)) FROM prediction p",
    "promotions, by predictor": "SELECT predictor_digest FROM promotion WHERE action = 'promoted' ORDER BY id",
}
"""What must be the same. A version's number may differ: a training that was killed after MLflow had it leaves one."""


@dataclass
class Flows:
    """Flows on an installation.

    Attributes:
        at: The installation.
        moments: Seconds after its beginning at which a flow is killed, drawn from a seed; None: none is.
        killed: How many were while they ran.
    """

    at: World
    moments: random.Random | None
    killed: list[str] = field(default_factory=list)

    def run(self, name: str) -> None:
        """Run a flow to its end, after it was killed as often as wanted."""
        for _ in range(KILLS if self.moments else 0):
            self._kill(name)
        with self._process(name) as process:
            if process.wait(300):
                raise RuntimeError(f"{name} ended with {process.returncode}: see {self.at.home}/{name}.log")

    def _kill(self, name: str) -> None:
        """Kill a flow a while after it has begun."""
        assert self.moments is not None
        after_s = self.moments.uniform(0, LASTS_S[name])
        before = self._begun()
        with self._process(name) as process:
            eventually(lambda: self._begun() > before or process.poll() is not None, 120, f"{name} begins")
            time.sleep(after_s)
            if process.poll() is None:
                process.kill()
                self.killed.append(f"{name} after {after_s:.1f} s")

    def _process(self, name: str) -> "subprocess.Popen[bytes]":
        with (self.at.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", f"from flows.{name} import {name}; {name}()"],
                cwd=ROOT,
                env={**os.environ, **self.at.environment},
                stdout=log,
                stderr=log,
            )

    def _begun(self) -> int:
        """Return how many runs have begun."""
        return int(self.at.ask("/flow_runs/count", {"flow_runs": {"start_time": {"is_null_": False}}}))


def prove(home: Path) -> Iterator[Section]:
    """Kill whole flows at seeded moments, run them again, and compare with flows that nobody killed."""
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:  # side by side: both mostly wait
        left, killed = pool.map(lived, (home / "left", home / "killed"), (False, True))
    same = {name: found == killed.state[name] for name, found in left.state.items()}
    text = (
        f"{len(killed.killed)} kills (SIGKILL, seed {SEED}) of flows that had begun: {', '.join(killed.killed)}. Each "
        f"flow was run again to its end; {time.monotonic() - began:.0f} s in all.\n\n"
    )
    rows = [(name, "yes" if held else "NO") for name, held in same.items()]
    held = bool(killed.killed) and all(same.values())
    yield Section("Whole flows killed at random, nothing doubled", text + table(("", "same"), rows), held)


@dataclass(frozen=True)
class Ended:
    """What there is in the end.

    Attributes:
        state: By `STATE`.
        killed: What was killed, and when.
    """

    state: dict[str, Any]
    killed: Sequence[str]


def lived(home: Path, killing: bool) -> Ended:
    """Ingest, train and predict delivery by delivery; with or without kills."""
    with world(home) as at:
        at.kill("worker")
        flows = Flows(at, random.Random(SEED) if killing else None)
        for number, (name, lines) in enumerate(deliveries()):
            at.deliver(name, lines)
            flows.run("ingest_readings")
            if number == 0:
                flows.run("train_model")
            flows.run("predict_batch")
        return Ended({name: at.sql(query) for name, query in STATE.items()}, flows.killed)
