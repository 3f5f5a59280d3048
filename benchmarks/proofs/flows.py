"""The proof of the flows: a Monday of schedules at high speed, once as it is and once with every fault in it.

Prefect's server keeps its data in PostgreSQL, jobs and chain are the product's own. The clock is a parameter of the
runs: what a day begins one after the other begins here as soon as the one before has ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.proofs.flow_world import World, deliveries, eventually, world
from benchmarks.proofs.report import Section
from benchmarks.serving.report import table

MONDAY: Final = datetime(2026, 11, 23, tzinfo=UTC)
DAYS: Final = ("day without", "day with faults")

TIMES: Final = {
    2.0: "ingest_readings/daily",
    3.0: "train_model/weekly",
    6.0: "predict_batch/six-hourly",
    9.0: "ingest_readings/daily",
    12.0: "predict_batch/six-hourly",
    15.0: "ingest_readings/daily",
    18.0: "predict_batch/six-hourly",
    21.0: "predict_batch/six-hourly",
}
"""What begins at which hour; deliveries arrive before each ingestion."""

STATE: Final = {
    "readings": "SELECT count(*), md5(string_agg(concat_ws('|', meter_id, channel, reading_ts, units_kwh, quality), "
    "',' ORDER BY meter_id, channel, reading_ts)) FROM meter_reading",
    "predictions": "SELECT count(*), md5(string_agg(concat_ws('|', meter_id, reading_ts, model_version, units_kwh, "
    "low_kwh, high_kwh), ',' ORDER BY meter_id, reading_ts, model_version)) FROM prediction",
    "champion": "SELECT model_name, model_version, predictor_digest FROM promotion WHERE action = 'promoted' "
    "ORDER BY model_name, id",
}
"""What must be the same after both days."""


@dataclass
class Fault:
    """One fault that was made.

    Attributes:
        what: In words.
        noticed: The notice that people got, by how it begins.
        after_s: From the fault to the notice; None where the product needs nobody.
        ended: How the run that it met ended.
    """

    what: str
    noticed: str
    after_s: float | None
    ended: str


@dataclass
class Day:
    """A day under way.

    Attributes:
        at: The installation.
        faults: To make, by hour; none on the day without.
        made: Those that were.
        runs: How many runs of the schedule there were.
    """

    at: World
    faults: Mapping[float, Callable[["Day", str], Fault]]
    made: list[Fault] = field(default_factory=list)
    runs: int = 0

    def live(self) -> None:
        """Let the day pass."""
        parts = deliveries()
        for hour, name in TIMES.items():
            clock = {"clock": (MONDAY + timedelta(hours=hour)).isoformat()}
            if name.startswith("ingest"):
                self.at.deliver(*next(parts))
            run = self.at.begin(name, {} if name.startswith("predict") else clock)
            self.runs += 1
            if fault := self.faults.get(hour):
                self.made.append(fault(self, run))
            self.at.ended(run)
            self.at.quiet()
            told = [f"{each.what}: {each.noticed} after {each.after_s}: {each.ended}" for each in self.made[-1:]]
            print(f"{self.at.home.name} {hour:04.1f} {name} {told}", file=sys.stderr, flush=True)

    def told(self, words: str, since: float, page: str = "", within_s: float = 420) -> float:
        """Wait for a notice; return the seconds from a moment to it.

        Args:
            words: In its subject.
            since: The moment.
            page: In its text, such as the id of a run.
            within_s: So long.
        """

        def there() -> bool:
            return any(page in text for _, text in self.at.mail.of(words))

        eventually(there, within_s, f"a notice '{words}'")
        return time.monotonic() - since

    def state(self) -> dict[str, Any]:
        """Return what must be the same after both days."""
        return {name: self.at.sql(query) for name, query in STATE.items()}


def bad_delivery(day: Day, run: str) -> Fault:
    """A broken file beside the good one: it is set aside, the good one loaded."""
    day.at.ended(run)
    began = time.monotonic()
    day.at.deliver("broken.csv", "no,header,of,ours\n1,2,3,4\n")
    second = day.at.begin("ingest_readings/daily", {})
    after_s = day.told("a delivery was stopped", began)
    return Fault("a broken file in the inbox", "a delivery was stopped", after_s, day.at.ended(second)["state_name"])


def machine_dies(day: Day, run: str) -> Fault:
    """Worker and run killed in the middle of a training: nobody is left to say so."""
    process = day.at.process_of(run)
    time.sleep(5)
    began = time.monotonic()
    day.at.kill("worker")
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    after_s = day.told("train_model crashed", began, run)
    day.at.start_worker()
    ended = day.at.ended(run)
    day.told("train_model works again", began, run)
    return Fault(
        "worker and run killed while it trains", "crashed; works again", after_s, f"{ended['state_name']} at try 2"
    )


def run_dies(day: Day, run: str) -> Fault:
    """The run's process alone killed: its worker says so."""
    process = day.at.process_of(run)
    began = time.monotonic()
    os.kill(process, signal.SIGKILL)
    after_s = day.told("predict_batch crashed", began, run)
    ended = day.at.ended(run)
    return Fault(
        "the process of a run killed",
        "crashed; works again",
        after_s,
        f"{ended['state_name']} at try {ended['run_count']}",
    )


