"""Open loop: requests come at a constant rate whether or not earlier ones were answered, so that waiting is counted."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.serving.connections import LOST, Answer, Connections, opened
from benchmarks.serving.servers import Server

DRAIN_S: Final = 10.0
NAP_S: Final = 50e-6
"""Shorter than what is measured, longer than nothing: a generator that never sleeps cannot say how busy it is."""

ALL_BUSY_S: Final = 0.01
"""How long answers are waited for where nothing can be sent before one has come."""

OK, TOO_MANY = 200, 429


@dataclass(frozen=True)
class Opened:
    """What clients in an open loop saw.

    Attributes:
        offered_s: requests due a second.
        sent_s: requests sent a second; fewer where every connection still waited.
        ok_s: good answers a second.
        refused: answers 429.
        errors: other answers, and lost connections.
        p50_ms: of the good ones, counted from the moment a request was due, so with the wait for a free connection.
        p99_ms: likewise.
        served_p99_ms: 99 % of the good ones from the moment they were written.
        generator_cpu: share of its core that the generator used.
    """

    offered_s: float
    sent_s: float
    ok_s: float
    refused: int
    errors: int
    p50_ms: float
    p99_ms: float
    served_p99_ms: float
    generator_cpu: float


def open_loop(server: Server, connections: int, rate: float, seconds: float) -> Opened:
    """Ask at a constant rate on connections that were opened before."""
    with opened(server, connections) as wires:
        cpu, begun = time.process_time(), time.perf_counter()
        answers = _ask(wires, rate, begun, begun + seconds)
        took = time.perf_counter() - begun
        cpu = (time.process_time() - cpu) / took
    return _summed(answers, rate, seconds, cpu)


def _ask(wires: Connections, rate: float, begun: float, until: float) -> list[Answer]:
    """Send what is due, take what comes, until the end, and wait for what is still under way."""
    answers: list[Answer] = []
    number, now = 0, begun
    while now < until:
        while wires.free and (due := begun + number / rate) <= now:
            wires.send(due)
            number += 1
        got = len(answers)
        answers += wires.receive(0 if wires.free else ALL_BUSY_S)
        if len(answers) == got and begun + number / rate > now:
            time.sleep(NAP_S)
        now = time.perf_counter()
    while wires.busy and time.perf_counter() < until + DRAIN_S:
        answers += wires.receive(0.1)
    return answers + [Answer(LOST, DRAIN_S, DRAIN_S)] * wires.busy


def _summed(answers: list[Answer], rate: float, seconds: float, cpu: float) -> Opened:
    """Count answers by status and sum up how long the good ones took."""
    counts = Counter(answer.status for answer in answers)
    good = [answer for answer in answers if answer.status == OK]
    waited = np.array([answer.waited_s for answer in good] or [np.nan]) * 1e3
    served = np.array([answer.served_s for answer in good] or [np.nan]) * 1e3
    return Opened(
        rate,
        len(answers) / seconds,
        counts[OK] / seconds,
        counts[TOO_MANY],
        len(answers) - counts[OK] - counts[TOO_MANY],
        float(np.percentile(waited, 50)),
        float(np.percentile(waited, 99)),
        float(np.percentile(served, 99)),
        cpu,
    )
