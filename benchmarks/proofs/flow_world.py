"""Everything that flows run on, as processes that can be killed: PostgreSQL, Prefect on it, MLflow, a worker, mail."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from benchmarks.serving.machine import MissingError
from meter_core.embedded.prefect_api import PrefectApi
from tests.flows.receivers import Box, mailbox
from tests.integration.mlflow_server import free_port, mlflow_server
from tests.integration.postgres_server import DEBIAN_15, Server, postgres_server

ROOT: Final = Path(__file__).parents[2]
SAMPLE: Final = ROOT / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
WINDOWS: Final = (("2009-07-03", "2010-01-01"), ("2009-07-02", "2009-07-03"), ("2009-07-01", "2009-07-02"))
"""Days of each delivery: half a year, then two days that are late."""

ENDED: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
UNDER_WAY: Final = ["RUNNING", "PENDING", "CANCELLING"]


def deliveries() -> Iterator[tuple[str, str]]:
    """Yield name and content of each delivery."""
    with gzip.open(SAMPLE, "rt") as lines:
        header, *rows = lines.read().splitlines()
    for since, until in WINDOWS:
        chosen = [row for row in rows if since <= row.split(",")[1] < until]
        yield f"{since}.csv", "\n".join([header, *chosen, ""])


def eventually(ask: Callable[[], Any], within_s: float, what: str) -> Any:
    """Wait until something is so, and return it.

    Raises:
        TimeoutError: it never was.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if found := ask():
                return found
        except httpx.TransportError:  # the server is being restarted
            pass
        except httpx.HTTPStatusError as error:
            if error.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise
        time.sleep(0.5)
    raise TimeoutError(f"{what}: not within {within_s:.0f} s")


