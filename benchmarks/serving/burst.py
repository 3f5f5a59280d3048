"""A burst: a thousand clients, connected before, ask in the same moment."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.serving.connections import LOST, Answer, opened
from benchmarks.serving.open_loop import OK
from benchmarks.serving.servers import Server

CLIENTS: Final = 1_000
PAUSE_S: Final = 0.3
"""Between two bursts: a server has answered the one before."""

ANSWERED_S: Final = 20.0


@dataclass(frozen=True)
class Burst:
    """What the clients of all bursts together saw.

    Attributes:
        p50_ms: counted from the moment at which the burst was fired.
        p99_ms: likewise.
        errors: answers other than 200, and lost connections.
    """

    p50_ms: float
    p99_ms: float
    errors: int


def fire(server: Server, times: int) -> list[Answer]:
    """Fire so many bursts on the same connections; return all answers."""
    answers: list[Answer] = []
    with opened(server, CLIENTS) as wires:
        for _ in range(times):
            time.sleep(PAUSE_S)
            begun = time.perf_counter()
            for _ in range(CLIENTS):
                wires.send(begun)
            while wires.busy and time.perf_counter() < begun + ANSWERED_S:
                answers += wires.receive(1.0)
            answers += [Answer(LOST, ANSWERED_S, ANSWERED_S)] * wires.busy
    return answers


def summed(answers: list[Answer]) -> Burst:
    """Sum up all bursts of a server."""
    waited_ms = np.array([answer.waited_s for answer in answers]) * 1e3
    half, most = np.percentile(waited_ms, (50, 99)).tolist()
    return Burst(half, most, sum(answer.status != OK for answer in answers))
