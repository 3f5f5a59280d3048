"""Flow: the whole of it, on demand: ingest, train, predict. Each is a run of its own flow."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.states import State

from flows.ingest_readings import ingest_readings, what_goes_in
from flows.outcome import REFUSED, done, failed, is_refusal, refused
from flows.predict_batch import predict_batch
from flows.train_model import train_model


def run_name() -> str:
    """Name a run by what goes in."""
    return f"{what_goes_in()}, train, predict"


@flow(name="ingest_train_predict", flow_run_name=run_name)
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
    ingested = ingest_readings(files, source, zone, return_state=True)
    if not ingested.is_completed():
        return failed(f"ingest: {ingested.message}")
    trained = train_model("reading", since, until, return_state=True)
    if not trained.is_completed():
        return failed(f"train: {trained.message}")
    predicted = predict_batch("reading", return_state=True)
    said = "; ".join(state.message or "" for state in (ingested, trained, predicted))
    if trained.name == REFUSED and (predicted.is_completed() or is_refusal(predicted)):
        return refused(said)
    return done(said) if predicted.is_completed() else failed(f"predict: {predicted.message}")
