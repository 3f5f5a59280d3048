"""Flow: nobody decided about a model in time. The server starts this one when it ends the run that waited."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import State

from flows import notices
from flows.approve_model import DEADLINE_SECONDS
from flows.outcome import Result, conclude, done, teller
from flows.retry import retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings

REMEDY: Final = (
    "The standing champion stays, and the next training asks again. `meter promote V --why ...` takes it still."
)

AWAY_REMEDY: Final = (
    "The version waits on, and no schedule looks again. Bring back what is away (`meter status` says what), then "
    "choose Retry on the page of this run."
)


@flow(name="lapse_approval", flow_run_name="nobody decided about a model")
def lapse_approval(flow_run_id: UUID) -> State[Any]:
    """Put on record that nobody decided about a model in time, so that it waits no more.

    Args:
        flow_run_id: The run of `approve_model` that has failed or was cancelled; one that had an answer is left alone.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        why = unanswered(client.read_flow_run_states(flow_run_id))
    if not why:
        return done(f"'{run.name}' had an answer: nothing to do")
    version, task = str(run.parameters["version"]), str(run.parameters.get("task") or "reading")
    return conclude("promote", partial(lapse, version, task, why), report, remedy=AWAY_REMEDY)


def unanswered(states: Iterable[State[Any]]) -> str:
    """Return why a run that waited for a person ended without an answer; empty where it had one or waits still."""
    *before, last = sorted((each for each in states if not each.is_cancelling()), key=lambda each: each.timestamp)
    if not (before and before[-1].is_paused()):
        return ""
    if last.is_cancelled():
        return "the run that asked was cancelled"
    return f"nobody decided within {DEADLINE_SECONDS // 86_400} days" if last.is_failed() else ""


@retried("put on record that nobody decided")
def lapse(version: str, task: str, why: str) -> Result:
    """Call the job."""
    from meter_core.jobs.approval import lapsed

    settings = Settings()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=teller()) as connections:
        return lapsed(version, task, why, settings, connections)


def report(result: Result) -> State[Any]:
    """Say that it waits no more, and tell people."""
    said = f"version {result['version']} of {result['model']}: {result['why']}"
    if result["decision"] == "declined":
        notices.news("a model was not decided about", said, REMEDY)
    return done(f"{said}; {result['decision']}")
