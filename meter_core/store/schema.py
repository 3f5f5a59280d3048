"""The schema by Alembic migrations, which are packaged with this module."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, pool, text
from sqlalchemy.exc import DBAPIError

from meter_core.store.connection import Database
from meter_core.store.errors import DatabaseUnavailableError

MIGRATIONS: Final = Path(__file__).with_name("migrations")
UPGRADE_LOCK: Final = 0x6D657465
"""Advisory lock: two processes that start at once upgrade one after the other."""


def engine_of(database: Database) -> Engine:
    """Return a SQLAlchemy engine without a pool."""
    return create_engine("postgresql+psycopg://", creator=database.raw_connection, poolclass=pool.NullPool)


def config_of(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for these migrations."""
    config = Config()
    # Alembic reads % as the start of an interpolation, and a folder may hold one
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision this version of the code needs."""
    head = ScriptDirectory.from_config(config_of()).get_current_head()
    assert head is not None  # noqa: S101 - the package holds at least one migration
    return head


def upgrade(database: Database) -> str:
    """Bring the database to this version's schema, in one transaction; harmless where it already is.

    Returns:
        The revision it is at now.

    Raises:
        DatabaseUnavailableError: it cannot be reached or changed.
    """
    with database.translated(), _as_psycopg(), engine_of(database).begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        try:
            command.upgrade(config_of(connection), "head")
        except CommandError as error:
            raise DatabaseUnavailableError(
                f"{database.name} has a schema this version does not know ({error}); install the version that made it"
            ) from error
    return newest_revision()


@contextmanager
def _as_psycopg() -> Iterator[None]:
    """Raise the driver's own error in place of SQLAlchemy's around it."""
    try:
        yield
    except DBAPIError as error:
        raise error.orig or error from None
