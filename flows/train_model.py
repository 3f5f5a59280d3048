"""Flow: candidates, honest evaluation, registration and the gate, each Monday at three."""

from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.states import State

from flows import notices, reports
from flows.decisions import tell_of
from flows.outcome import Result, conclude, done, refused, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.contracts.errors import UnavailableError
from meter_core.embedded.needs import Need
from meter_core.embedded.prefect_api import WAITS_FOR_MLFLOW
from meter_core.embedded.services import services
from meter_core.settings import Settings

WAITING: Final = "waiting"
"""Decision of a training that MLflow was away for."""

WAITING_REMEDY: Final = (
    "The trained model is kept under undelivered/, and is not used until MLflow has it. Bring MLflow back: the next "
    "batch inference delivers it, within six hours, or `meter models sync` at once."
)


@flow(name="train_model", flow_run_name="train {task}", timeout_seconds=TIMEOUT_SECONDS, **SHOWN)
def train_model(
    task: Literal["reading", "ahead"] = "reading",
    since: datetime | None = None,
    until: datetime | None = None,
    candidates: list[str] | None = None,
    clock: datetime | None = None,
) -> State[Any]:
    """Train the candidates on the stored readings, score them beside every baseline, register the best, ask the gate.

    A model that the gate refuses is a result, not a failure: the run completes under the name Refused and says why.
    With METER_APPROVAL one that passes waits for a person, in a run of `approve_model`.

    Args:
        task: What to predict: reading is the energy of an interval from the reading at its start; ahead that of each
            meter's coming hours from its history.
        since: First instant of the data, with offset. Empty: from the first reading.
        until: End of the data, with offset, exclusive. Empty: to the last reading.
        candidates: Names of the kinds of model to compare, those that `meter train --candidates` takes. Empty: the
            task's own.
        clock: Moment, with offset, from which the next training is reckoned. Empty: the present. It changes no result.
    """
    run = partial(train_candidates, task, since, until, candidates)
    return conclude("train", run, partial(report, task=task), went=tell_how)


@retried("train and evaluate")
def train_candidates(task: str, since: datetime | None, until: datetime | None, candidates: list[str] | None) -> Result:
    """Call the job."""
    from meter_core.jobs.train import train

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        return train(task, since, until, settings, connections, tell, candidates=candidates).as_dict()


def report(result: Result, task: str) -> State[Any]:
    """Publish the scores and the decision, and tell of it."""
    rows = reports.score_rows(result)
    create_table_artifact(rows, key="train-scores", description="Candidates and baselines on the same rows, best first")
    create_markdown_artifact(
        reports.training(result, rows, Settings().mlflow_tracking_uri), key="train-report", description=result["why"]
    )
    tell_of(task, result["decision"], result)
    return refused(result["why"]) if result["refused"] else done(result["why"])


def tell_how(result: Result) -> None:
    """Open an incident where the model waits for MLflow, else close one that is open."""
    if result["decision"] == WAITING:
        notices.failed(UnavailableError(result["why"]), WAITS_FOR_MLFLOW, WAITING_REMEDY)
    else:
        notices.worked()
