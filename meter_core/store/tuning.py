"""Where tuning keeps its trials: Optuna's own tables in a schema of the database, so that it goes on after a stop."""

from typing import TYPE_CHECKING, Final

from pydantic import SecretStr
from sqlalchemy import pool

from meter_core.store.connection import Connection, Database

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

SCHEMA: Final = "tuning"


def tuning_storage(url: str | SecretStr) -> "RDBStorage":
    """Return the storage; its schema is made where it is not there yet.

    Raises:
        DatabaseUnavailableError: the database cannot be reached, or lets this user make no schema.
    """
    from optuna.storages import RDBStorage

    database = Database(url)
    with database.transaction() as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")

    def connect() -> Connection:
        """Return a connection that finds its tables there."""
        connection = database.raw_connection()
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.commit()
        return connection

    return RDBStorage("postgresql+psycopg://", engine_kwargs={"creator": connect, "poolclass": pool.NullPool})
