"""The schema by Alembic migrations, which are packaged with this module."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, pool, text
from sqlalchemy.exc import DBAPIError

from meter_core.store.connection import Database

logger = logging.getLogger(__name__)

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

    A schema of a later version is left as it is and used: a version drops or renames nothing that the version before
    it needs, so that code can be rolled back without the data.

    Returns:
        The revision it is at now.

    Raises:
        DatabaseUnavailableError: it cannot be reached or changed.
    """
    with database.translated(), _as_psycopg(), engine_of(database).begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        there = MigrationContext.configure(connection).get_current_revision()
        if there is None or there in known_revisions():
            command.upgrade(config_of(connection), "head")
            return newest_revision()
    logger.warning("%s has a schema of a later version (%s): left as it is", database.name, there)
    return there


def known_revisions() -> set[str]:
    """Return every revision this version of the code can start from."""
    return {script.revision for script in ScriptDirectory.from_config(config_of()).walk_revisions()}


@contextmanager
def _as_psycopg() -> Iterator[None]:
    """Raise the driver's own error in place of SQLAlchemy's around it."""
    try:
        yield
    except DBAPIError as error:
        raise error.orig or error from None
