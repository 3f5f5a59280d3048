"""Ingestion beside a bare COPY and pandas.to_sql, on the same PostgreSQL in the same run.

    python benchmarks/ingest.py [--rows 10000000] [--json figures.json]

The readings are SYNTHETIC: 1,000 meters, hourly, every quantity drawn at random and within its usual range. Each
figure of `meter ingest` is that of a whole process, from its start to its end, and its peak memory is that of the
process (the database's is not in it).
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import sqlalchemy

from meter_core.contracts.readings import CANONICAL_COLUMNS
from meter_core.embedded import Need, services
from meter_core.settings import Settings

METERS = 1000
CORRECTED = 100
"""One row in so many is corrected."""
TO_SQL_ROWS = 200_000
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
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="meter-bench-") as folder:
        figures = measure(Path(folder), chosen.rows)
    report = {"rows": chosen.rows, "figures": [asdict(each) for each in figures], **ratios(figures)}
    for each in figures:
        memory = f"{each.peak_mb:,.0f} MB" if each.peak_mb else ""
        print(f"{each.way:32} {each.rows:>12,} rows {each.seconds:>8.1f} s {each.rows_per_s:>12,.0f} rows/s {memory}")
    print(json.dumps(ratios(figures), indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1))


def measure(folder: Path, rows: int) -> list[Figure]:
    """Return the figures of all ways."""
    whole, corrected = folder / "synthetic.csv.gz", folder / "corrected.csv.gz"
    print(f"writing {rows:,} synthetic rows", file=sys.stderr)
    write(whole, corrected, rows)
    settings = Settings(home=folder / "home")
    with services(settings, {Need.POSTGRES}) as urls:
        assert urls.database_url is not None
        url = urls.database_url.get_secret_value()
        figures = [bare_copy(url, whole, rows), to_sql(url, whole)]
        for way, path, expected in (
            ("meter ingest, first load", whole, {"loaded": rows}),
            ("meter ingest, the same again", whole, {"duplicates": rows}),
            ("meter ingest, 1 % corrected", corrected, {"superseded": rows // CORRECTED}),
        ):
            figures.append(ingest(way, url, path, folder, expected))
            print(figures[-1], file=sys.stderr)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM meter_reading").fetchone()
            assert row == (rows,), row
    return figures


def ratios(figures: list[Figure]) -> dict[str, float]:
    """Return what the bars of the issue are about."""
    bare, _, first, again, corrected = figures
    return {
        "speed beside the bare COPY": bare.seconds / first.seconds,
        "correction beside the first load": corrected.seconds / first.seconds,
        "the same again, seconds": again.seconds,
        "peak MB": first.peak_mb or 0.0,
    }


def write(whole: Path, corrected: Path, rows: int) -> None:
    """Write the synthetic file, and one with another energy for one row in a hundred."""
    hours = np.datetime64("2023-01-01T00") + np.arange(rows // METERS)
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
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    assert status == 0, told
    assert {name: told[name] for name in expected} == expected, told
    return Figure(way, int(told["rows"]), seconds, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
