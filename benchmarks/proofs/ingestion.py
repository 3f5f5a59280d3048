"""The proofs of ingestion: killed at two hundred points, and forty misread deliveries replayed."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.proofs.report import Section
from meter_core.store import Store
from tests.integration.kill_points import World as KillWorld
from tests.integration.kill_points import kill_world, point_of
from tests.integration.postgres_server import WHEEL, Server, postgres_server
from tests.integration.replay_world import World, difference

POINTS: Final = 200
REPLAYS: Final = 40
FIRST_SEED: Final = 1_000
"""Other seeds than those of `make test`."""


def prove(home: Path) -> Iterator[Section]:
    """Yield the proofs; `home` is an empty folder."""
    with postgres_server(WHEEL) as server:
        with kill_world(server, home) as world:
            for beside in (False, True):
                yield kill_points(world, beside)
        yield replays(server, home)


def kill_points(world: KillWorld, beside: bool) -> Section:
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
    return Section(title, text + told(differing), not differing)


def replays(server: Server, home: Path) -> Section:
    """Misread one of random deliveries that overlap, replay it, and compare with never having misread it."""
    began = time.monotonic()
    database = server.new_database("replays")
    Store(database).upgrade()
    seeds = range(FIRST_SEED, FIRST_SEED + REPLAYS)
    differing = {}
    for seed in seeds:
        folder = home / f"replay-{seed}"
        folder.mkdir()
        world = World(folder, database)
        world.clear()
        if found := difference(world, seed):
            differing[seed] = found
    text = (
        f"{REPLAYS} worlds (seeds {seeds.start} to {seeds.stop - 1}) of four deliveries that overlap, repeat, correct "
        "and conflict, one of them misread (unit or interval), every other one delivered again before the replay: "
        "readings, history, quarantine, meters and the accounting of all deliveries were those of a store in which it "
        f"was never misread in {REPLAYS - len(differing)} of {REPLAYS} cases; {time.monotonic() - began:.0f} s in all."
    )
    return Section("A misread delivery, replayed", text + told(differing), not differing)


def told(differing: Mapping[int, str]) -> str:
    """Return what differed, by seed."""
    return "".join(f"\n\nSeed {seed}:\n\n```\n{found[:2_000]}\n```" for seed, found in differing.items())
