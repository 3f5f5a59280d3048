"""Put the flows on a Prefect server: `python -m flows.deploy`. The same again changes nothing."""

import hashlib
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

import prefect
import yaml
from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.variables import Variable

from flows.outcome import REFUSED
from flows.run import connected
from meter_core.contracts.errors import MeterError, UsageError

APP: Final = Path(__file__).resolve().parent.parent
DESCRIPTION: Final = "prefect.yaml"
VERSION: Final = "meter_flows_version"
"""Prefect variable that names what was deployed last."""

POOL: Final = "process"
GUARD: Final = "Mark runs that stopped living as Crashed"

HEARTBEAT: Final = "prefect.flow-run.heartbeat"
ENDS: Final = ("Completed", REFUSED, "Failed", "Cancelled", "Crashed")
"""Names of the final states of our flow runs. A run that reaches none of them and beats no more was killed."""

SILENCE: Final = timedelta(minutes=10)
"""Three of Prefect's heartbeats (180 s) and some."""


def make_pool(client: SyncPrefectClient) -> None:
    """Make the work pool that prefect.yaml names, where it is not there yet."""
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", description="Flow runs as processes"))
    except ObjectAlreadyExists:
        return


def guard() -> AutomationCore:
    """Return the automation that ends zombies: without it a run whose process was killed stays `Running` for ever."""
    return AutomationCore(
        name=GUARD,
        description="A flow run that neither ends nor gives a heartbeat was killed together with its worker.",
        trigger=EventTrigger(
            after={HEARTBEAT},
            expect={HEARTBEAT, *(f"prefect.flow-run.{name}" for name in ENDS)},
            match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"No sign of life for {SILENCE}.")],
    )


def make_guard(client: SyncPrefectClient) -> None:
    """Make the automation, where it is not there yet."""
    if not client.read_automations_by_name(GUARD):
        client.create_automation(guard())


def names() -> list[str]:
    """Return `flow/deployment` of everything in prefect.yaml. A flow is named as its function."""
    described = yaml.safe_load((APP / DESCRIPTION).read_text())["deployments"]
    return [f"{each['entrypoint'].rpartition(':')[2]}/{each['name']}" for each in described]


def digest() -> str:
    """Return the version of what is deployed: equal description, flows, place and Prefect, equal digest."""
    found = hashlib.sha256(f"{os.environ.get('METER_APP', APP)} {prefect.__version__}".encode())
    for path in [APP / DESCRIPTION, *sorted((APP / "flows").glob("*.py"))]:
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def is_deployed(client: SyncPrefectClient, version: str) -> bool:
    """Say whether the server has it all; then what somebody set in its UI, a paused schedule say, is left alone."""
    if Variable.get(VERSION) != version:
        return False
    try:
        return all(client.read_deployment_by_name(name) for name in names())
    except ObjectNotFound:
        return False


def deploy() -> None:
    """Deploy everything that prefect.yaml describes, by Prefect's own command.

    Raises:
        UsageError: the command failed; its words are in the message.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    known = {**os.environ, "PWD": str(APP)}
    done = subprocess.run(command, cwd=APP, env=known, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UsageError(f"`prefect --no-prompt deploy --all` in {APP} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Run the command line; return its exit status."""
    version = digest()
    try:
        with connected() as client:
            make_pool(client)
            make_guard(client)
            if not is_deployed(client, version):
                deploy()
                Variable.set(VERSION, version, overwrite=True)
    except MeterError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    sys.stderr.write(f"deployed, version {version}: {', '.join(names())}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