@dataclass
class World:
    """One installation.

    Attributes:
        home: Its folder.
        postgres: The server that holds readings and Prefect's data.
        mail: What people were told.
        prefect_port: Of Prefect.
        environment: What the commands are told.
        mlflow_port: Of MLflow.
    """

    home: Path
    postgres: Server
    mail: Box
    prefect_port: int
    environment: dict[str, str]
    mlflow_port: int
    _parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _mlflow: ExitStack = field(default_factory=ExitStack)

    @property
    def api(self) -> str:
        """Of Prefect."""
        return f"http://127.0.0.1:{self.prefect_port}/api"

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """Ask Prefect."""
        answer = httpx.post(self.api + path, json=body, timeout=20, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def start(self, part: str, *command: str) -> None:
        """Start a part as a process group of its own."""
        with (self.home / f"{part}.log").open("ab") as log:
            self._parts[part] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, part: str) -> None:
        """Kill a part and what it started, as a power cut does."""
        os.killpg(self._parts[part].pid, signal.SIGKILL)
        self._parts.pop(part).wait(20)

    def start_prefect(self) -> None:
        """Start Prefect's server, and wait until it answers."""
        self.start("prefect", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.prefect_port))
        eventually(lambda: httpx.get(f"{self.api}/ready", trust_env=False).status_code == 200, 120, "Prefect answers")

    def start_worker(self) -> None:
        """Start a worker of the pool `process`."""
        pool = ("--pool", "process", "--type", "process", "--install-policy", "never")
        self.start("worker", "prefect", "worker", "start", *pool)

    def start_mlflow(self) -> None:
        """Start MLflow, and wait until it answers."""
        self._mlflow.enter_context(mlflow_server(self.home / "mlflow", self.mlflow_port))

    def stop_mlflow(self) -> None:
        """Take MLflow away."""
        self._mlflow.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product to its end."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self, name: str, parameters: dict[str, Any]) -> str:
        """Start a run of a deployment, as its schedule does; return its id."""
        deployment = httpx.get(f"{self.api}/deployments/name/{name}", timeout=20, trust_env=False).json()
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.ask(f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def run(self, flow_run_id: str) -> dict[str, Any]:
        """Return a run as Prefect knows it."""
        found = httpx.get(f"{self.api}/flow_runs/{flow_run_id}", timeout=20, trust_env=False)
        found.raise_for_status()
        return dict(found.json())

    def ended(self, flow_run_id: str, within_s: float = 400) -> dict[str, Any]:
        """Wait for the end of a run: one that is started again has not ended."""

        def over() -> dict[str, Any] | None:
            run = self.run(flow_run_id)
            again = run["state_type"] == "CRASHED" and run["run_count"] < 2
            return run if run["state_type"] in ENDED and not again else None

        return dict(eventually(over, within_s, f"the run {flow_run_id} ends"))

    def quiet(self) -> None:
        """Wait until nothing runs or is about to: what a run leads to has ended too."""

        def rests() -> bool:
            soon = {"state": {"type": {"any_": UNDER_WAY}}}
            waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}}
            runs = self.ask("/flow_runs/filter", {"flow_runs": soon})
            due = [each for each in self.ask("/flow_runs/filter", {"flow_runs": waiting}) if not each["auto_scheduled"]]
            return not runs and not due

        for _ in range(2):  # an event may still be on its way
            time.sleep(2)
            eventually(rests, 600, "everything rests")

    def process_of(self, flow_run_id: str) -> int:
        """Wait until a run runs; return the number of its process."""

        def number() -> int:
            run = self.run(flow_run_id)
            return int(run["infrastructure_pid"] or 0) if run["state_name"] == "Running" else 0

        return int(eventually(number, 120, "the run begins"))

    def deliver(self, name: str, lines: str) -> None:
        """Put a file into the inbox."""
        folder = self.home / "files" / "inbox" / "uci_sceaux"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{name}").write_text(lines)
        (folder / f".{name}").rename(folder / name)

    def ended_as(self) -> dict[str, Counter[str]]:
        """Return how often the runs of each deployment ended in which state."""
        found: dict[str, Counter[str]] = {}
        for each in PrefectApi(self.api).deployments():
            of_it = {"deployments": {"name": {"any_": [each.name.partition("/")[2]]}}}
            of_it |= {"flows": {"name": {"any_": [each.name.partition("/")[0]]}}}
            begun = {"start_time": {"is_null_": False}}
            runs = self.ask("/flow_runs/filter", {**of_it, "flow_runs": begun, "limit": 200})
            found[each.name] = Counter(run["state_name"] for run in runs)
        return found

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the product's database."""
        with psycopg.connect(self.environment["METER_DATABASE_URL"]) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def close(self) -> None:
        """End all parts."""
        for part in list(self._parts):
            self.kill(part)
        self._mlflow.close()


@contextmanager
def world(home: Path) -> Iterator[World]:
    """Yield an installation on which everything is deployed and nothing has run.

    Raises:
        MissingError: PostgreSQL 15 is not installed: Prefect wants pg_trgm, which the wheel's has not.
    """
    if not DEBIAN_15.exists():
        raise MissingError(f"{DEBIAN_15} is not there: install postgresql-15 with its contrib modules")
    home.mkdir()
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(DEBIAN_15))
        mail = stack.enter_context(mailbox())
        prefect_port, mlflow_port = free_port(), free_port()
        prefect_url = postgres.new_database("prefect").replace("postgresql://", "postgresql+asyncpg://")
        environment = {
            "METER_HOME": str(home / "meter"),
            "METER_FILES_URL": str(home / "files"),
            "METER_DATABASE_URL": postgres.new_database("meter"),
            "METER_NOTIFY": json.dumps([f"mailto://127.0.0.1:{mail.port}/?from=meter@example.org&to=ops@example.org"]),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{mlflow_port}",
            "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect_url,
            "PREFECT_SERVER_DATABASE_DRIVER": "postgresql+asyncpg",
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{prefect_port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            # As the chart sets them: a run outlives a restart of the server and of its database.
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
            "PREFECT_CLIENT_MAX_RETRIES": "7",
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
        }
        made = World(home, postgres, mail, prefect_port, environment, mlflow_port)
        stack.callback(made.close)
        made.start_prefect()
        made.start_mlflow()
        done = made.command("flows.deploy")
        if done.returncode:
            raise RuntimeError(done.stderr)
        made.start_worker()
        yield made
