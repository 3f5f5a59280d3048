"""Predict a past window in pieces, several at once: `python -m flows.backfill --from TS --until TS`.

What was done stays done: Prefect keeps each piece's run under a key of window and champion, so that the same command
again goes on where the one before was stopped, and starts only what is missing or failed. Pieces write what the
schedule's runs write, under the same keys: both may run at once.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from flows.command import Say, carry_out
from flows.outcome import REFUSED
from flows.restart_run import AFTER
from flows.run import connected, find, published
from meter_core.contracts.errors import RefusedError, UnavailableError

DEPLOYMENT: Final = "predict_batch/backfill"
POLL_SECONDS: Final = 1.0

STARTED_AGAIN_WITHIN: Final = 4 * AFTER
"""So long after its crash a run may take to be scheduled again, by a run of its own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the window.

    Attributes:
        since: First interval.
        until: Exclusive end.
    """

    since: datetime
    until: datetime

    @property
    def parameters(self) -> dict[str, str]:
        """Of its run."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}


def pieces(since: datetime, until: datetime, days: int) -> Iterator[Piece]:
    """Yield the pieces of a window, oldest first; the last may be shorter."""
    step = timedelta(days=days)
    while since < until:
        yield Piece(since, min(since + step, until))
        since += step


@dataclass
class Backfill:
    """A backfill under way.

    Attributes:
        client: Of the Prefect server.
        key: What besides the window makes a piece another one: the champion.
        parallel: How many pieces run at once.
        say: Gets progress.
    """

    client: SyncPrefectClient
    key: str
    parallel: int
    say: Say
    rows: int = 0
    known: int = 0
    done: int = 0
    failed: list[str] = field(default_factory=list)
    _status: int = 0
    _running: dict[Piece, FlowRun] = field(default_factory=dict)

    def run(self, wanted: Sequence[Piece]) -> None:
        """Have every piece predicted that is not yet."""
        deployment, waiting = find(self.client, DEPLOYMENT), list(wanted)
        while waiting or self._running:
            while waiting and len(self._running) < self.parallel:
                self._begin(deployment, waiting.pop(0))
            for piece, begun in list(self._running.items()):
                self._look(piece, self.client.read_flow_run(begun.id), len(wanted))
            if self._running:
                time.sleep(POLL_SECONDS)

    def _begin(self, deployment: DeploymentResponse, piece: Piece) -> None:
        """Start a piece, or take up the run that an earlier command started; one that failed gets a new one."""
        attempt = 1
        while True:
            key = f"{DEPLOYMENT}/{self.key}/{piece.since.isoformat()}/{piece.until.isoformat()}/{attempt}"
            run = self.client.create_flow_run_from_deployment(
                deployment.id, parameters=piece.parameters, idempotency_key=key
            )
            if not has_ended(run) or is_done(run):
                self.known += is_done(run)
                self._running[piece] = run
                return
            attempt += 1

    def _look(self, piece: Piece, run: FlowRun, count: int) -> None:
        """See whether a piece has ended, and how."""
        if run.state is None or not has_ended(run):
            return
        del self._running[piece]
        if is_done(run):
            self.done += 1
            result = next((each.result for each in reversed(published(self.client, run)) if each.result), None)
            self.rows += result["rows"] if result else 0
        else:
            said_no = RefusedError if run.state.is_completed() else UnavailableError
            self._status = max(self._status, said_no.exit_status)
            self.failed.append(f"{piece.since:%Y-%m-%d}: {run.state.name}: {run.state.message}")
        self.say(f"{self.done} of {count} pieces done, {len(self.failed)} failed, {self.rows:,} predictions")

    def summary(self) -> dict[str, Any]:
        """Return what was done, and whether something is missing."""
        about = {"done": self.done, "known": self.known, "failed": self.failed, "rows": self.rows}
        return {**about, "exit_status": self._status, "message": "; ".join(self.failed) or f"{self.done} pieces done"}


def is_done(run: FlowRun) -> bool:
    """Say whether a run predicted; without a champion it completes and has not."""
    return run.state is not None and run.state.is_completed() and run.state.name != REFUSED


def has_ended(run: FlowRun) -> bool:
    """Say whether a run is over; one that crashed for the first time the server starts again."""
    if run.state is None or not run.state.is_final():
        return False
    first_crash = run.state.is_crashed() and run.run_count <= 1
    return not first_crash or datetime.now(UTC) - run.state.timestamp > STARTED_AGAIN_WITHIN


def moment(text: str) -> datetime:
    """Return an instant; without an offset it is UTC.

    Raises:
        ValueError: it is none.
    """
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.backfill", description=__doc__)
    parser.add_argument("--from", dest="since", metavar="TS", type=moment, required=True)
    parser.add_argument("--until", metavar="TS", type=moment, required=True)
    parser.add_argument("--days", type=int, default=28, help="length of a piece")
    parser.add_argument("--parallel", type=int, default=1, help="pieces at once")
    parser.add_argument("--key", default="", help="what makes the same window another backfill, such as the champion")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    given = arguments(argv)

    def work(say: Say) -> dict[str, Any]:
        with connected() as client:
            backfill = Backfill(client, given.key, given.parallel, say)
            backfill.run(list(pieces(given.since, given.until, given.days)))
            return backfill.summary()

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
