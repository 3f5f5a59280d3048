"""Flow: the whole of it, on demand: ingest, train, predict. Each is a run of its own flow."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import State

from flows import reports
from flows.address import page
from flows.ingest_readings import ingest_readings, what_goes_in
from flows.outcome import REFUSED, done, failed, is_refusal, refused
from flows.page import SHOWN
from flows.predict_batch import predict_batch
from flows.train_model import train_model
from meter_core.contracts.errors import MeterError


def run_name() -> str:
    """Name a run by what goes in."""
    return f"{what_goes_in()}, train, predict"


@flow(name="ingest_train_predict", flow_run_name=run_name, **SHOWN)
def ingest_train_predict(
    files: list[str] | None = None,
    source: str = "canonical",
    zone: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> State[Any]:
    """Ingest, train and predict, one after the other; a step that fails ends it.

    Where the gate refuses the model, the standing champion predicts, and the run completes under the name Refused.

    Args:
        files: Paths of the files to read, as the worker sees them. Empty: everything in the inbox.
        source: Source profile of these files: a built-in name or the path of a YAML file.
        zone: IANA zone of naive stamps where the profile leaves it open, for example Europe/Paris.
        since: First instant of the training data, with offset. Empty: from the first reading.
        until: End of the training data, with offset, exclusive. Empty: to the last reading.
    """
    runs = {"ingest": ingest_readings(files, source, zone, return_state=True)}
    if runs["ingest"].is_completed():
        runs["train"] = train_model("reading", since, until, return_state=True)
    if "train" in runs and runs["train"].is_completed():
        runs["predict"] = predict_batch("reading", return_state=True)
    steps = [step(name, state) for name, state in runs.items()]
    create_markdown_artifact(reports.chain(steps), key="chain-report", description="The runs of the chain")
    return outcome(runs)


def step(name: str, state: State[Any]) -> reports.Row:
    """Return what the report says of a run."""
    url = page(state.state_details.flow_run_id)
    return {"step": name, "state": state.name, "message": state.message, "url": url}


def outcome(runs: dict[str, State[Any]]) -> State[Any]:
    """Return the state that follows from those of the runs, the last of which may have failed."""
    said = "; ".join((state.message or "").rstrip(".") for state in runs.values())
    last, state = list(runs.items())[-1]
    if "train" in runs and runs["train"].name == REFUSED and (state.is_completed() or is_refusal(state)):
        return refused(said)
    return done(said) if state.is_completed() else failed(MeterError(f"{last}: {state.message}"))
