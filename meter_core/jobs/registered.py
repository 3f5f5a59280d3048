"""What the jobs on models share: which tasks there are, where registry and store are."""

from collections.abc import Mapping
from typing import Final

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.embedded.connections import Connections
from meter_core.models.forecaster import Forecaster
from meter_core.models.predictor import Predictor
from meter_core.settings import Settings
from meter_core.store import Store

TASKS = ("reading", "ahead")
"""Tasks that can be trained and predicted."""

MODEL_CLASSES: Final[Mapping[str, type[Predictor] | type[Forecaster]]] = {"reading": Predictor, "ahead": Forecaster}
"""What a version's predictor folder holds, by task."""


def known_task(task: str) -> str:
    """Return the task where it is one.

    Raises:
        UsageError: where it is not.
    """
    if task not in TASKS:
        raise UsageError(f"task {task!r} is unknown; say {' or '.join(TASKS)}")
    return task


def tracking_uri(connections: Connections) -> str:
    """Return the address of MLflow.

    Raises:
        UnavailableError: where none is set and none was started.
    """
    if not connections.mlflow_tracking_uri:
        raise UnavailableError("no MLflow is set; set MLFLOW_TRACKING_URI, or let `meter` start the embedded one")
    return connections.mlflow_tracking_uri


def store_of(connections: Connections, settings: Settings) -> Store:
    """Return the store. The embedded one is brought to this version's schema; `meter db upgrade` does it elsewhere.

    Raises:
        UnavailableError: where no database is set and none was started.
    """
    if connections.database_url is None:
        raise UnavailableError("no database is set; set METER_DATABASE_URL, or let `meter` start the embedded one")
    store = Store(connections.database_url)
    if settings.database_url is None:
        store.upgrade()
    return store
