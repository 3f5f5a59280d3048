"""Prefect's server (API, scheduler, web page) on SQLite, and the worker that runs flows as processes."""

import sys
from datetime import datetime
from pathlib import Path

import httpx

from meter_core.embedded.applications import repository_with
from meter_core.embedded.needs import Need
from meter_core.embedded.page_server import embedded_data_docs_url
from meter_core.embedded.records import Record
from meter_core.embedded.server import Server
from meter_core.embedded.web_server import WebServer

POOL = "process"
"""The work pool of a laptop; `flows.deploy` makes the same."""

SQLITE = "sqlite+aiosqlite"
"""Driver of the embedded server's database, which locks up under automations that look for what does not happen."""


class PrefectServer(WebServer):
    """The embedded Prefect of one home."""

    need = Need.PREFECT
    title = "Prefect"
    port_setting = "prefect_port"
    health_path = "/api/ready"

    def folder(self) -> Path:
        """Its database, its settings, and the copy of its web page that it makes itself."""
        return self.home.folder / "prefect"

    def prepare(self) -> None:
        """Makes the folder."""
        self.home.part("prefect")

    def url(self, port: int | None) -> str:
        """The API; its web page is the same without `/api`."""
        return f"{super().url(port)}/api"

    def command(self, port: int | None) -> list[str]:
        """The server in the foreground."""
        return [sys.executable, "-m", "prefect", "server", "start", "--host", self.host, "--port", str(port)]

    def variables(self, port: int | None) -> dict[str, str]:
        """Where it keeps what."""
        return {
            "PREFECT_HOME": str(self.folder()),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"{SQLITE}:///{self.folder() / 'prefect.db'}",
            # The address is a secret of the server; this it tells `flows.deploy`.
            "PREFECT_SERVER_DATABASE_DRIVER": SQLITE,
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.folder() / "ui"),
            "PREFECT_SERVER_UI_API_URL": self.url(port),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # In memory, a restart forgets who holds a deployment's slot while the slot stays taken.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        }


class PrefectWorker(Server):
    """Runs the flows of the pool `process` on this machine."""

    need = Need.WORKER
    title = "Prefect worker"
    told = ("database_url", "mlflow_tracking_uri", "prefect_api_url", "files_url")

    @property
    def name(self) -> str:
        """Its name in Prefect."""
        return f"meter-{self.home.identity}"

    def folder(self) -> Path:
        """The repository: flows are found by path."""
        return repository_with("flows")

    def prepare(self) -> None:
        """Makes the folder of Prefect's own files, also where the server is elsewhere."""
        self.home.part("prefect")

    def url(self, port: int | None) -> str:
        """The API it polls."""
        return str(self.connections.prefect_api_url)

    def command(self, port: int | None) -> list[str]:
        """A worker that makes its pool where there is none."""
        pool = ["--pool", POOL, "--type", POOL, "--name", self.name, "--install-policy", "never"]
        return [sys.executable, "-m", "prefect", "worker", "start", *pool]

    def variables(self, port: int | None) -> dict[str, str]:
        """Looks for runs and tells their log sooner, since somebody waits; links its reports to the page."""
        docs = self.settings.data_docs_url or embedded_data_docs_url(self.settings)
        soon = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5"}
        return soon | ({"METER_DATA_DOCS_URL": docs} if docs else {})

    def is_healthy(self, record: Record) -> bool:
        """Whether this process, and not one before it, has reported to the server."""
        asked = f"{record.url}/work_pools/{POOL}/workers/filter"
        try:
            answer = httpx.post(asked, json={}, timeout=5.0, trust_env=False)
        except httpx.HTTPError:  # the server is away
            return False
        if answer.status_code != httpx.codes.OK:  # no pool yet
            return False
        return any(self._is_this(worker, record) for worker in answer.json()) and record.is_alive()

    def _is_this(self, worker: dict[str, str], record: Record) -> bool:
        seen = datetime.fromisoformat(worker["last_heartbeat_time"].replace("Z", "+00:00"))
        return worker["name"] == self.name and worker["status"] == "ONLINE" and seen >= record.started_at
