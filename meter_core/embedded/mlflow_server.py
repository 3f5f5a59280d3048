"""MLflow on SQLite and a folder, one worker: the tracking server and model registry of a laptop."""

import sys
from pathlib import Path

from meter_core.embedded.needs import Need
from meter_core.embedded.web_server import WebServer


class MlflowServer(WebServer):
    """The embedded MLflow of one home. It works in its own folder, so that paths in its database are relative."""

    need = Need.MLFLOW
    title = "MLflow"
    port_setting = "mlflow_port"
    health_path = "/health"

    def folder(self) -> Path:
        """Database and artifacts."""
        return self.home.folder / "mlflow"

    def prepare(self) -> None:
        """Makes the folder."""
        self.home.part("mlflow")

    def command(self, port: int | None) -> list[str]:
        """One worker: the default of four takes 2 GB."""
        store = ["--backend-store-uri", "sqlite:///mlflow.db", "--serve-artifacts", "--artifacts-destination"]
        listen = ["--host", self.host, "--port", str(port), "--workers", "1"]
        quiet = ["--uvicorn-opts", "--log-level warning"]  # the page polls it every few seconds
        return [sys.executable, "-m", "mlflow", "server", *store, "artifacts", *listen, *quiet]

    def variables(self, port: int | None) -> dict[str, str]:
        """Without the job execution of its newer features, which starts four more processes."""
        return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
