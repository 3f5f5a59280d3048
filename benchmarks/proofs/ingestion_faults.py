"""Every fault of a delivery at full size: what the person sees, how long it takes, and what is stored afterwards."""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.ingest import METER, synthetic
from benchmarks.proofs.report import Section, write
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL, Server, postgres_server
from tests.integration.test_ingest_faults import may_mount

ROWS: Final = 10_000_000
EVERY: Final = 100
"""One row in so many is broken where some are."""
DEADLINE_S: Final = 1_800
STORED: Final = """
SELECT (SELECT count(*) FROM meter_reading), (SELECT count(*) FROM meter_reading_history),
       (SELECT coalesce(sum(row_count), 0)::bigint FROM quarantined_reading),
       (SELECT coalesce(string_agg(status || ' ' || row_count, ', '), 'none') FROM source_file)
"""


@dataclass(frozen=True)
class Seen:
    """What came of a run.

    Attributes:
        fault: what was wrong.
        status: exit status.
        seconds: from start to end.
        said: what stands on the screen, without progress.
        stored: readings, history, quarantined values, deliveries on record.
        expected: exit status, readings and quarantined values as they should be.
    """

    fault: str
    status: int
    seconds: float
    said: str
    stored: tuple[int, int, int, str]
    expected: tuple[int, int, int]

    @property
    def is_as_expected(self) -> bool:
        """Whether status and tables are what they should be."""
        readings, history, quarantined, _ = self.stored
        return (self.status, readings, quarantined) == self.expected and history == 0

    def row(self) -> str:
        """As a row of the table."""
        readings, _, quarantined, deliveries = self.stored
        said = self.said.replace("|", "\\|").replace("\n", "<br>")
        after = f"{readings:,} readings, {quarantined:,} values in quarantine; deliveries: {deliveries}"
        return f"| {self.fault} | {self.status} | {self.seconds:.1f} | {said} | {after} |"


def prove(home: Path, rows: int = ROWS) -> Iterator[Section]:
    """Yield the proof; `home` is an empty folder."""
    with postgres_server(WHEEL) as server:
        seen = list(_World(server, home, rows).all())
    head = "| fault | exit status | seconds | on the screen | afterwards |\n|---|---|---|---|---|\n"
    text = (
        f"`python -m benchmarks.proofs.ingestion_faults --rows {rows}`: a synthetic gzip CSV of {rows:,} rows of 1,000 "
        f"meters, broken in one way each time, through `meter ingest` into an empty database.\n\n"
    )
    yield Section(
        f"Each fault at {rows:,} rows",
        text + head + "\n".join(each.row() for each in seen),
        all(each.is_as_expected for each in seen),
    )


