"""Ingestion beside a bare COPY and pandas.to_sql, on the same PostgreSQL in the same run.

    python -m benchmarks.ingest [--rows 10000000] [--files FOLDER] [--first-load-only] [--json figures.json]
        [--report docs/proofs/ingest-scale-DATE.md]

The readings are SYNTHETIC: 1,000 meters, hourly, every quantity drawn at random and within its usual range. Each
figure of `meter ingest` is that of a whole process, from its start to its end, and its peak memory is that of the
process and the one it starts for the quality suite, shared pages counted once (the database's is not in it).
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import psycopg
import sqlalchemy

from benchmarks.serving.machine import describe
from meter_core.contracts.readings import CANONICAL_COLUMNS
from meter_core.embedded import Need, services
from meter_core.settings import Settings

METERS = 1000
CORRECTED = 100
"""One row in so many is corrected."""
TO_SQL_ROWS = 200_000
BARS = {
    "speed beside the bare COPY": 0.7,
    "correction beside the first load": 0.2,
    "the same again, seconds": 2.0,
    "peak MB": 1_000.0,
}
AT_LEAST = {"speed beside the bare COPY"}
"""Of the bars, which are lower ones."""
METER = Path(sys.executable).parent / "meter"
TABLE = (
    "CREATE TABLE bare (meter_id text, reading_ts timestamptz, interval_minutes int, units_kwh float8,"
    " voltage_v float8, temperature_c float8, power_factor float8, load_kw float8, frequency_hz float8)"
)


@dataclass(frozen=True)
class Figure:
    """What one way took."""

    way: str
    rows: int
    seconds: float
    peak_mb: float | None = None

    @property
    def rows_per_s(self) -> float:
        """Rows in a second."""
        return self.rows / self.seconds


def main() -> None:
    """Measure, print and keep."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--files", type=Path, help="where the synthetic files lie or are to stay")
    arguments.add_argument("--first-load-only", action="store_true", help="nothing beside it, for its memory")
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--report", type=Path, help="page to which what was found is added")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="meter-bench-") as folder:
        files = synthetic(chosen.files or Path(folder), chosen.rows)
        figures = measure(Path(folder), files, chosen.rows, chosen.first_load_only)
    print(*(line(each) for each in figures), sep="\n")
    found = ratios(figures)
    print(json.dumps(found, indent=1))
    if chosen.json:
        kept = {"rows": chosen.rows, "figures": [asdict(each) for each in figures], **found}
        chosen.json.write_text(json.dumps(kept, indent=1))
    if chosen.report:
        add_to_report(chosen.report, chosen.rows, figures, found)


