"""Everything that is measured, in one run: contenders take turns, so that what else the machine does meets them all."""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.serving.batches import batches, bodies
from benchmarks.serving.burst import fire, summed
from benchmarks.serving.closed_loop import Closed, closed_loop
from benchmarks.serving.connections import Answer
from benchmarks.serving.open_loop import open_loop
from benchmarks.serving.rpc import Rpc, ask, methods
from benchmarks.serving.servers import BARE, COMMANDS, OURS, Server, running

CAPACITY_AT: Final = 64
"""Connections at which the closed loop gives what a contender can do: more only wait longer."""

OPEN_CONNECTIONS: Final = 1_000
OVERLOAD_CONNECTIONS: Final = 2_000
HALF, FOUR_TIMES = 0.5, 4.0

Results = dict[str, Any]
"""As they stand in the JSON file."""


@dataclass(frozen=True)
class Plan:
    """How long to look.

    Attributes:
        connections: of the closed loop.
        rounds: turns that each contender has; their median counts.
        seconds: of each turn.
        open_seconds: of the loads with a constant rate.
        bursts: in each round.
        batches: requests of each layout.
    """

    connections: tuple[int, ...]
    rounds: int
    seconds: int
    open_seconds: int
    bursts: int
    batches: int


FULL: Final = Plan((1, 64, 256, 1_000, 2_000), rounds=3, seconds=4, open_seconds=10, bursts=7, batches=30)
QUICK: Final = Plan((64, 1_000), rounds=1, seconds=2, open_seconds=3, bursts=3, batches=5)


def run(plan: Plan, home: Path) -> Results:
    """Start all contenders with the model in `home` and measure them."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running(name, home)) for name in COMMANDS]
        ours, bare = (next(server for server in servers if server.name == name) for name in (OURS, BARE))
        closed = {count: _closed(plan, servers, count, home) for count in plan.connections}
        capacity = {name: result["requests_s"] for name, result in closed[CAPACITY_AT].items()}
        return {
            "start_s": {server.name: server.start_s for server in servers},
            "closed": closed,
            "bursts": _bursts(plan, servers),
            "open": _open(plan, servers, capacity, HALF, OPEN_CONNECTIONS),
            "overload": _open(plan, [ours, bare], capacity, FOUR_TIMES, OVERLOAD_CONNECTIONS),
            "rpc": _rpc(plan, ours, home),
            "batches": [asdict(batches(ours, layout, body, plan.batches)) for layout, body in bodies().items()],
            "memory_mb": {server.name: server.memory_mb() for server in servers},
        }


def _closed(plan: Plan, servers: Sequence[Server], count: int, scratch: Path) -> dict[str, Any]:
    """Return each contender's median of all rounds in the closed loop."""
    found: dict[str, list[Closed]] = defaultdict(list)
    for _ in range(plan.rounds):
        for server in servers:
            _tell(f"{count:,} connections: {server.name}")
            found[server.name].append(closed_loop(server, count, plan.seconds, scratch))
            server.settle()
    return {name: _median(rounds) for name, rounds in found.items()}


def _median(rounds: list[Closed] | list[Rpc]) -> dict[str, float]:
    """Return the median of each figure, of errors the sum, and of the generator's work the most."""
    last: dict[str, Callable[..., Any]] = {"errors": sum, "generator_cpu": max}
    return {name: last.get(name, median)([getattr(one, name) for one in rounds]) for name in asdict(rounds[0])}


def _open(
    plan: Plan, servers: Sequence[Server], capacity: dict[str, float], share: float, connections: int
) -> dict[str, Any]:
    """Return what clients saw at a share of each contender's own capacity."""
    found = {}
    for server in servers:
        rate = share * capacity[server.name]
        _tell(f"{rate:,.0f} requests/s on {connections:,} connections: {server.name}")
        found[server.name] = asdict(open_loop(server, connections, rate, plan.open_seconds))
        server.settle()
    return found


def _bursts(plan: Plan, servers: Sequence[Server]) -> dict[str, Any]:
    """Return what the clients of all bursts saw."""
    answers: dict[str, list[Answer]] = defaultdict(list)
    for _ in range(plan.rounds):
        for server in servers:
            _tell(f"bursts: {server.name}")
            answers[server.name] += fire(server, plan.bursts)
            server.settle()
    return {name: asdict(summed(all_of_them)) for name, all_of_them in answers.items()}


def _rpc(plan: Plan, server: Server, scratch: Path) -> dict[str, Any]:
    """Return what callers of each method of gRPC saw, in the median of all rounds."""
    found: dict[str, list[Rpc]] = defaultdict(list)
    for _ in range(plan.rounds):
        for method in methods():
            _tell(f"gRPC: {method.name}")
            found[method.name].append(ask(server, method, plan.seconds, scratch))
    return {name: _median(rounds) for name, rounds in found.items()}


def _tell(what: str) -> None:
    """Say on stderr what is measured now."""
    print(what, file=sys.stderr, flush=True)
