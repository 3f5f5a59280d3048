"""Where the services are, and the environment that tells a child process so."""

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from meter_core.settings import Settings

TELEMETRY_OFF = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
ADDRESSES = frozenset({"METER_DATABASE_URL", "MLFLOW_TRACKING_URI", "METER_MLFLOW_TRACKING_URI"}) | {
    "PREFECT_API_URL",
    "METER_PREFECT_API_URL",
}
"""Variables that say where a service is: what the settings say counts, not what the shell happens to have."""
_SERVICES = ("database_url", "mlflow_tracking_uri", "prefect_api_url", "page_url", "grpc_address")
LOCAL_NAMES = "localhost,127.0.0.1,::1"


@dataclass(frozen=True)
class Connections:
    """Where each service is reached; None for what was neither asked for nor set.

    Attributes:
        home: METER_HOME, absolute.
        files_url: fsspec URL or absolute path of all files.
        database_url: libpq URL of PostgreSQL.
        mlflow_tracking_uri: MLflow server, also its web page.
        prefect_api_url: Ends in `/api`.
        page_url: HTTP API and web page.
        grpc_address: host and port of the same API over gRPC.
        own_prefect: Whether that Prefect is the embedded one, whose settings lie under the home.
    """

    home: Path
    files_url: str
    database_url: SecretStr | None = None
    mlflow_tracking_uri: str | None = None
    prefect_api_url: str | None = None
    page_url: str | None = None
    grpc_address: str | None = None
    own_prefect: bool = False

    @classmethod
    def external(cls, settings: Settings) -> "Connections":
        """What the settings name; nothing is started."""
        return cls(
            home=settings.home.absolute(),
            files_url=settings.files_root,
            database_url=settings.database_url,
            mlflow_tracking_uri=settings.mlflow_tracking_uri,
            prefect_api_url=settings.prefect_api_url,
        )

    def only(self, fields: Collection[str]) -> "Connections":
        """The same without every service but those in `fields`; `home` and `files_url` stay."""
        others = set(_SERVICES).difference(fields)
        nothing: dict[str, Any] = dict.fromkeys(others)
        return replace(self, **nothing)

    @property
    def prefect_ui_url(self) -> str | None:
        """The web page that belongs to `prefect_api_url`."""
        return self.prefect_api_url and self.prefect_api_url.rstrip("/").removesuffix("/api")

    def environment(self) -> dict[str, str]:
        """Variables that let a child process reach the same services instead of starting its own."""
        known = {
            "METER_DATABASE_URL": reveal(self.database_url),
            "MLFLOW_TRACKING_URI": self.mlflow_tracking_uri,
            "PREFECT_API_URL": self.prefect_api_url,
        }
        return {
            **TELEMETRY_OFF,
            "METER_HOME": str(self.home),
            "METER_FILES_URL": self.files_url,
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "BENTOML_HOME": str(self.home / "bentoml"),
            "GIT_PYTHON_REFRESH": "quiet",
            "NO_PROXY": _with_local_names(os.environ.get("NO_PROXY") or os.environ.get("no_proxy")),
            **({"PREFECT_HOME": str(self.home / "prefect")} if self.own_prefect else {}),
            **{name: value for name, value in known.items() if value},
        }


def reveal(value: str | SecretStr | None) -> str | None:
    """The text of a URL, secret or not."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _with_local_names(names: str | None) -> str:
    """A proxy of the company must not be asked for servers on this machine."""
    return f"{names},{LOCAL_NAMES}" if names else LOCAL_NAMES
