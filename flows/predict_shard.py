"""Flow: a shard of a batch inference. `predict_batch` starts as many as the meters need."""

from datetime import datetime
from functools import partial
from typing import Any, Literal

from prefect import flow
from prefect.states import State

from flows import reports
from flows.outcome import Result, conclude, done, teller
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.jobs.predict_shards import default_out, kept_cut
from meter_core.settings import Settings


@flow(name="predict_shard", flow_run_name="predict {task} {number} of {count}", timeout_seconds=TIMEOUT_SECONDS)
def predict_shard(
    number: int,
    count: int,
    run: str,
    task: Literal["reading", "ahead"] = "reading",
    since: datetime | None = None,
    until: datetime | None = None,
) -> State[Any]:
    """Predict one shard of all meters, to Postgres and to its part of the CSV.

    Args:
        number: Of the shard, from 1.
        count: Into how many all meters are cut.
        run: Id of the run that it is a part of.
        task: Whose champion predicts.
        since: First interval, with offset. Empty: what this champion has not predicted yet.
        until: End of the readings, with offset, exclusive. Empty: to the newest.
    """
    return conclude("predict", partial(predict_rows, number, run, task, since, until), report, tells=False)


@retried("predict a shard")
def predict_rows(number: int, run: str, task: str, since: datetime | None, until: datetime | None) -> Result:
    """Call the job."""
    from meter_core.jobs.predict import predict

    settings, tell = Settings(), teller()
    shard = kept_cut(default_out(settings.files_root, task, since, until), run)[number - 1]
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        return predict(task, since, None, settings, connections, tell, until=until, shard=shard).as_dict()


def report(result: Result) -> State[Any]:
    """Say what was predicted; the whole run has the report."""
    return done(reports.prediction_sentence(result))