class _World:
    """A server, and the files."""

    def __init__(self, server: Server, home: Path, rows: int) -> None:
        self.server, self.home, self.rows = server, home, rows
        self.url = ""
        self.whole, _ = synthetic(home / "files", rows)

    def all(self) -> Iterator[Seen]:
        """Try every fault."""
        files: dict[str, tuple[Callable[[Path], None], tuple[int, int, int]]] = {
            "no such file": (lambda _: None, (2, 0, 0)),
            "empty": (lambda path: path.write_bytes(b"") and None, (1, 0, 0)),
            "binary from nine tenths on": (self.binary, (1, 0, 0)),
            "gzip cut off at nine tenths": (self.cut, (1, 0, 0)),
            "a header and no rows": (self.header, (1, 0, 0)),
            "no energy is a number": (lambda path: self.broken(path, 1), (1, 0, self.rows)),
            "one energy in a hundred is no number": (
                lambda path: self.broken(path, EVERY),
                (0, self.rows - self.rows // EVERY, self.rows // EVERY),
            ),
        }
        for fault, (make, expected) in files.items():
            path = self.home / "delivery.csv.gz"
            make(path)
            yield self.tried(fault, self.command(path), expected)
            path.unlink(missing_ok=True)
        yield self.tried("the profile of another source", self.command(self.whole, "uci_sceaux"), (2, 0, 0))
        if may_mount(self.home):
            yield self.tried("the disk of METER_HOME is full", self.on_a_small_disk(), (3, 0, 0))
        yield from self.killed()

    def tried(self, fault: str, command: list[str | Path], expected: tuple[int, int, int]) -> Seen:
        """Run a command on an empty database."""
        self.empty()
        begun = time.monotonic()
        status, text = self.run(command)
        return self.seen(fault, status, time.monotonic() - begun, text, expected)

    def run(self, command: list[str | Path]) -> tuple[int, str]:
        """Run a command; return its exit status and what stands on the screen."""
        ran = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, env=self.environment()
        )
        return ran.returncode, ran.stderr + ran.stdout

    def killed(self) -> Iterator[Seen]:
        """Kill PostgreSQL when half of the lines have been read, start it, and run the same again."""
        self.empty()
        command, begun = self.command(self.whole), time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment()
        )
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            words = line.split()
            if words[-2:] == ["lines", "read"] and int(words[-3].replace(",", "")) >= self.rows // 2:
                self.server.kill()
                break
        out, rest = process.communicate(timeout=DEADLINE_S)
        seconds = time.monotonic() - begun
        self.server.start()
        yield self.seen(
            "PostgreSQL killed half way", process.returncode, seconds, "".join(said) + rest + out, (3, 0, 0)
        )
        begun = time.monotonic()
        status, text = self.run(command)
        yield self.seen("... and run again", status, time.monotonic() - begun, text, (0, self.rows, 0))

    def seen(self, fault: str, status: int, seconds: float, text: str, expected: tuple[int, int, int]) -> Seen:
        """Return what came of a run, its progress left out."""
        text = text.replace(f"{self.home}/", "")
        said = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "INFO", "starting"))]
        with psycopg.connect(self.url) as connection:
            stored = connection.execute(STORED).fetchone()
        assert stored is not None
        found = Seen(fault, status, seconds, "\n".join(said), stored, expected)
        print(found, file=sys.stderr)
        return found

    def empty(self) -> None:
        """Make an empty database and an empty home."""
        shutil.rmtree(self.home / "home", ignore_errors=True)
        (self.home / "home").mkdir()
        self.url = self.server.new_database("faults")
        Store(self.url).upgrade()

    def environment(self) -> dict[str, str]:
        """Return what tells the command where things are."""
        return {**os.environ, "METER_DATABASE_URL": self.url, "METER_HOME": str(self.home / "home")}

    def command(self, path: Path, profile: str = "canonical") -> list[str | Path]:
        """Return what a person types."""
        return [METER, "ingest", path, "--source", profile, "--zone", "Europe/Paris"]

    def on_a_small_disk(self) -> list[str | Path]:
        """Return the same with METER_HOME on a disk that the file does not fit on."""
        size = self.whole.stat().st_size // 2
        mount = f'mount -t tmpfs -o size={size} none \'{self.home / "home"}\' && exec "$0" "$@"'
        return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, *self.command(self.whole)]

    def binary(self, path: Path) -> None:
        """Write the file with bytes that no text has."""
        with gzip.open(self.whole, "rb") as source, gzip.open(path, "wb", compresslevel=1) as sink:
            for number, text in enumerate(source):
                sink.write(text if number < 0.9 * self.rows else text.replace(b"M", b"\0"))

    def cut(self, path: Path) -> None:
        """Write the file's beginning."""
        shutil.copy(self.whole, path)
        os.truncate(path, int(0.9 * path.stat().st_size))

    def header(self, path: Path) -> None:
        """Write the line of names."""
        with gzip.open(self.whole, "rb") as source, gzip.open(path, "wb") as sink:
            sink.write(source.readline())

    def broken(self, path: Path, every: int) -> None:
        """Write the file with an energy that is no number in every so many rows."""
        with gzip.open(self.whole, "rt") as source, gzip.open(path, "wt", compresslevel=1) as sink:
            sink.write(source.readline())
            for number, text in enumerate(source):
                fields = text.split(",")
                sink.write(text if number % every else ",".join((*fields[:3], "broken", *fields[4:])))


def main() -> int:
    """Prove, tell, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        sections = list(prove(Path(home), chosen.rows))
    print(write("ingestion-faults", sections))
    return 0 if all(section.held for section in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
