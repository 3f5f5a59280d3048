"""Half load for minutes: nothing fails, waits do not grow, and memory stays flat."""

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.proofs.report import Section
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.open_loop import open_loop
from benchmarks.serving.report import table
from benchmarks.serving.run import CAPACITY_AT, HALF, OPEN_CONNECTIONS
from benchmarks.serving.servers import OURS, running

MINUTES: Final = 5
LOOK_S: Final = 15
WARM_LOOKS: Final = 4
"""The first minute: buffers and connections come into being."""

FLAT_MB: Final = 5.0
"""Growth over the rest that counts as none: an interpreter's memory goes up and down by about as much."""


def soak(home: Path) -> Section:
    """Ask at half of what the service can do, look at its memory every 15 s, and fit a line through it."""
    with running(OURS, home) as server:
        rate = HALF * closed_loop(server, CAPACITY_AT, 5, home).requests_s
        looks = [
            (open_loop(server, OPEN_CONNECTIONS, rate, LOOK_S), server.memory_mb())
            for _ in range(MINUTES * 60 // LOOK_S)
        ]
    memory = np.array([mb for _, mb in looks[WARM_LOOKS:]])
    hours = np.arange(len(memory)) * LOOK_S / 3600
    slope_mb_h = float(np.polyfit(hours, memory, 1)[0])
    grown = slope_mb_h * float(hours[-1])
    failed = sum(seen.errors + seen.refused for seen, _ in looks)
    rows = [
        (number * LOOK_S, seen.ok_s, seen.p50_ms, seen.p99_ms, seen.refused + seen.errors, mb)
        for number, (seen, mb) in enumerate(looks, 1)
    ]
    text = (
        f"{rate:,.0f} requests/s on {OPEN_CONNECTIONS:,} connections for {MINUTES} minutes; memory {slope_mb_h:+.1f} "
        f"MB an hour after the first minute ({grown:+.2f} MB in all), {failed} requests failed.\n\n"
    )
    header = ("s", "good/s", "p50 ms", "p99 ms", "failed", "memory MB")
    return Section("Soak at half load", text + table(header, rows), abs(grown) < FLAT_MB and failed == 0)
