"""Services that several test modules share, started once a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_core.embedded import Need, services
from meter_core.settings import Settings


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The libpq URL of an embedded PostgreSQL under a home of its own; the database `meter` is empty."""
    with services(embedded_settings(tmp_path_factory.mktemp("home")), {Need.POSTGRES}) as connections:
        assert connections.database_url is not None
        yield connections.database_url.get_secret_value()


def embedded_settings(home: Path, **changes: object) -> Settings:
    """Settings of a home with nothing from outside: any free ports, no external service."""
    values = {
        "home": home,
        "database_url": None,
        "mlflow_tracking_uri": None,
        "prefect_api_url": None,
        "files_url": None,
        "page_port": 0,
        "mlflow_port": 0,
        "prefect_port": 0,
    }
    return Settings(**{**values, **changes})
