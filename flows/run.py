"""Run a deployment, follow it and print its figures: `python -m flows.run NAME [--param NAME=VALUE]...`.

States and logs go to stderr as they come, one JSON object to stdout. The exit status is the job's: 0 done, 1 a check or
gate said no, 2 wrong use, 3 something that is needed cannot be reached.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.states import Cancelling

from flows.address import page
from flows.command import Say, carry_out
from flows.follow import Follower, children
from flows.outcome import RESULT_KEY_END, Outcome, outcome_of
from meter_core.contracts.errors import UnavailableError, UsageError

START_WITHIN_SECONDS: Final = 120.0


@contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """Give a client of the server that PREFECT_API_URL names.

    Raises:
        UnavailableError: it is not set (Prefect would start a server of its own), or nothing answers there, or any
            more.
    """
    api_url = get_current_settings().api.url
    if not api_url:
        raise UnavailableError(
            "PREFECT_API_URL is not set: start the services with `meter up`, or name your server in it"
        )
    with get_client(sync_client=True) as client:
        if error := client.api_healthcheck():
            raise UnavailableError(f"the Prefect server at {api_url} does not answer ({error}): is `meter up` running?")
        try:
            yield client
        except httpx.TransportError as error:
            raise UnavailableError(
                f"the Prefect server at {api_url} does not answer any more ({type(error).__name__}): say it again once "
                "it does"
            ) from error


def run(name: str, parameters: dict[str, Any], start_within: float, say: Say) -> dict[str, Any]:
    """Run a deployment to its end.

    Args:
        name: Of the deployment: `flow/deployment`.
        parameters: Of the flow.
        start_within: Seconds until the run must have begun.
        say: Gets each new state and log line.

    Returns:
        The keys of `summary`.

    Raises:
        UsageError: no such deployment, or parameters that its flow does not take.
        UnavailableError: the server does not answer, or the run does not begin.
    """
    with connected() as client:
        begun = start(client, find(client, name), parameters)
        say(f"{name}: {page(begun.id)}")
        try:
            ended = Follower(client, begun.id, say).until_final(start_within)
        except (KeyboardInterrupt, UnavailableError):
            client.set_flow_run_state(begun.id, Cancelling())
            raise
        return summary(client, ended)


def find(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    """Return a deployment by its name.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return client.read_deployment_by_name(name)
    except (ObjectNotFound, ValueError) as error:
        raise UsageError(
            f"there is no deployment '{name}': `prefect deployment ls` lists them, `python -m flows.deploy` makes them"
        ) from error


def start(client: SyncPrefectClient, deployment: DeploymentResponse, parameters: dict[str, Any]) -> FlowRun:
    """Create a run of a deployment.

    Raises:
        UsageError: the flow has no such parameter, or the server refuses a value.
    """
    known = (deployment.parameter_openapi_schema or {}).get("properties", {})
    if unknown := sorted(set(parameters) - set(known)):
        raise UsageError(f"{deployment.name} has no parameter {', '.join(unknown)}: it has {', '.join(known)}")
    try:
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters, name=deployment.name)
    except PrefectHTTPStatusError as error:
        detail = error.response.json().get("detail", error.response.text)
        raise UsageError(f"{deployment.name} does not take these parameters: {detail}") from error


def summary(client: SyncPrefectClient, flow_run: FlowRun) -> dict[str, Any]:
    """Return how a run ended and what its jobs returned.

    Returns:
        `flow_run_id`, `name`, `url`, `state`, `message`, `seconds`, `exit_status`, and `results`: each job's JSON keys,
        null for one that ended in an error.
    """
    outcomes = {outcome.job: outcome for outcome in published(client, flow_run)}
    state = flow_run.state
    statuses = [outcome.exit_status for outcome in outcomes.values() if outcome.exit_status]
    return {
        "flow_run_id": str(flow_run.id),
        "name": flow_run.name,
        "url": page(flow_run.id),
        "state": state.name if state else None,
        "message": state.message if state else None,
        "seconds": flow_run.total_run_time.total_seconds(),
        "exit_status": statuses[0] if statuses else unexplained(flow_run),
        "results": {job: outcome.result for job, outcome in outcomes.items()},
    }


def unexplained(flow_run: FlowRun) -> int:
    """Return the exit status of a run none of whose jobs said no: 3 where it was cut short, 1 where its code broke."""
    state = flow_run.state
    if state is not None and state.is_completed():
        return 0
    return 1 if state is not None and state.is_failed() else UnavailableError.exit_status


def published(client: SyncPrefectClient, flow_run: FlowRun) -> list[Outcome]:
    """Return the outcomes that a run and the steps within it published, oldest first.

    Not those of runs that it started elsewhere, such as its shards: what these mean for the whole the run itself says.
    """
    steps = [child.id for child in children(client, flow_run.id) if child.deployment_id is None]
    family = [flow_run.id, *steps]
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=family), key=ArtifactFilterKey(like_=RESULT_KEY_END)
    )
    found = client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC)
    return [outcome_of(str(artifact.data)) for artifact in reversed(found)]


def parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`; a value that is not JSON is a string."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.run", description=__doc__)
    parser.add_argument("name", metavar="FLOW/DEPLOYMENT", help="for example ingest_train_predict/on-demand")
    parser.add_argument(
        "--param", metavar="NAME=VALUE", type=parameter, action="append", default=[], help="JSON or text"
    )
    parser.add_argument(
        "--start-within",
        metavar="SECONDS",
        type=float,
        default=START_WITHIN_SECONDS,
        help="until the run must have begun, %(default).0f unless given; where nodes are started for it, 600",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    wanted = arguments(argv)
    return carry_out(lambda say: run(wanted.name, dict(wanted.param), wanted.start_within, say), results={})


if __name__ == "__main__":
    sys.exit(main())
