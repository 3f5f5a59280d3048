"""Flow: the champion's predictions for what it has not predicted yet, every six hours."""

from datetime import datetime
from functools import partial
from typing import Any, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import State

from flows import reports
from flows.outcome import Result, conclude, done, teller
from flows.retry import retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings


@flow(name="predict_batch", flow_run_name="predict {task}")
def predict_batch(task: Literal["reading", "ahead"] = "reading", since: datetime | None = None) -> State[Any]:
    """Predict with the champion, to Postgres and to `meter_units_predictions.csv`.

    Args:
        task: Whose champion predicts.
        since: First interval, with offset. Empty: what this champion has not predicted yet.
    """
    return conclude("predict", partial(predict_rows, task, since), report)


@retried("predict")
def predict_rows(task: str, since: datetime | None) -> Result:
    """Call the job."""
    from meter_core.jobs.predict import predict

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        return predict(task, since, None, settings, connections, tell).as_dict()


def report(result: Result) -> State[Any]:
    """Publish the figures and where the predictions are."""
    said = reports.prediction_sentence(result)
    create_markdown_artifact(reports.predictions(result), key="predict-report", description=said)
    return done(said)
