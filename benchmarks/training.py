"""Training by number of readings: seconds, processor seconds and memory, each size in a process of its own.

    python -m benchmarks.training [--task reading|ahead] [--rows 250000 500000 1000000 2000000]

The readings are the shipped ones, as if there were as many such homes as it takes. What is timed is what `meter train`
does between reading the store and writing the run: features, the leak linter, candidates and baselines on the last 28
days, the winner on everything. Processor seconds say what quiet cores would need; the load says how busy these were.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from meter_core.features.readings import ReadingTable
from meter_core.jobs.training import Ground
from meter_core.jobs.training_forecasts import train_forecasts
from meter_core.jobs.training_readings import train_readings
from meter_core.sources import load_profile, read_delivery

DATA = Path(__file__).parents[1] / "data"
SOURCES = {"reading": "uci_sceaux_hourly_2006-2009.csv.gz", "ahead": "fontana_10_homes_hourly_2016-17.csv.gz"}
PROFILES = {"reading": "uci_sceaux", "ahead": "fontana"}


def homes(task: str, rows: int) -> ReadingTable:
    """Return about so many readings: the shipped homes again and again, each time as other meters."""
    delivery = read_delivery(DATA / SOURCES[task], load_profile(PROFILES[task]))
    table = ReadingTable.of(delivery.frame, delivery.zone)
    times = max(1, round(rows / len(table)))
    columns = {name: np.tile(getattr(table, name), times) for name in ReadingTable.__dataclass_fields__}
    number = np.repeat(np.arange(times), len(table))
    columns["meter_id"] = np.array(
        [f"{n:03d} {meter}" for n, meter in zip(number, columns["meter_id"], strict=True)], object
    )
    return ReadingTable(**columns)


def measure(task: str, rows: int) -> dict[str, object]:
    """Train once and return what it took."""
    table = homes(task, rows)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, processor = time.perf_counter(), time.process_time()
    ground = Ground("benchmark", datetime.now(UTC), table, (), None)
    training = (train_readings if task == "reading" else train_forecasts)(ground, lambda *_: None)
    return {
        "task": task,
        "rows": len(table),
        "meters": len(set(table.meter_id.tolist())),
        "winner": training.winner,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "table_mb": round(before_mb),
        "load": [round(each, 1) for each in os.getloadavg()],
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--task", choices=list(SOURCES), default="reading")
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 500_000, 1_000_000, 2_000_000])
    parser.add_argument("--here", action="store_true", help="in this process")
    asked = parser.parse_args()
    for rows in asked.rows:
        if asked.here:
            print(json.dumps(measure(asked.task, rows)), flush=True)
        else:
            command = [sys.executable, "-m", "benchmarks.training", "--here", "--task", asked.task, "--rows", str(rows)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
