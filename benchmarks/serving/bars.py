"""What the service has to reach, as ratios within one run wherever the machine has a say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.serving.run import CAPACITY_AT, Results
from benchmarks.serving.servers import BARE, FASTAPI, OURS, PLAIN

OF_BARE, OF_FASTAPI, OF_STOCK = 0.8, 8.0, 40.0
HALF_LOAD_P99_MS: Final = 25.0
BURST_P99_MS, BURST_OF_BARE = 100.0, 1.25
OVERLOAD_P99_MS: Final = 200.0
START_S: Final = 5.0
OF_HTTP: Final = 0.5
RPC_READINGS_S: Final = {"PredictStream": 10_000, "PredictBatch": 200_000}
READINGS_CORE_S: Final = {"columns": 300_000, "objects": 100_000}


@dataclass(frozen=True)
class Bar:
    """One of them.

    Attributes:
        what: is measured.
        wanted: in words.
        found: in words.
        reached: whether it is.
    """

    what: str
    wanted: str
    found: str
    reached: bool


def bars(results: Results) -> list[Bar]:
    """Compare results with what is wanted."""
    return [*_ratios(results), *_latencies(results), *_batches(results), *_rpc(results), _start(results)]


def _ratios(results: Results) -> Iterator[Bar]:
    """Yield requests/s beside the others', and answers a second of processor time, which a busy machine shakes less."""
    found = results["closed"][CAPACITY_AT]
    for name, wanted in ((BARE, OF_BARE), (FASTAPI, OF_FASTAPI), (PLAIN, OF_STOCK)):
        ratio = found[OURS]["requests_s"] / found[name]["requests_s"]
        by_processor = found[name]["server_us"] / found[OURS]["server_us"]
        what = f"requests/s at {CAPACITY_AT} connections, of {name}"
        words = f"{ratio:.2f} ({by_processor:.2f} by processor time)"
        yield Bar(what, f"at least {wanted:g}", words, ratio >= wanted)


def _latencies(results: Results) -> Iterator[Bar]:
    """Yield half load, bursts and overload."""
    half = results["open"][OURS]
    good = half["p99_ms"] < HALF_LOAD_P99_MS and not half["errors"] and not half["refused"]
    yield Bar("p99 at half load, open loop", f"below {HALF_LOAD_P99_MS:g} ms", f"{half['p99_ms']:.1f} ms", good)

    burst, bare = results["bursts"][OURS], results["bursts"][BARE]
    ratio = burst["p99_ms"] / bare["p99_ms"]
    good = (burst["p99_ms"] <= BURST_P99_MS or ratio <= BURST_OF_BARE) and not burst["errors"]
    wanted = f"within {BURST_P99_MS:g} ms or {BURST_OF_BARE:g} of {BARE}, none refused"
    found = f"{burst['p99_ms']:.0f} ms, {ratio:.2f}, {burst['errors']} refused"
    yield Bar("p99 of a burst of 1,000", wanted, found, good)

    over = results["overload"][OURS]
    good = over["served_p99_ms"] < OVERLOAD_P99_MS and not over["errors"]
    found = f"{over['served_p99_ms']:.0f} ms, {over['refused']:,} times 429, {over['errors']} other errors"
    yield Bar("p99 of the accepted at four times capacity", f"below {OVERLOAD_P99_MS:g} ms, only 429", found, good)


def _batches(results: Results) -> Iterator[Bar]:
    """Yield the batches of 10,000."""
    for one in results["batches"]:
        wanted = READINGS_CORE_S[one["layout"]]
        what = f"/predict_batch as {one['layout']}, readings/s a core"
        yield Bar(what, f"at least {wanted:,}", f"{one['readings_core_s']:,.0f}", one["readings_core_s"] >= wanted)


def _rpc(results: Results) -> Iterator[Bar]:
    """Yield gRPC: unary calls beside HTTP, streams and batches for themselves."""
    rates = {name: one["readings_s"] for name, one in results["rpc"].items()}
    failed = sum(one["errors"] for one in results["rpc"].values())
    ratio = rates["Predict"] / results["closed"][CAPACITY_AT][OURS]["requests_s"]
    yield Bar("gRPC Predict, of HTTP", f"at least {OF_HTTP:g}", f"{ratio:.2f}", ratio >= OF_HTTP and not failed)
    for name, wanted in RPC_READINGS_S.items():
        yield Bar(f"gRPC {name}, readings/s", f"at least {wanted:,}", f"{rates[name]:,.0f}", rates[name] >= wanted)


def _start(results: Results) -> Bar:
    took = results["start_s"][OURS]
    return Bar("start to ready", f"below {START_S:g} s", f"{took:.1f} s", took < START_S)
