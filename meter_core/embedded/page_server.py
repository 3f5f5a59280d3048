"""The HTTP API with the web page, and gRPC: `bentoml serve` on the application in `bento/`."""

import sys
from functools import cached_property
from pathlib import Path

from meter_core.embedded import ports, records
from meter_core.embedded.applications import repository_with
from meter_core.embedded.needs import Need
from meter_core.embedded.web_server import WebServer
from meter_core.settings import Settings

GRPC = "grpc_address"
"""Field of Connections, and what the record calls it."""

SERVICE = "bento.service:MeterPrediction"


def serve_command(host: str, port: int) -> list[str]:
    """The command line that serves predictions; to be run in the repository's folder."""
    return [sys.executable, "-m", "bentoml", "serve", SERVICE, "--host", host, "--port", str(port)]


def embedded_data_docs_url(settings: Settings) -> str | None:
    """Where the page of this home serves the data docs; None where its port is only known once it runs."""
    return f"http://{settings.host}:{settings.page_port}/data_docs" if settings.page_port else None


class PageServer(WebServer):
    """The service of one home."""

    need = Need.PAGE
    title = "the page"
    port_setting = "page_port"
    health_path = "/livez"
    told = ("database_url", "mlflow_tracking_uri", "files_url")

    @cached_property
    def grpc_port(self) -> int:
        """The port for gRPC from the settings; for 0 the one it had last time, or any.

        Raises:
            UnavailableError: the port is taken.
        """
        before = records.read(self.home, self.need)
        kept = int(before.extra.get(GRPC, ":0").rpartition(":")[2]) if before else 0
        port = self.settings.grpc_port
        if not port:
            return kept if kept and ports.is_free(self.host, kept) else ports.any_free(self.host)
        if not ports.is_free(self.host, port):
            raise ports.taken("gRPC", self.host, port, "METER_GRPC_PORT")
        return port

    def variables(self, port: int | None) -> dict[str, str]:
        """Where it listens beside HTTP; the keys' file as seen from here, for it runs in another folder."""
        found = {"METER_HOST": self.host, "METER_GRPC_PORT": str(self.grpc_port)}
        if self.settings.api_keys_file is not None:
            found["METER_API_KEYS_FILE"] = str(self.settings.api_keys_file.absolute())
        return found

    def extra(self) -> dict[str, str]:
        """Where gRPC is reached."""
        return {GRPC: f"{ports.client_host(self.host)}:{self.grpc_port}"}

    def folder(self) -> Path:
        """The repository: the service is found by path."""
        return repository_with("bento/service.py").absolute()

    def prepare(self) -> None:
        """Makes BentoML's own folder."""
        self.home.part("bentoml")

    def command(self, port: int | None) -> list[str]:
        """As `meter serve` runs it."""
        return serve_command(self.host, int(port or 0))
