"""A Prefect server with a worker, PostgreSQL and MLflow under one home, started once, with the flows deployed."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from meter_core.embedded import Connections, Need, services
from meter_core.settings import Settings
from tests.flows.receivers import Box, mailbox, webhook

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
CANONICAL = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz"


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit status, its JSON, what it said meanwhile."""

    status: int
    printed: dict[str, Any]
    said: str


@dataclass(frozen=True)
class Stack:
    """The services, and the commands that use them as a person would."""

    connections: Connections

    @property
    def files(self) -> Path:
        return Path(self.connections.files_url)

    def command(self, *arguments: str, **environment: str) -> Ended:
        return self._run([sys.executable, "-m", *arguments], environment)

    def meter(self, *arguments: str) -> Ended:
        return self._run([str(Path(sys.executable).with_name("meter")), *arguments, "--json"], {})

    def _run(self, command: list[str], environment: dict[str, str]) -> Ended:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.connections.environment(), **environment},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        return Ended(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)

    def run(self, name: str, **parameters: Any) -> Ended:
        given = [f"--param={key}={json.dumps(value)}" for key, value in parameters.items()]
        return self.command("flows.run", name, *given)


@pytest.fixture(scope="session")
def mail() -> Iterator[Box]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="session")
def hook() -> Iterator[Box]:
    with webhook() as box:
        yield box


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, mail: Box, hook: Box) -> Iterator[Stack]:
    nothing = dict.fromkeys(("database_url", "mlflow_tracking_uri", "prefect_api_url", "files_url"))
    any_port = dict.fromkeys(("page_port", "grpc_port", "mlflow_port", "prefect_port"), 0)
    settings = Settings(**{"home": tmp_path_factory.mktemp("home"), **nothing, **any_port})
    with services(settings, {Need.WORKER}) as connections:
        started = Stack(connections)
        addresses = [
            f"mailto://127.0.0.1:{mail.port}/?from=meter@example.org&to=ops@example.org",
            f"http://127.0.0.1:{hook.port}/notices?token=not-for-eyes",
        ]
        deployed = started.command("flows.deploy", METER_NOTIFY=json.dumps(addresses))
        assert deployed.status == 0, deployed.said
        yield started


@pytest.fixture
def api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncPrefectClient]:
    """A client of the server; flows called in the test itself report there too, and use the same services."""
    for name, value in stack.connections.environment().items():
        if not name.startswith("PREFECT"):
            monkeypatch.setenv(name, value)
    here = {PREFECT_API_URL: stack.connections.prefect_api_url, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(here), get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def artifacts(api: SyncPrefectClient) -> Callable[[str], dict[str, Any]]:
    """The content of the newest artifact of each key."""

    def newest(key: str) -> Any:
        found = api.request("GET", "/artifacts/{key}/latest", path_params={"key": key}).json()
        return found["data"]

    return newest


@pytest.fixture(scope="session")
def half_a_year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sample from July 2009 on, measured: 4,416 hours."""
    path = tmp_path_factory.mktemp("data") / "uci_2009.csv"
    with gzip.open(SAMPLE, "rt", newline="") as lines:
        header, *rows = csv.reader(lines)
    when = header.index("reading_ts")
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([header, *(row for row in rows if row[when] >= "2009-07-01")])
    return path


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic: 12 weeks of hours in which nothing says anything about the energy. A model of it must not pass."""
    path = tmp_path_factory.mktemp("data") / "noise.csv"
    rng = np.random.default_rng(7)
    stamps = np.datetime_as_string(np.datetime64("2015-01-05T00:00") + np.arange(12 * 168) * np.timedelta64(1, "h"))
    energy, load = rng.gamma(2.0, 0.5, len(stamps)), rng.gamma(2.0, 0.5, len(stamps))
    lines = [
        f"noise,{stamp}+00:00,60,{kwh:.4f},230,15,0.95,{kw:.4f},50"
        for stamp, kwh, kw in zip(stamps, energy, load, strict=True)
    ]
    path.write_text("\n".join([CANONICAL, *lines, ""]))
    return path
