"""The HTTP API with the web page: `bentoml serve` on the application in `bento/`."""

import sys
from pathlib import Path

from meter_core.embedded.applications import repository_with
from meter_core.embedded.needs import Need
from meter_core.embedded.web_server import WebServer
from meter_core.settings import Settings

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

    def folder(self) -> Path:
        """The repository: the service is found by path."""
        return repository_with("bento/service.py").absolute()

    def prepare(self) -> None:
        """Makes BentoML's own folder."""
        self.home.part("bentoml")

    def command(self, port: int | None) -> list[str]:
        """As `meter serve` runs it."""
        return serve_command(self.host, int(port or 0))
