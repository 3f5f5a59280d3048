"""Flow: nobody decided about a model in time. The server starts this one when it ends the run that waited."""

from functools import partial
from typing import Any
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

REMEDY = "The standing champion stays, and the next training asks again. `meter promote V --why ...` takes it still."


@flow(name="lapse_approval", flow_run_name="nobody decided about a model")
def lapse_approval(flow_run_id: UUID) -> State[Any]:
    """Put on record that nobody decided about a model in time, so that it waits no more.

    Args:
        flow_run_id: The run of `approve_model` that has failed; one that failed once it had an answer is left alone.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        states = sorted(client.read_flow_run_states(flow_run_id), key=lambda state: state.timestamp)
    if not (len(states) > 1 and states[-1].is_failed() and states[-2].is_paused()):
        return done(f"'{run.name}' had an answer: nothing to do")
    version, task = str(run.parameters["version"]), str(run.parameters.get("task") or "reading")
    return conclude("promote", partial(lapse, version, task), report)


@retried("put on record that nobody decided")
def lapse(version: str, task: str) -> Result:
    """Call the job."""
    from meter_core.jobs.approval import lapsed

    settings, why = Settings(), f"nobody decided within {DEADLINE_SECONDS // 86_400} days"
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=teller()) as connections:
        return lapsed(version, task, why, settings, connections)


def report(result: Result) -> State[Any]:
    """Say that it waits no more, and tell people."""
    said = f"version {result['version']} of {result['model']}: {result['why']}"
    if result["decision"] == "declined":
        notices.news("a model was not decided about", said, REMEDY)
    return done(f"{said}; {result['decision']}")