def synthetic(folder: Path, rows: int) -> tuple[Path, Path]:
    """Return the synthetic file and the one that corrects it, written where they are not there yet."""
    whole, corrected = folder / f"synthetic-{rows}.csv.gz", folder / f"corrected-{rows}.csv.gz"
    if not corrected.exists():
        print(f"writing {rows:,} synthetic rows", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        write(whole, corrected, rows)
    return whole, corrected


def measure(folder: Path, files: tuple[Path, Path], rows: int, first_load_only: bool) -> list[Figure]:
    """Return the figures of all ways."""
    whole, corrected = files
    first, *others = (
        ("meter ingest, first load", whole, {"loaded": rows}),
        ("meter ingest, the same again", whole, {"duplicates": rows}),
        ("meter ingest, 1 % corrected", corrected, {"superseded": rows // CORRECTED}),
    )
    settings = Settings(home=folder / "home")
    with services(settings, {Need.POSTGRES}) as urls:
        assert urls.database_url is not None
        url = urls.database_url.get_secret_value()
        figures = [] if first_load_only else [bare_copy(url, whole, rows), to_sql(url, whole)]
        for way, path, expected in (first, *([] if first_load_only else others)):
            figures.append(ingest(way, url, path, folder, expected))
            print(figures[-1], file=sys.stderr)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM meter_reading").fetchone()
            assert row == (rows,), row
    return figures


def ratios(figures: list[Figure]) -> dict[str, float]:
    """Return what the bars are about."""
    if len(figures) == 1:
        return {"peak MB": figures[0].peak_mb or 0.0}
    bare, _, first, again, corrected = figures
    return {
        "speed beside the bare COPY": bare.seconds / first.seconds,
        "correction beside the first load": corrected.seconds / first.seconds,
        "the same again, seconds": again.seconds,
        "peak MB": first.peak_mb or 0.0,
    }


def line(figure: Figure) -> str:
    """Return one figure for the screen."""
    memory = f"{figure.peak_mb:,.0f} MB" if figure.peak_mb else ""
    return (
        f"{figure.way:32} {figure.rows:>12,} rows {figure.seconds:>8.1f} s {figure.rows_per_s:>12,.0f} rows/s {memory}"
    )


def add_to_report(path: Path, rows: int, figures: list[Figure], found: dict[str, float]) -> None:
    """Add what was found to a page, with date, machine, command, and which bars were met."""
    machine = describe()
    load = f"load of the machine over five minutes {os.getloadavg()[1]:.1f}"
    command = f"python -m benchmarks.ingest --rows {rows}{' --first-load-only' if len(figures) == 1 else ''}"
    said = [
        f"## {rows:,} rows",
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {load}; `{command}`",
        "| way | rows | seconds | rows/s | peak memory |\n|---|---|---|---|---|\n"
        + "\n".join(
            f"| {each.way} | {each.rows:,} | {each.seconds:.1f} | {each.rows_per_s:,.0f} | "
            f"{f'{each.peak_mb:,.0f} MB' if each.peak_mb else ''} |"
            for each in figures
        ),
        "| | found | bar | |\n|---|---|---|---|\n"
        + "\n".join(
            f"| {name} | {value:,.2f} | {'at least' if name in AT_LEAST else 'under'} {BARS[name]:g} | "
            f"{'met' if (value >= BARS[name]) == (name in AT_LEAST) else 'missed'} |"
            for name, value in found.items()
        ),
    ]
    before = path.read_text() if path.exists() else "# Ingestion at scale\n"
    path.write_text(before + "\n" + "\n\n".join(said) + "\n")


def write(whole: Path, corrected: Path, rows: int) -> None:
    """Write the synthetic file, and one with another energy for one row in a hundred."""
    hours = np.datetime64("2024-06-01T00") - np.arange(rows // METERS, 0, -1)  # stamps ahead of now are quarantined
    stamps = [f"{hour}:00:00Z" for hour in hours]
    header = ",".join(CANONICAL_COLUMNS) + "\n"
    with gzip.open(whole, "wt", compresslevel=1) as sink, gzip.open(corrected, "wt", compresslevel=1) as later:
        sink.write(header)
        later.write(header)
        for meter in range(METERS):
            lines = list(_lines(np.random.default_rng(meter), meter, stamps))
            sink.writelines(lines)
            later.writelines(_changed(line) for line in lines[::CORRECTED])


def _lines(random: np.random.Generator, meter: int, stamps: list[str]) -> Iterator[str]:
    """Yield the lines of one meter."""
    count = len(stamps)
    quantities = (
        np.char.mod("%.3f", random.gamma(2, 0.25, count)),
        np.char.mod("%.1f", random.normal(230, 3, count)),
        np.char.mod("%.1f", random.uniform(0, 35, count)),
        np.char.mod("%.2f", random.uniform(0.86, 1, count)),
        np.char.mod("%.3f", random.uniform(0, 4, count)),
        np.char.mod("%.2f", random.normal(50, 0.02, count)),
    )
    for stamp, *values in zip(stamps, *quantities, strict=True):
        yield f"METER-{meter:04},{stamp},60,{','.join(values)}\n"


def _changed(line: str) -> str:
    """Return a line with another energy."""
    fields = line.split(",")
    fields[3] = f"{float(fields[3]) + 1:.3f}"
    return ",".join(fields)


def bare_copy(url: str, path: Path, rows: int) -> Figure:
    """Measure text COPY of the gunzipped stream into a logged table without an index."""
    begun = time.monotonic()
    with psycopg.connect(url) as connection, gzip.open(path, "rb") as source:
        connection.execute(TABLE)
        with connection.cursor().copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy:
            while block := source.read(1 << 20):
                copy.write(block)
    seconds = time.monotonic() - begun
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bare")
        connection.execute("CHECKPOINT")
    return Figure("bare text COPY", rows, seconds)


def to_sql(url: str, path: Path) -> Figure:
    """Measure pandas.to_sql of the first rows, reading them not counted."""
    frame = pd.read_csv(path, nrows=TO_SQL_ROWS, parse_dates=["reading_ts"])
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    begun = time.monotonic()
    frame.to_sql("by_pandas", engine, index=False)
    seconds = time.monotonic() - begun
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE by_pandas"))
    return Figure("pandas.to_sql", len(frame), seconds)


def ingest(way: str, url: str, path: Path, folder: Path, expected: dict[str, int]) -> Figure:
    """Measure one process of `meter ingest`, and look at its accounting."""
    command = [METER, "ingest", path, "--source", "canonical", "--zone", "Europe/Paris", "--json"]
    environment = {**os.environ, "METER_DATABASE_URL": url, "METER_HOME": str(folder / "home")}
    begun = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    with ThreadPoolExecutor(1) as beside:
        peak_mb = beside.submit(peak_memory, psutil.Process(process.pid))
        told: dict[str, Any] = json.loads(process.communicate()[0])
    seconds = time.monotonic() - begun
    assert process.returncode == 0, told
    assert {name: told[name] for name in expected} == expected, told
    return Figure(way, int(told["rows"]), seconds, peak_mb.result())


def peak_memory(process: psutil.Process) -> float:
    """Return the most memory that a process and its children had while it ran, in MB, seen four times a second."""
    peak = 0
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            peak = max(peak, sum(map(proportional, [process, *process.children(recursive=True)])))
            time.sleep(0.25)
    return peak / 1e6


def proportional(process: psutil.Process) -> int:
    """Return a process's bytes, its share of those that others have too; 0 where it has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    main()
