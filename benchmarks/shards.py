"""What a shard of batch inference costs: seconds and memory by its number of meters, measured readings replicated.

Run: .venv/bin/python -m benchmarks.shards [--meters 2000]
Readings are those of the shipped homes, copied under further meter ids in SQL; both tasks are trained on the originals.
Each shard is predicted in a process of its own, as a flow's would be, into empty tables. CPU seconds are the process's
own and, apart, those of PostgreSQL's backend for it: they hold on a machine that others use too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from pydantic import SecretStr

from benchmarks.serving.machine import describe
from benchmarks.serving.report import table
from meter_core.embedded.connections import Connections
from meter_core.jobs.ingest import ingest
from meter_core.jobs.train import train
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.mlflow_server import mlflow_server
from tests.integration.postgres_server import DEBIAN_15, WHEEL, Server, postgres_server

SAMPLE: Final = Path(__file__).parents[1] / "data" / "fontana_10_homes_hourly_2016-17.csv.gz"
HOMES: Final = 10
HISTORY: Final = timedelta(days=63)
NEW: Final = timedelta(days=1)
"""What a night brings: of each meter one day is to be predicted."""

COPY_METERS: Final = """
INSERT INTO meter SELECT (jsonb_populate_record(m, jsonb_build_object('meter_id', m.meter_id || '-' || copy))).*
  FROM meter m CROSS JOIN generate_series(1, %(copies)s) copy"""
COPY_READINGS: Final = """
INSERT INTO meter_reading SELECT (jsonb_populate_record(r, jsonb_build_object('meter_id', r.meter_id || '-' || copy))).*
  FROM meter_reading r CROSS JOIN generate_series(1, %(copies)s) copy
 WHERE r.reading_ts >= %(since)s"""

SHARD: Final = """
import json, resource, sys, time
from datetime import datetime
from pathlib import Path
from meter_core.embedded.connections import Connections
from meter_core.jobs.predict import predict
from meter_core.jobs.predict_shards import cut
from meter_core.jobs.registered import store_of
from meter_core.settings import Settings
task, since, number, count, out = sys.argv[1:]
settings = Settings()
began = time.perf_counter()
known = Connections.external(settings)
shard = cut("measured", store_of(known, settings).meter_ids(), int(count))[int(number) - 1]
done = predict(task, datetime.fromisoformat(since) if task == "reading" else None, Path(out), settings, known,
               shard=shard)
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which begins with that of the process that started this one.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"rows": done.rows, "seconds": time.perf_counter() - began,
                  "cpu_s": used.ru_utime + used.ru_stime, "memory_mb": int(peak.split()[1]) / 1024}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=2_000, help="in all; shards are of all, a half, a quarter")
    meters = parser.parse_args().meters
    binaries = DEBIAN_15 if DEBIAN_15.exists() else WHEEL
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server(binaries) as postgres,
        mlflow_server(Path(folder) / "mlflow") as mlflow,
    ):
        given = {
            "METER_DATABASE_URL": postgres.new_database("meter"),
            "MLFLOW_TRACKING_URI": mlflow.url,
            "METER_HOME": f"{folder}/home",
            "METER_FILES_URL": f"{folder}/files",
        }
        since = prepare(given, meters)
        rows = []
        for task in ("reading", "ahead"):
            for count in (4, 2, 1):
                rows.append(measure(given, postgres, task, since.isoformat(), meters, count))
                print(rows[-1], file=sys.stderr)
        sizes = {name: row_bytes(given["METER_DATABASE_URL"], name) for name in ("meter_reading", "prediction")}
    machine = describe()
    print(f"{machine['date']}, {machine['processor']}, load of others {machine['others_load']:.1f}\n")
    header = (
        "task",
        "meters of the shard",
        "predictions",
        "s with start",
        "s of the job",
        "CPU s with start",
        "memory MB",
        "CPU s of PostgreSQL",
        "WAL MB",
    )
    print(table(header, rows))
    print(f"With their indexes, bytes a row: {', '.join(f'{name} {size:.0f}' for name, size in sizes.items())}.")


def prepare(given: dict[str, str], meters: int) -> Any:
    """Load the homes, train both tasks on them, then copy them; return from when on a shard predicts."""
    settings = Settings(
        home=Path(given["METER_HOME"]),
        database_url=SecretStr(given["METER_DATABASE_URL"]),
        files_url=given["METER_FILES_URL"],
        mlflow_tracking_uri=given["MLFLOW_TRACKING_URI"],
    )
    ingest([SAMPLE], "fontana", None, settings, given["METER_DATABASE_URL"])
    for task in ("reading", "ahead"):
        done = train(task, None, None, settings, Connections.external(settings))
        print(f"{task}: {done.why}", file=sys.stderr)
    newest = Store(given["METER_DATABASE_URL"]).freshness().newest_reading_ts
    assert newest is not None
    copies = {"copies": meters // HOMES - 1, "since": newest - HISTORY}
    began = time.monotonic()
    with psycopg.connect(given["METER_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(COPY_METERS, copies)
        connection.execute(COPY_READINGS, copies)
        connection.execute("ANALYZE")
    print(f"copied in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return newest - NEW


def row_bytes(database_url: str, name: str) -> float:
    """Return what a row of a partitioned table takes with its indexes, bytes."""
    size = (
        "SELECT sum(pg_total_relation_size(relid))::float8 / (SELECT count(*) FROM {0}) FROM pg_partition_tree('{0}')"
    )
    with psycopg.connect(database_url) as connection:
        found = connection.execute(size.format(name)).fetchone()  # type: ignore[arg-type]
    assert found is not None
    return float(found[0])


def spent(postgres: Server) -> tuple[float, float]:
    """Return CPU seconds of PostgreSQL's ended backends, and bytes of its log, so far."""
    times = psutil.Process(postgres.process.pid).cpu_times()
    with psycopg.connect(postgres.url()) as connection:
        written = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert written is not None
    return times.children_user + times.children_system, float(written[0])


def measure(given: dict[str, str], postgres: Server, task: str, since: str, meters: int, count: int) -> tuple[Any, ...]:
    """Predict one of `count` shards in a process of its own."""
    with psycopg.connect(given["METER_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("TRUNCATE prediction, prediction_run CASCADE")
        connection.execute("CHECKPOINT")
    backends, log = spent(postgres)
    out = f"{given['METER_HOME']}/{task}.csv"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SHARD, task, since, "1", str(count), out],
        env={**given, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": given["METER_HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stderr)
    said = json.loads(done.stdout.splitlines()[-1])
    time.sleep(1)  # the backend ends after its client
    after = spent(postgres)
    own = (said["rows"], seconds, said["seconds"], said["cpu_s"], said["memory_mb"])
    return (task, meters // count, *own, after[0] - backends, (after[1] - log) / 1e6)


if __name__ == "__main__":
    main()
