"""Results as tables in Markdown, which are readable on a terminal too."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from benchmarks.serving.bars import Bar
from benchmarks.serving.run import Results
from benchmarks.serving.servers import OURS

GENERATOR_BUSY: Final = 0.9
"""A generator that uses more of its core may be what was measured."""


def as_markdown(results: Results, reached: Sequence[Bar]) -> str:
    """Return everything as text."""
    parts = [_machine(results["machine"]), _bars(reached)]
    parts += [_closed(count, found) for count, found in results["closed"].items()]
    parts += ["wrk opens its connections within the time measured: from 1,000 on its p99 is that of opening them."]
    parts += [_open("Open loop, 1,000 connections, half of each one's capacity", results["open"])]
    parts += [_open("Open loop, 2,000 connections, four times each one's capacity", results["overload"])]
    parts += [
        _bursts(results["bursts"]),
        _batches(results["batches"]),
        _rpc(results["rpc"]),
        _processes(results),
        _generator(results),
    ]
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table with its columns aligned."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _cell(value: Any) -> str:
    """Return three figures of a number, all of a whole one."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _machine(machine: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; server on core 0, load generator on core 1; load of others at the start "
        f"{machine['others_load']:.1f}. {packages}."
    )


def _bars(reached: Sequence[Bar]) -> str:
    rows = [(bar.what, bar.wanted, bar.found, "reached" if bar.reached else "MISSED") for bar in reached]
    return table(("bar", "wanted", "found", ""), rows)


def _closed(count: int, found: dict[str, Any]) -> str:
    ours = found[OURS]["requests_s"]
    rows = [
        (name, r["requests_s"], r["requests_s"] / ours, r["p50_ms"], r["p99_ms"], r["errors"], r["server_us"])
        for name, r in found.items()
    ]
    header = ("", "requests/s", "of ours", "p50 ms", "p99 ms", "errors", "server us each")
    return f"Closed loop, {count:,} connections\n\n" + table(header, rows)


def _open(title: str, found: dict[str, Any]) -> str:
    rows = [
        (name, r["offered_s"], r["ok_s"], r["p50_ms"], r["p99_ms"], r["served_p99_ms"], r["refused"], r["errors"])
        for name, r in found.items()
    ]
    header = ("", "due/s", "good/s", "p50 ms", "p99 ms", "p99 ms since sent", "429", "errors")
    return f"{title}\n\n" + table(header, rows)


def _bursts(found: dict[str, Any]) -> str:
    rows = [(name, r["p50_ms"], r["p99_ms"], r["errors"]) for name, r in found.items()]
    return "Bursts on 1,000 connections\n\n" + table(("", "p50 ms", "p99 ms", "errors"), rows)


def _batches(found: list[dict[str, Any]]) -> str:
    rows = [(r["layout"], r["readings_s"], r["readings_core_s"], r["request_ms"]) for r in found]
    return "Batches of 10,000 measured readings\n\n" + table(
        ("", "readings/s", "readings/s a core", "ms a request"), rows
    )


def _rpc(found: dict[str, Any]) -> str:
    rows = [
        (name, r["readings_s"], r["readings_core_s"], r["p50_ms"], r["p99_ms"], r["errors"])
        for name, r in found.items()
    ]
    header = ("", "readings/s", "readings/s a core", "p50 ms a call", "p99 ms a call", "errors")
    return "gRPC: 64 calls, 8 streams of 1,000 readings, batches of 10,000 as columns\n\n" + table(header, rows)


def _processes(results: Results) -> str:
    rows = [(name, took, results["memory_mb"][name]) for name, took in results["start_s"].items()]
    return "Processes\n\n" + table(("", "start to ready s", "memory after all MB"), rows)


def _generator(results: Results) -> str:
    """Say how busy the load generators were."""
    closed = max(r["generator_cpu"] for found in results["closed"].values() for r in found.values())
    opened = max(r["generator_cpu"] for part in ("open", "overload") for r in results[part].values())
    worst = max(closed, opened)
    verdict = "not what was measured" if worst < GENERATOR_BUSY else "TOO BUSY: it may be what was measured"
    return f"Load generator: at most {closed:.0%} of its core in closed loops, {opened:.0%} in open ones: {verdict}."
