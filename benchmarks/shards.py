"""What a shard of batch inference costs: seconds and memory by its number of meters, measured readings replicated.

Run: .venv/bin/python -m benchmarks.shards [--meters 2000]
Readings are those of the shipped homes, copied under further meter ids in SQL; both tasks are trained on the originals.
Each shard is predicted in a process of its own, as a flow's would be. CPU seconds are the process's own, without
PostgreSQL's: they hold on a machine that others use too.
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
from tests.integration.postgres_server import DEBIAN_15, WHEEL, postgres_server

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
print(json.dumps({"rows": done.rows, "seconds": time.perf_counter() - began,
                  "cpu_s": used.ru_utime + used.ru_stime, "memory_mb": used.ru_maxrss / 1024}))
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
                rows.append(measure(given, task, since.isoformat(), meters, count))
                print(rows[-1], file=sys.stderr)
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
    )
    print(table(header, rows))


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


def measure(given: dict[str, str], task: str, since: str, meters: int, count: int) -> tuple[Any, ...]:
    """Predict one of `count` shards in a process of its own."""
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
    return (task, meters // count, said["rows"], seconds, said["seconds"], said["cpu_s"], said["memory_mb"])


if __name__ == "__main__":
    main()
