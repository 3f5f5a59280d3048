"""Put the flows on a Prefect server: `python -m flows.deploy`. The same again changes nothing."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import prefect
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.variables import Variable

from flows.run import connected
from meter_core.contracts.errors import MeterError, UsageError
from meter_core.embedded.prefect_server import POOL

APP: Final = Path(__file__).resolve().parent.parent
DESCRIPTION: Final = "prefect.yaml"
VERSION: Final = "meter_flows_version"
"""Prefect variable that names what was deployed last."""


def make_pool(client: SyncPrefectClient) -> None:
    """Make the work pool that prefect.yaml names, where it is not there yet."""
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", description="Flow runs as processes"))
    except ObjectAlreadyExists:
        return


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
