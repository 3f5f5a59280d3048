"""The page of runs beside the data docs, written anew after each run."""

from typing import Any, Final

from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_logger
from prefect.settings import get_current_settings
from prefect.states import State

from meter_core.contracts.errors import MeterError
from meter_core.settings import Settings


def write_page(_flow: Flow[..., Any], _run: FlowRun, _state: State[Any]) -> None:
    """Write the page once a run has ended."""
    write_anew()


def write_anew() -> None:
    """Write the page and the metrics; that they cannot be written changes nothing of what came before."""
    from meter_core.jobs.runs_page import write_runs_page

    settings = Settings()
    try:
        write_runs_page(str(get_current_settings().api.url), settings.database_url, settings)
    except MeterError as error:
        get_logger("flow_runs").warning("the page of runs could not be written: %s", error)


SHOWN: Final[dict[str, Any]] = {"on_completion": [write_page], "on_failure": [write_page]}
"""Options of a flow after whose runs the page is written."""
