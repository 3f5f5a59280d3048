"""`meter backfill`: predict a past window again, in pieces that run beside each other and beside the schedule."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from meter_core.cli.modelling import in_utc
from meter_core.cli.output import JsonOption, speaking
from meter_core.cli.processes import deploy_flows, run_backfill
from meter_core.contracts.errors import NoChampionError, UsageError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded import Need, services
from meter_core.settings import Settings


class Flow(StrEnum):
    """What can be done for a past window; files of the past are ingested by naming them, with `meter ingest`."""

    PREDICT = "predict"


def backfill(
    flow: Annotated[Flow, typer.Argument(metavar="FLOW", help="What to do: predict, for readings.")],
    since: Annotated[datetime, typer.Option("--from", help="First interval, UTC.")],
    until: Annotated[datetime, typer.Option(help="End, UTC, exclusive.")],
    parallel: Annotated[int, typer.Option(min=1, help="Pieces that run at once.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Length of a piece.")] = 28,
    as_json: JsonOption = False,
) -> None:
    """Have the champion predict a past window, in pieces. The same again goes on where it was stopped."""
    with speaking(as_json) as speaker:
        if since >= until:
            raise UsageError(f"--from {since} is not before --until {until}: say an earlier one")
        settings = Settings()
        runs = Need.PREFECT if settings.prefect_api_url else Need.WORKER
        with (
            speaker.progress("starting the services") as bar,
            services(settings, {runs, Need.POSTGRES, Need.MLFLOW}, progress=bar) as urls,
        ):
            if not settings.prefect_api_url:
                deploy_flows(urls)
            window = [f"--from={in_utc(since)}", f"--until={in_utc(until)}", f"--days={days}", f"--parallel={parallel}"]
            done = run_backfill(urls, [*window, f"--key={champion(str(urls.mlflow_tracking_uri))}"], bar)
        if not speaker.result(done):
            speaker.facts({"pieces": done["done"], "of them done before": done["known"], "predictions": done["rows"]})


def champion(tracking_uri: str) -> str:
    """Return what the present champion for readings is called: another one's predictions are another backfill.

    Raises:
        NoChampionError: there is none yet.
        UnavailableError: MLflow does not answer.
    """
    from meter_core.registry.rest import Registry

    name = REGISTERED_MODELS["reading"]
    with Registry(tracking_uri, name) as registry:
        ref = registry.champion()
    if ref is None:
        raise NoChampionError(f"{name} has no champion yet; `meter train` makes one")
    return f"{name}-{ref.version}"