def server_restarts(day: Day, run: str) -> Fault:
    """Prefect's server killed while a run is under way, and started again."""
    day.at.process_of(run)
    day.at.kill("prefect")
    day.at.start_prefect()
    return Fault("Prefect's server killed and started", "none, nothing failed", None, day.at.ended(run)["state_name"])


def database_restarts(day: Day, run: str) -> Fault:
    """PostgreSQL, of readings and of Prefect, killed in the middle of an ingestion, and started again."""
    day.at.process_of(run)
    time.sleep(2)
    day.at.postgres.kill()
    time.sleep(5)
    day.at.postgres.start()
    return Fault("PostgreSQL killed and started", "none, nothing failed", None, day.at.ended(run)["state_name"])


def mlflow_goes(day: Day, run: str) -> Fault:
    """MLflow away for longer than a run waits: the next one makes it good."""
    began = time.monotonic()
    day.at.stop_mlflow()
    after_s = day.told("predict_batch (reading) failed", began)
    ended = day.at.ended(run)
    day.at.start_mlflow()
    return Fault(
        "MLflow away from 18:00 to the next run, at 21:00", "failed; works again", after_s, ended["state_name"]
    )


def disk_fills(day: Day, run: str) -> Fault:
    """The disk of deliveries is full for longer than a run waits; the file stays in the inbox for the next."""
    full = day.at.home / "files" / "deliveries"
    began = time.monotonic()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(full)], check=False).returncode == 0
    if not mounted:
        return Fault("a full disk", "not tried: this user may not mount one", None, day.at.ended(run)["state_name"])
    (full / "filling").write_bytes(b"0" * 4096)
    try:
        after_s = day.told("ingest_readings failed", began)
        ended = day.at.ended(run)
    finally:
        subprocess.run(["umount", "-l", str(full)], check=True)
    again = day.at.begin("ingest_readings/daily", {})
    day.at.ended(again)
    return Fault("a full disk during a whole ingestion", "failed; works again", after_s, ended["state_name"])


FAULTS: Final = {
    2.0: bad_delivery,
    3.0: machine_dies,
    6.0: run_dies,
    9.0: database_restarts,
    12.0: server_restarts,
    15.0: disk_fills,
    18.0: mlflow_goes,
}


def prove(home: Path) -> Iterator[Section]:
    """Yield the proof."""
    with ThreadPoolExecutor() as pool:  # side by side: both mostly wait
        clean, faulty = pool.map(_live, (home / "without", home / "with"), ({}, FAULTS))
    same = clean.state == faulty.state
    yield Section("The same state after a day of faults", _state_text(clean, faulty), same)
    yield Section("Every fault told", _fault_text(faulty.made), len(faulty.made) == len(FAULTS))
    counts = {subject: sum(each[0] == subject for each in faulty.told) for subject, _ in faulty.told}
    bad = [each for each in faulty.told if "crashed" in each[0] or "failed" in each[0]]
    once = len(bad) == len(set(bad))
    rows = [(subject, sum(each[0] == subject for each in clean.told), count) for subject, count in counts.items()]
    yield Section("One notice an incident", table(("notice", *DAYS), rows), once)
    followed = all(lived.chain["predict_batch/when-new"]["Completed"] for lived in (clean, faulty))
    yield Section("What led to what", _chain_text(clean, faulty), followed)


@dataclass(frozen=True)
class Lived:
    """A day that is over.

    Attributes:
        state: What must be the same after both days.
        made: Its faults.
        told: The notices that people got.
        runs: How many the schedule began.
        chain: How often the runs of each deployment ended in which state.
    """

    state: dict[str, Any]
    made: list[Fault]
    told: list[tuple[str, str]]
    runs: int
    chain: dict[str, Counter[str]]


def _live(home: Path, faults: Mapping[float, Callable[[Day, str], Fault]]) -> Lived:
    """Let a day pass on an installation of its own."""
    with world(home) as at:
        day = Day(at, faults)
        day.live()
        return Lived(day.state(), day.made, list(at.mail.notices), day.runs, at.ended_as())


def _state_text(clean: Lived, faulty: Lived) -> str:
    """Return what was compared."""
    rows = [
        (name, len(value) if name == "champion" else value[0][0], value == faulty.state[name])
        for name, value in clean.state.items()
    ]
    runs = f"{clean.runs} and {faulty.runs} runs begun by the schedule, with what they led to.\n\n"
    return runs + table(("", "count", "same"), [(*row[:-1], "yes" if row[-1] else "NO") for row in rows])


def _chain_text(clean: Lived, faulty: Lived) -> str:
    """Return which deployments ran, and how that ended: the schedule's, and those that they led to."""

    def told(ends: Counter[str]) -> str:
        return ", ".join(f"{count} {state}" for state, count in sorted(ends.items())) or "-"

    rows = [(name, told(ends), told(faulty.chain[name])) for name, ends in clean.chain.items()]
    return table(("deployment", *DAYS), [row for row in rows if row[1:] != ("-", "-")])


def _fault_text(made: list[Fault]) -> str:
    """Return the faults with who heard of them, and when."""
    rows = [
        (each.what, each.noticed, "-" if each.after_s is None else f"{each.after_s:.0f} s", each.ended) for each in made
    ]
    return table(("fault", "people were told", "after", "the run it met ended"), rows)
