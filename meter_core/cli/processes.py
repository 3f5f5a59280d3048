"""The applications beside meter_core, run as processes: the flows' deployment and runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meter_core.contracts.errors import MeterError, UnavailableError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded import Connections, Need, embedded_url
from meter_core.embedded.applications import repository_with
from meter_core.embedded.prefect_api import WAITS_FOR_MLFLOW, PrefectApi
from meter_core.settings import Settings


class FlowRunError(MeterError):
    """A flow run ended otherwise than completed; carries its exit status."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def deploy_flows(urls: Connections, options: Sequence[str] = ()) -> dict[str, Any]:
    """Put the flows with their schedules, and what leads from one to the next, on the Prefect server.

    Args:
        urls: Where the services are.
        options: Of `python -m flows.deploy`.

    Returns:
        What it prints: `pool`, `version`, `code`, `deployments`, `automations`.

    Raises:
        UnavailableError: where that fails, with the process's own words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "flows.deploy", *options],
        cwd=repository_with("flows"),
        env={**os.environ, **urls.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UnavailableError(f"the flows could not be deployed: {done.stderr.strip() or done.stdout.strip()}")
    return dict(json.loads(done.stdout))


def run_flow(urls: Connections, name: str, parameters: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Run a deployment and wait for its end.

    Args:
        urls: Where the services are.
        name: `flow/deployment`.
        parameters: Of the flow, as JSON values.
        say: Gets each line of its progress.

    Returns:
        What `python -m flows.run` prints: state, url, and each job's result.

    Raises:
        FlowRunError: the run did not complete; with the exit status of the job that said no.
    """
    given = [part for key, value in parameters.items() for part in ("--param", f"{key}={json.dumps(value)}")]
    ended, status = _followed(urls, ["flows.run", name, *given], say)
    if status != 0:
        raise FlowRunError(f"the flow run {name} did not complete: {ended['message']}", status)
    return ended


def run_backfill(urls: Connections, options: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Predict a window in pieces and wait for the end of all.

    Args:
        urls: Where the services are.
        options: Of `python -m flows.backfill`.
        say: Gets each line of its progress.

    Returns:
        What it prints: `done`, `known`, `failed`, `rows`.

    Raises:
        FlowRunError: pieces are missing; the same again does only those.
    """
    ended, status = _followed(urls, ["flows.backfill", *options], say)
    if status != 0:
        raise FlowRunError(f"{ended['message']}; the same command again does only what is missing", status)
    return ended


def training_works_again(
    settings: Settings, urls: Connections, models: Collection[str], say: Callable[[str], None]
) -> None:
    """Close the incidents of trainings whose models waited for MLflow, where Prefect runs and knows of one.

    An incident of another cause stays open: that the model was delivered does not mend it.

    Args:
        settings: Where Prefect is.
        urls: Where the other services are.
        models: Registered models that were delivered.
        say: Is told which incident stays open, and why.
    """
    address = settings.prefect_api_url or embedded_url(settings, Need.PREFECT)
    tasks = [task for task, model in REGISTERED_MODELS.items() if model in models]
    if address is None or not tasks:
        return
    there = replace(urls, prefect_api_url=address, own_prefect=settings.prefect_api_url is None)
    try:
        with PrefectApi(address) as api:
            known = api.incidents()
    except UnavailableError as error:
        remedy = " and ".join(f"`python -m flows.works_again train_model --task {task}`" for task in tasks)
        say(f"an incident that a training waits for MLflow stays open: {error} Once it does, {remedy} closes it")
        return
    for task in tasks:
        if known.get(f"train_model_{task}", {}).get("cause") == WAITS_FOR_MLFLOW:
            ended, status = _followed(there, ["flows.works_again", "train_model", f"--task={task}"], lambda _: None)
            if status != 0:
                say(f"the incident of train_model ({task}) stays open: {ended['message']}")


def _followed(urls: Connections, module: Sequence[str], say: Callable[[str], None]) -> tuple[dict[str, Any], int]:
    """Run a module of the flows to its end; return the JSON that it prints, and its exit status."""
    with subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=repository_with("flows"),
        env={**os.environ, **urls.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr or ():
            say(line.rstrip())
        printed = process.stdout.read() if process.stdout else ""
    ended = json.loads(printed) if printed.strip() else {"message": f"{module[0]} printed nothing"}
    return ended, process.returncode
