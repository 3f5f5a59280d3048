"""Follow a flow run and its subflows: each new state and log line once."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
)
from prefect.client.schemas.objects import FlowRun, Log

from meter_core.contracts.errors import UnavailableError

POLL_SECONDS: Final = 0.5
LOGS_COME_LATE: Final = timedelta(seconds=30)
"""A process delivers its lines in batches: a line may arrive after later lines of another process."""

LAST_LINES_WITHIN_SECONDS: Final = 2.0
"""So long the end of a run is held back for its last lines, which come after it; of a killed process none come."""

LAST_LINE: Final = ("prefect.flow_runs", "Finished in state ")
"""Logger and beginning of the last line of a flow run."""

PAGE: Final = 200
"""The most rows the server returns at once."""

SPOKEN: Final = ("prefect.flow_runs", "prefect.task_runs")
"""Whose INFO lines are shown: those of the flow's own code. Of the machinery around it, warnings and errors only."""

MACHINERY: Final = (
    "Beginning ",
    "View at ",
    "Finished in state ",
    "Running 1 deployment pull step",
    "Executing deployment step",
    "Deployment step ",
    "All deployment steps",
)


@dataclass
class Follower:
    """Tells what happens in a flow run.

    Attributes:
        client: Of the Prefect server.
        flow_run_id: The run.
        say: Gets each new line.
    """

    client: SyncPrefectClient
    flow_run_id: UUID
    say: Callable[[str], None]
    _states: dict[UUID, str] = field(default_factory=dict)
    _lines: set[UUID] = field(default_factory=set)
    _last: Log | None = None
    _ended: dict[UUID, float] = field(default_factory=dict)
    _complete: set[UUID | None] = field(default_factory=set)

    def until_final(self, start_within: float) -> FlowRun:
        """Wait for the end of the run.

        Args:
            start_within: Seconds until it must be running.

        Returns:
            The run in its final state.

        Raises:
            UnavailableError: it did not begin in time.
        """
        deadline = time.monotonic() + start_within
        while True:
            run = self.client.read_flow_run(self.flow_run_id)
            runs = [run, *self.subflows()]
            self.tell(runs)
            if run.state is not None and run.state.is_final():
                self.tell_the_rest(runs)
                return run
            if run.start_time is None and time.monotonic() > deadline:
                raise UnavailableError(
                    f"the run did not begin within {start_within:.0f} s: is a worker of the work pool "
                    f"'{run.work_pool_name}' running? `meter up` starts one. In a cluster its pod may wait for a "
                    "node or an image: `kubectl get pods` shows it, and --start-within waits longer"
                )
            time.sleep(POLL_SECONDS)

    def tell_the_rest(self, runs: list[FlowRun]) -> None:
        """Say the last lines: a process delivers them when it ends."""
        while any(self.is_held(run) for run in runs):
            time.sleep(POLL_SECONDS)
            self.tell(runs)
        self.tell(runs)

    def subflows(self) -> list[FlowRun]:
        """Return the runs that this run started."""
        return children(self.client, self.flow_run_id)

    def tell(self, runs: list[FlowRun]) -> None:
        """Say the lines and states that are new."""
        names = {str(run.id): run.name for run in runs}
        for line in self.new_lines([run.id for run in runs]):
            self.say(f"{names.get(str(line.flow_run_id))}: {line.message}")
        for run in runs:
            state = run.state.name if run.state else "Unknown"
            if self._states.get(run.id) != state and not self.is_held(run):
                self._states[run.id] = str(state)
                self.say(f"{run.name}: {state}")

    def is_held(self, run: FlowRun) -> bool:
        """Say whether a run has ended only just now, and its last line is not there yet."""
        if run.state is None or not run.state.is_final() or run.id in self._complete:
            return False
        return time.monotonic() - self._ended.setdefault(run.id, time.monotonic()) < LAST_LINES_WITHIN_SECONDS

    def new_lines(self, run_ids: list[UUID]) -> list[Log]:
        """Return the log lines worth showing that have not been returned before, oldest first."""
        since = LogFilterTimestamp(after_=self._last.timestamp - LOGS_COME_LATE) if self._last else None
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=run_ids), timestamp=since)
        new: list[Log] = []
        offset = 0
        while page := self.client.read_logs(wanted, limit=PAGE, offset=offset):
            new.extend(line for line in page if line.id not in self._lines)
            offset += PAGE
            if len(page) < PAGE:
                break
        self._lines.update(line.id for line in new)
        self._complete.update(line.flow_run_id for line in new if is_last(line))
        self._last = max([*new, *([self._last] if self._last else [])], key=lambda line: line.timestamp, default=None)
        return [line for line in new if is_shown(line)]


def is_shown(line: Log) -> bool:
    """Say whether a line tells a person something: the flow's own, and warnings of anything."""
    if line.level >= logging.WARNING:
        return True
    return line.level >= logging.INFO and line.name in SPOKEN and not line.message.startswith(MACHINERY)


def is_last(line: Log) -> bool:
    """Say whether a line is the last that a flow run says of itself."""
    logger, beginning = LAST_LINE
    return line.name == logger and line.message.startswith(beginning)


def children(client: SyncPrefectClient, flow_run_id: UUID) -> list[FlowRun]:
    """Return the subflow runs of a run, oldest first."""
    parent = FlowRunFilterParentFlowRunId(any_=[flow_run_id])
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    return sorted(found, key=lambda run: (run.start_time is None, run.start_time))
