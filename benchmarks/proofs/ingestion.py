"""The proofs of ingestion: killed at two hundred points, alone and beside another delivery of the same meters."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.proofs.report import Section
from tests.integration.kill_points import World, kill_world, point_of
from tests.integration.postgres_server import WHEEL, postgres_server

POINTS: Final = 200
FIRST_SEED: Final = 1_000
"""Other seeds than those of `make test`."""


def prove(home: Path) -> Iterator[Section]:
    """Yield the proofs; `home` is an empty folder."""
    with postgres_server(WHEEL) as server, kill_world(server, home) as world:
        for beside in (False, True):
            yield kill_points(world, beside)


def kill_points(world: World, beside: bool) -> Section:
    """Kill half of the runs at a call of our own code, the others at a time; run each again; compare everything."""
    began = time.monotonic()
    seeds = range(FIRST_SEED + POINTS // 2 * beside, FIRST_SEED + POINTS // 2 * (1 + beside))
    differing = {seed: found for seed in seeds if (found := world.holds(point_of(seed, world), beside))}
    title = "Killed beside another delivery of the same meters" if beside else "Killed and run again"
    expected = "one of the two orders of clean runs" if beside else "one clean run"
    text = (
        f"{len(seeds)} seeded points (seeds {seeds.start} to {seeds.stop - 1}): every other one SIGKILL before one of "
        f"the {world.calls:,} calls of our own code, the rest within the {world.seconds:.2f} s of a run. After the "
        "second run readings, history, quarantine, accounting, meters, tables and kept files were those of "
        f"{expected} in {len(seeds) - len(differing)} of {len(seeds)} cases; {time.monotonic() - began:.0f} s in all."
    )
    text += "".join(f"\n\nSeed {seed}:\n\n```\n{found[:2_000]}\n```" for seed, found in differing.items())
    return Section(title, text, not differing)
