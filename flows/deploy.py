"""Put the flows on a Prefect server, with what leads from one to the next. The same again changes nothing.

`meter deploy` calls this, `python -m flows.deploy`. Without options their runs are processes of a worker on this
machine; in a cluster they are Kubernetes Jobs: add `--pool k8s --job-template k8s/base-job-template.json`.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import prefect
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.variables import Variable

from flows import automations, notice_blocks
from flows.run import connected
from flows.server import Server
from meter_core import __version__
from meter_core.contracts.errors import MeterError, UsageError
from meter_core.embedded.prefect_server import POOL
from meter_core.settings import Settings

APP: Final = Path(__file__).resolve().parent.parent
DESCRIPTION: Final = "prefect.yaml"
POSTGRESQL: Final = "postgresql"
"""How drivers and addresses of PostgreSQL begin."""

NOT_FOUND: Final = 404

VERSION: Final = "meter_flows_version"
"""Prefect variable that names what was deployed last."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The work pool that the runs go to.

    Attributes:
        name: Of the pool.
        type: `process` or `kubernetes`.
        job_template: How a run becomes a Job; empty for processes.
    """

    name: str
    type: str
    job_template: dict[str, Any] = field(default_factory=dict)


def make_pool(client: SyncPrefectClient, pool: Pool) -> None:
    """Make the work pool where it is not there yet; a template that is given replaces the one it has.

    Raises:
        UsageError: there is a pool of this name and another type.
    """
    try:
        client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, base_job_template=pool.job_template))
    except ObjectAlreadyExists:
        there = client.read_work_pool(pool.name)
        if there.type != pool.type:
            raise UsageError(
                f"the work pool '{pool.name}' is of type {there.type}, not {pool.type}: name another with --pool"
            ) from None
        if pool.job_template and there.base_job_template != pool.job_template:
            client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=pool.job_template))


def names() -> list[str]:
    """Return `flow/deployment` of everything in prefect.yaml. A flow is named as its function."""
    described = yaml.safe_load((APP / DESCRIPTION).read_text())["deployments"]
    return [f"{each['entrypoint'].rpartition(':')[2]}/{each['name']}" for each in described]


def digest(pool: Pool) -> str:
    """Return the version of what is deployed: equal description, flows, place, pool and Prefect, equal digest."""
    found = hashlib.sha256(f"{os.environ.get('METER_APP', APP)} {prefect.__version__} {pool.name}".encode())
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


def deploy(pool: Pool) -> None:
    """Deploy everything that prefect.yaml describes to a pool, by Prefect's own command.

    Raises:
        UsageError: the command failed; its words are in the message.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    told = {"PWD": str(APP), "PREFECT_DEFAULT_WORK_POOL_NAME": pool.name, "METER_VERSION": code_version()}
    known = {**os.environ, **told}
    done = subprocess.run(command, cwd=APP, env=known, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UsageError(f"`prefect --no-prompt deploy --all` in {APP} failed:\n{done.stdout}{done.stderr}")


def code_version() -> str:
    """Return what the code is called: by METER_VERSION (an image holds no git), by git, or as the package."""
    if given := os.environ.get("METER_VERSION"):
        return given
    asked = ["git", "-C", str(APP), "describe", "--tags", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__


def automate(client: SyncPrefectClient) -> list[str]:
    """Install the automations and the blocks they tell people through; return the automations' names.

    Raises:
        UsageError: METER_NOTIFY holds what is no address.
    """
    if addresses := Settings().notify:
        notice_blocks.save(addresses)
        notice_blocks.tidy(client, len(addresses))
    deployed = {name: client.read_deployment_by_name(name).id for name in names()}
    server = Server(deployed, notice_blocks.ids(client), is_on_postgresql(client))
    wanted = automations.wanted(server)
    automations.install(client, wanted, automations.known_names(server))
    return [each.name for each in wanted]


def is_on_postgresql(client: SyncPrefectClient) -> bool:
    """Say whether the server keeps its data in PostgreSQL; one that does not tell may keep them in SQLite."""
    try:
        said = client.request("GET", "/admin/settings").json()
    except httpx.HTTPStatusError as error:
        if error.response.status_code != NOT_FOUND:
            raise
        return False
    database = said.get("server", {}).get("database", {})
    return str(database.get("driver") or database.get("connection_url")).startswith(POSTGRESQL)


def job_template(text: str) -> dict[str, Any]:
    """Return the base job template of a file.

    Raises:
        argparse.ArgumentTypeError: it cannot be read or is none.
    """
    try:
        template = json.loads(Path(text).read_text())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' cannot be read as JSON: {error}") from error
    if not isinstance(template, dict) or not {"job_configuration", "variables"} <= template.keys():
        raise argparse.ArgumentTypeError(f"'{text}' is no base job template: it needs job_configuration and variables")
    return template


def wanted_pool(argv: Sequence[str] | None) -> Pool:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.deploy", description=__doc__)
    parser.add_argument("--pool", default=POOL, help="name of the work pool; made where it is not there yet")
    parser.add_argument(
        "--job-template", metavar="FILE", type=job_template, help="makes the pool's runs Kubernetes Jobs"
    )
    given = parser.parse_args(argv)
    if given.job_template is None:
        return Pool(given.pool, "process")
    return Pool(given.pool, "kubernetes", given.job_template)


def put(pool: Pool) -> dict[str, Any]:
    """Put everything on the server.

    Returns:
        `pool`, `version` of what was deployed last, `code` (its version), `deployments` and `automations` by name.

    Raises:
        UnavailableError: the server does not answer.
        UsageError: the pool is of another type, or the deployment failed.
    """
    version = digest(pool)
    with connected() as client:
        make_pool(client, pool)
        if not is_deployed(client, version):
            deploy(pool)
            Variable.set(VERSION, version, overwrite=True)
        installed = automate(client)
    about = {"pool": pool.name, "version": version, "code": code_version()}
    return {**about, "deployments": names(), "automations": installed}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        done = put(wanted_pool(argv))
    except MeterError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    sys.stdout.write(json.dumps(done) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
