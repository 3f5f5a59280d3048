"""Services that several test modules share, started once a session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meter_core.embedded import Need, services
from meter_core.settings import Settings
from tests.integration.store_databases import database_url, store, store_server  # noqa: F401 - fixtures

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def embedded_settings() -> MakeSettings:
    """Makes settings of a home with nothing from outside: any free ports, no external service."""
    nothing = dict.fromkeys(("database_url", "mlflow_tracking_uri", "prefect_api_url", "files_url"))
    any_port = dict.fromkeys(("page_port", "grpc_port", "mlflow_port", "prefect_port"), 0)

    def make(home: Path, **changes: object) -> Settings:
        return Settings(**{"home": home, **nothing, **any_port, **changes})

    return make


@pytest.fixture(scope="session")
def cluster_template(tmp_path_factory: pytest.TempPathFactory, embedded_settings: MakeSettings) -> Path:
    """A cluster that was made and stopped: copying it into `home/postgres` is faster than making one."""
    home = tmp_path_factory.mktemp("template")
    with services(embedded_settings(home), {Need.POSTGRES}):
        pass
    return home / "postgres"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, embedded_settings: MakeSettings) -> Iterator[str]:
    """The libpq URL of an embedded PostgreSQL under a home of its own; the database `meter` is empty."""
    with services(embedded_settings(tmp_path_factory.mktemp("home")), {Need.POSTGRES}) as connections:
        assert connections.database_url is not None
        yield connections.database_url.get_secret_value()
