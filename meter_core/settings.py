"""Settings from the environment: one class. Without any, everything runs embedded under METER_HOME."""

from pathlib import Path
from typing import Any, Final

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from meter_core.contracts.errors import UsageError

DATA_DOCS: Final = "data_docs"
"""Folder of the data docs below the files root."""


class Settings(BaseSettings):
    """What can be set from outside. Empty URLs mean: the embedded service under `home`.

    Raises:
        UsageError: where a variable has a value that cannot be.
    """

    model_config = SettingsConfigDict(env_prefix="METER_", populate_by_name=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(default=Path(".meter"), description="folder of all embedded state")
    database_url: SecretStr | None = Field(default=None, description="PostgreSQL URL; empty: the embedded server")
    mlflow_tracking_uri: str | None = Field(
        default=None,
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "METER_MLFLOW_TRACKING_URI"),
        description="MLflow server; empty: the embedded one",
    )
    prefect_api_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PREFECT_API_URL", "METER_PREFECT_API_URL"),
        description="Prefect API; empty: the embedded server",
    )
    files_url: str | None = Field(
        default=None, description="fsspec URL of inbox/, deliveries/, data_docs/, ...; empty: `home`/files"
    )
    data_docs_url: str | None = Field(
        default=None, description="web address under which people open data_docs/; empty: its path is shown"
    )
    host: str = Field(default="127.0.0.1", description="address the embedded servers listen on")
    page_port: int = Field(default=5501, ge=0, le=65535, description="HTTP API and web page")
    grpc_port: int = Field(default=5502, ge=0, le=65535, description="gRPC API")
    mlflow_port: int = Field(default=5500, ge=0, le=65535, description="embedded MLflow")
    prefect_port: int = Field(default=4200, ge=0, le=65535, description="embedded Prefect server")
    stop_above_share: float = Field(
        default=0.2, ge=0, le=1, description="a delivery with a larger share of quarantined rows is stopped"
    )
    keep_months: int | None = Field(
        default=None, ge=4, description="whole months that stay in the database; older ones are archived; empty: all"
    )
    model_poll_seconds: float = Field(default=5.0, gt=0, description="how often the service looks for a new champion")
    drain_seconds: float = Field(
        default=0.0, ge=0, le=300, description="how long the service, told to stop, lets its clients go before it does"
    )

    api_keys_file: Path | None = Field(
        default=None, description="file of API keys (`meter keys`); empty: the service asks for none"
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description='JSON list of sites whose pages may ask the service, such as ["https://portal.example"]'
    )

    approval: bool = Field(
        default=False, description="whether a model that passes the gate waits for a person, whoever trained it"
    )
    parallel: int = Field(
        default=1, ge=1, description="how many runs may share a batch inference; limits them, and the database's load"
    )
    run_seconds: int = Field(
        default=6_600, ge=60, description="seconds after which a flow run is ended; less than its Job may take"
    )
    notify: tuple[SecretStr, ...] = Field(
        default=(), description='JSON list of addresses that notices of the flows go to, such as ["mailtos://..."]'
    )

    open_meteo_key: SecretStr | None = Field(
        default=None, description="key of a customer of Open-Meteo; empty: its public servers, which ask for none"
    )
    open_meteo_url: str | None = Field(
        default=None, description="web address of an Open-Meteo server of one's own, without path; empty: theirs"
    )

    trace_share: float = Field(
        default=0.01, ge=0, le=1, description="share of requests traced where OTEL_EXPORTER_OTLP_ENDPOINT is set"
    )

    def __init__(self, **given: Any) -> None:
        """Read the environment; what is given goes before it."""
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise UsageError("; ".join(_sentence(each["loc"], each["msg"]) for each in error.errors())) from None

    @property
    def files_root(self) -> str:
        """The fsspec URL (or absolute path) under which all files lie."""
        return self.files_url or str(self.home.absolute() / "files")

    @property
    def data_docs_root(self) -> str:
        """The fsspec URL (or absolute path) of the data docs."""
        return f"{self.files_root.rstrip('/')}/{DATA_DOCS}"

    def in_browser(self, data_docs: str | None) -> str | None:
        """Return a page below `data_docs/` as people open it: by web address where one is set, else by path."""
        if data_docs is None or not self.data_docs_url or not data_docs.startswith(self.data_docs_root):
            return data_docs
        return self.data_docs_url.rstrip("/") + data_docs.removeprefix(self.data_docs_root)


def _sentence(where: tuple[int | str, ...], message: str) -> str:
    """Return what is wrong with a variable: by name and reason, without its value, which may be a secret."""
    name = "_".join(map(str, where)).upper()
    prefixed = name if name.startswith(("METER_", "MLFLOW_TRACKING", "PREFECT_API")) else f"METER_{name}"
    return f"{prefixed}: {message[:1].lower()}{message[1:]}; set it to such a value, or unset it for the default"
