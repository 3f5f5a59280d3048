"""A batch inference in shards: each is a run of its own in the same work pool, and only what failed is done again."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.runtime import flow_run

from flows.run import published
from flows.server import PART
from meter_core.contracts.errors import NoChampionError, RefusedError, UnavailableError

TRIES: Final = 3
POLL_SECONDS: Final = 2.0


@dataclass
class Shards:
    """The shards of the present run.

    Attributes:
        task: `reading` or `ahead`.
        window: `since` and `until`, as JSON.
        count: Into how many all meters are cut.
        parallel: How many run at once.
        tell: Gets progress.
    """

    task: str
    window: Mapping[str, Any]
    count: int
    parallel: int
    tell: Callable[..., None]
    _waiting: list[int] = field(default_factory=list)
    _running: dict[int, FlowRun] = field(default_factory=dict)
    _results: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _order: list[int] = field(default_factory=list)
    _begun: Counter[int] = field(default_factory=Counter)
    _failed: Counter[int] = field(default_factory=Counter)

    def run(self) -> list[Mapping[str, Any]]:
        """Run all shards, as many at once as may; one that dies or fails is run again alone.

        Returns:
            The result of each, in order, all of one champion.

        Raises:
            NoChampionError: there is no champion to predict with.
            RefusedError: a shard says no, and would say so again.
            UnavailableError: a shard had to be run three times, by failures or by changes of the champion; the
                others' predictions are kept.
        """
        self._waiting = list(range(1, self.count + 1))
        with get_client(sync_client=True) as client:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self.parallel:
                    self._start(self._waiting.pop(0))
                time.sleep(POLL_SECONDS)
                self._look(client)
        return [self._results[number] for number in sorted(self._results)]

    def _start(self, number: int) -> None:
        """Start a shard. A run that was started again itself finds by their keys those that it had started before."""
        self._begun[number] += 1
        self._order = [*(each for each in self._order if each != number), number]
        begun = run_deployment(
            PART,
            parameters={"task": self.task, **self.window, "run": flow_run.id, "number": number, "count": self.count},
            idempotency_key=f"{flow_run.id}/{number}/{self._begun[number]}",
            timeout=0,
        )
        self._running[number] = cast("FlowRun", begun)

    def _look(self, client: SyncPrefectClient) -> None:
        """See which shards have ended, and how."""
        for number, started in list(self._running.items()):
            run = client.read_flow_run(started.id)
            if run.state is None or not run.state.is_final():
                continue
            del self._running[number]
            outcome = next(reversed(published(client, run)), None)
            if run.state.is_completed() and outcome and outcome.result:
                self._results[number] = outcome.result
                self.tell(f"{len(self._results)} of {self.count} shards done", len(self._results) / self.count)
            elif outcome and outcome.exit_status != UnavailableError.exit_status:
                raise (NoChampionError if run.state.is_completed() else RefusedError)(outcome.message)
            else:
                self._again(number, f"{run.state.name}: {run.state.message}")
        self._level()

    def _again(self, number: int, how: str) -> None:
        """Run a shard again, unless that was tried often enough."""
        self._failed[number] += 1
        if self._failed[number] == TRIES:
            raise UnavailableError(
                f"shard {number} of {self.count} ended {TRIES} times, at last as {how}; the other shards' predictions "
                "are kept, run it again for the rest"
            )
        self.tell(f"shard {number} of {self.count} ended as {how}; it is run again, alone")
        self._waiting.append(number)

    def _level(self) -> None:
        """Run those again that another champion predicted than the shard that began last found.

        A promotion or a rollback came in between.
        """
        versions = {number: self._results[number]["model_version"] for number in self._order if number in self._results}
        champion = next(reversed(versions.values()), None)
        for number, version in versions.items():
            if version != champion:
                del self._results[number]
                self._again(number, f"predictions of version {version}, where version {champion} is champion now")
