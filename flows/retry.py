"""What is tried again, how often and when: one policy for every job."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.states import State
from prefect.tasks import exponential_backoff

from meter_core.contracts.errors import UnavailableError
from meter_core.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

RETRIES: Final = 5
FIRST_DELAY_SECONDS: Final = 5.0
"""Doubled each time: 5, 10, 20, 40, 80 s, two and a half minutes in all: enough for a database that restarts."""

TIMEOUT_SECONDS: Final = Settings().run_seconds
"""Of a whole run: the chart sets it ten minutes before Kubernetes ends its Job, so that the run itself can say so."""

JITTER: Final = 0.5
"""Share of a delay it may vary by, so that jobs that failed together do not come back together."""


def is_unavailable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Say whether trying again can help: where something was away, never where a check said no or a file is bad."""
    return isinstance(state.data, UnavailableError)


def retried(name: str, timeout_seconds: float | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a task of a function that calls one job.

    Args:
        name: What the task is called in the Prefect UI.
        timeout_seconds: After which a try is ended; None: with its flow run.

    Returns:
        A decorator; its task runs again only after `UnavailableError`.
    """
    return task(
        name=name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(FIRST_DELAY_SECONDS),
        retry_jitter_factor=JITTER,
        retry_condition_fn=is_unavailable,
        cache_policy=NO_CACHE,
        timeout_seconds=timeout_seconds,
    )
