"""Ingestion killed at seeded points of its work, and run again: what stands then is what one clean run leaves.

A process of its own has everything imported and forks for each run, so that a run costs what it does and no import.
"""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.postgres_server import Server
from tests.integration.store_state import state

BASE = "kill_base"
HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"


@dataclass(frozen=True)
class Point:
    """When a run is killed: before its n-th call, or after so many seconds; whichever is not None."""

    calls: int | None = None
    seconds: float | None = None


class Runner:
    """The process that forks for each ingestion."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.integration.kill_points_runner"]
        environment = {**os.environ, "TMPDIR": str(folder)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ingest, all at once; return of each how it ended (0, or the signal's number negated), calls and seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(runs) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the runner ended with {self._process.wait(60)}"
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


def line(meter: str, hour: int, kwh: object) -> str:
    return f"{meter},2024-{1 + hour // 672:02}-{1 + hour % 672 // 24:02}T{hour % 24:02}:00:00+00:00,60,{kwh},230,,,,\n"


def deliveries(folder: Path) -> list[Path]:
    """What stood before; a delivery that corrects, repeats, conflicts and breaks rules; another of the same meters."""
    rng = random.Random(17)
    hours = [*range(30), *range(650, 690)]  # of two months
    base = [line(meter, hour, 1) for meter in ("m1", "m2") for hour in hours[::2]]
    killed = [line(meter, hour, rng.choice([1, 1, 2, 3, ""])) for meter in ("m1", "m2") for hour in hours]
    killed += [line("m3", hour, 1) for hour in range(1350, 1380)]  # a month that is new
    killed += [killed[3], killed[-1].replace(",1,", ",7,"), line("m1", 100, -4), line("m1", 101, "much")]
    beside = [line(meter, hour, rng.choice([2, 4])) for meter in ("m2", "m3") for hour in hours]
    paths = [folder / "base.csv", folder / "killed.csv", folder / "beside.csv.gz"]
    for path, rows in zip(paths, (base, killed, beside), strict=True):
        text = (HEADER + "".join(rows)).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return paths


class World:
    """A server, the deliveries, and what clean runs of them leave."""

    def __init__(self, server: Server, folder: Path, runner: Runner) -> None:
        from meter_core.store import Store

        self._server, self._folder, self._runner = server, folder, runner
        self._base, self.killed, self.beside = deliveries(folder)
        Store(server.new_database(BASE)).upgrade()
        self._ended(self._runs(BASE, [self._base]))
        self._number = 0
        self.seconds = 0.0
        self.alone = [self._clean([self.killed])]
        self.together = [self._clean([self.killed, self.beside]), self._clean([self.beside, self.killed])]
        self.calls = self._calls()

    def holds(self, point: Point, beside: bool) -> str | None:
        """Kill an ingestion at the point, run it again; return what differs from a clean run, None where nothing does.

        Args:
            point: Where it is killed.
            beside: Whether another delivery of the same meters is loaded at the same time.
        """
        database = self._fresh()
        runs = [self._one(database, self.killed, point)] + [self._one(database, self.beside)] * beside
        ended = self._runner.run(runs)
        if ended[0]["status"] not in (0, -signal.SIGKILL) or any(each["status"] for each in ended[1:]):
            return f"ended with {ended}"
        self._ended(self._runs(database, [self.killed, *([self.beside] if beside else [])]))
        after, expected = self._state(database), self.together if beside else self.alone
        self._drop(database)
        if after in expected:
            return None
        return "\n".join(
            f"{name}: {row}" for name in after for row in set(after[name]).symmetric_difference(expected[0][name])
        )

    def _calls(self) -> int:
        """Return how many calls a clean run makes."""
        database = self._fresh()
        (counted,) = self._runner.run([self._one(database, self.killed, Point(calls=2**60))])
        self._drop(database)
        return int(counted["calls"])

    def _clean(self, files: list[Path]) -> dict[str, list[str]]:
        database = self._fresh()
        for file in files:
            (run,) = self._runs(database, [file])
            self._ended([run])
            self.seconds = self.seconds or run["seconds"]
        found = self._state(database)
        self._drop(database)
        return found

    def _runs(self, database: str, files: list[Path]) -> list[dict[str, Any]]:
        return self._runner.run([self._one(database, file) for file in files])

    def _one(self, database: str, file: Path, point: Point | None = None) -> dict[str, Any]:
        point = point or Point()
        home = str(self._folder / database)
        about = {"file": str(file), "home": home, "url": self._server.url(database)}
        return {**about, "calls": point.calls, "after_s": point.seconds}

    @staticmethod
    def _ended(runs: list[dict[str, Any]]) -> None:
        assert all(run["status"] == 0 for run in runs), runs

    def _fresh(self) -> str:
        """Make a database and folder as they were when the base was loaded."""
        self._number += 1
        database = f"kill_{self._number}"
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {BASE}")
        shutil.copytree(self._folder / BASE, self._folder / database)
        return database

    def _drop(self, database: str) -> None:
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")
        shutil.rmtree(self._folder / database)

    def _state(self, database: str) -> dict[str, list[str]]:
        """Everything the database and the folder of kept files hold."""
        kept = self._folder / database / "files/deliveries"
        found = state(self._server.url(database))
        tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        with psycopg.connect(self._server.url(database)) as connection:
            found["tables"] = sorted(name for (name,) in connection.execute(tables).fetchall())
        return found | {"kept": sorted(f"{path.name} {path.stat().st_size}" for path in kept.iterdir())}


@contextmanager
def kill_world(server: Server, folder: Path) -> Iterator[World]:
    """Have a world for as long as the block lasts."""
    runner = Runner(folder)
    try:
        yield World(server, folder, runner)
    finally:
        runner.close()


def point_of(seed: int, world: World) -> Point:
    """Return a seeded point: before some call of our own code, or some time after the start."""
    rng = random.Random(seed)
    if seed % 2:
        return Point(seconds=rng.uniform(0, world.seconds))
    return Point(calls=rng.randrange(1, world.calls))
