"""Flow: the champion's predictions for what it has not predicted yet, every six hours."""

import time
from datetime import datetime
from functools import partial
from typing import Any, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.states import State

from flows import reports
from flows.decisions import deliver_waiting
from flows.outcome import Result, conclude, done, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from flows.shards import Shards
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.jobs.predict_shards import Shard, combined, cut, default_out, keep_cut, kept_cut, shard_count, tidy
from meter_core.settings import Settings


@flow(name="predict_batch", flow_run_name="predict {task}", **SHOWN)
def predict_batch(
    task: Literal["reading", "ahead"] = "reading",
    since: datetime | None = None,
    until: datetime | None = None,
    parallel: int | None = None,
) -> State[Any]:
    """Predict with the champion, to Postgres and to `meter_units_predictions.csv`, or a file named after the window.

    Without a window it first hands MLflow what trainings left behind while it was away.

    Args:
        task: Whose champion predicts.
        since: First interval, with offset. Empty: what this champion has not predicted yet.
        until: End of the readings, with offset, exclusive. Empty: to the newest.
        parallel: How many runs share the work, each some of the meters. Empty: METER_PARALLEL, else this run alone.
    """
    if since is None:
        deliver_waiting()
    wanted = Settings().parallel if parallel is None else parallel
    if wanted > 1:
        return conclude("predict", partial(predict_in_shards, task, since, until, wanted), report)
    return conclude("predict", partial(predict_rows, task, since, until), report)


def predict_in_shards(task: str, since: datetime | None, until: datetime | None, parallel: int) -> Result:
    """Have shards predict, and join what they wrote."""
    settings = Settings()
    window = {name: moment.isoformat() for name, moment in (("since", since), ("until", until)) if moment}
    began = time.monotonic()
    out, run = default_out(settings.files_root, task, since, until), str(flow_run.id)
    try:
        shards = cut_meters(run, parallel, out)
        whole = combined(Shards(task, window, len(shards), parallel, teller()).run(), out)
    except Exception:
        tidy(out, run)
        raise
    tidy(out, run)
    return {**whole, "seconds": time.monotonic() - began}


@retried("cut the meters into shards")
def cut_meters(run: str, parallel: int, out: str) -> list[Shard]:
    """Return the shards: all meters, cut once. A run that was started again finds how it cut them before."""
    from meter_core.jobs.registered import store_of

    if known := kept_cut(out, run):
        return known
    settings = Settings()
    with services(settings, {Need.POSTGRES}, progress=teller()) as connections:
        meters = store_of(connections, settings).meter_ids()
    shards = cut(run, meters, shard_count(len(meters), parallel))
    keep_cut(shards, out)
    return shards


@retried("predict", timeout_seconds=TIMEOUT_SECONDS)  # not the flow: shards have each a limit, their whole has none
def predict_rows(task: str, since: datetime | None, until: datetime | None) -> Result:
    """Call the job."""
    from meter_core.jobs.predict import predict

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        return predict(task, since, None, settings, connections, tell, until=until).as_dict()


def report(result: Result) -> State[Any]:
    """Publish the figures and where the predictions are."""
    said = reports.prediction_sentence(result)
    create_markdown_artifact(reports.predictions(result), key="predict-report", description=said)
    return done(said)
