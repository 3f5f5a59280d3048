"""Flow: a model that passed the gate waits for a person, where the policy says so. Nothing runs while it waits."""

from functools import partial
from typing import Any, Final, Literal

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.states import State
from pydantic import Field

from flows.decisions import tell_of
from flows.outcome import Result, conclude, done, refused, teller
from flows.page import SHOWN
from flows.retry import retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings

DEADLINE_SECONDS: Final = 7 * 24 * 3600
"""Who has not been answered for a week is not promoted: by then the next training has made a newer version."""


TOLD_AS: Final = {"promoted": "promoted", "declined": "refused"}
"""Decisions of a person as decisions of the gate are told; what somebody else decided before is no news."""


AWAY_REMEDY: Final = (
    "The answer is not carried out, and no schedule does it. Bring back what is away (`meter status` says what), then "
    "`meter promote V --why ...` takes the version, or a new run of this deployment asks again."
)


class Approval(RunInput):
    """The form that a person fills in, on the run's page or over Prefect's API."""

    approve: bool = Field(default=False, description="Make it the champion. Left out, it stays a challenger.")
    by: str = Field(min_length=1, description="Who decides; stands on record.")
    because: str = Field(min_length=1, description="Why; stands on record.")


@flow(name="approve_model", flow_run_name="approve version {version} of {task}", **SHOWN)
def approve_model(version: str, task: Literal["reading", "ahead"] = "reading", why: str = "") -> State[Any]:
    """Wait for a person, up to a week, then promote the version or leave it, on record either way.

    `meter promote` does the same without this run, which then ends with nothing to do. Who has not answered within the
    week has not promoted it, which is on record too.

    Args:
        version: Of the registered model.
        task: What it predicts.
        why: What the gate said of it.
    """
    form = Approval.with_initial_data(description=f"The gate says: {why}" if why else None)
    given = suspend_flow_run(wait_for_input=form, timeout=DEADLINE_SECONDS, key="approval")
    job = partial(decide, version, task, given.approve, given.by, given.because)
    return conclude("promote", job, partial(report, task=task), remedy=AWAY_REMEDY)


@retried("put the decision on record")
def decide(version: str, task: str, approve: bool, by: str, because: str) -> Result:
    """Call the job."""
    from meter_core.jobs.approval import decided

    settings = Settings()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=teller()) as connections:
        return decided(version, task, approve, by, because, settings, connections)


def report(result: Result, task: str) -> State[Any]:
    """Say what was decided, tell people, and let a new champion predict."""
    tell_of(task, TOLD_AS.get(result["decision"], ""), {**result, "why": f"{result['by']}: {result['why']}"})
    said = f"version {result['version']} of {result['model']}: {result['decision']} by {result['by']}: {result['why']}"
    return refused(said) if result["decision"] == "declined" else done(said)
