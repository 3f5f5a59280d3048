"""Connections to PostgreSQL, and its errors in words a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from meter_core.store.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    StoreError,
    WrongDatabaseUrlError,
)

CONNECT_TIMEOUT_S: Final = 10
Connection = psycopg.Connection[tuple[Any, ...]]


class Database:
    """One PostgreSQL database.

    Args:
        url: libpq URL or key=value string; may hold a password, which no error repeats.

    Raises:
        WrongDatabaseUrlError: where it is not one.
    """

    def __init__(self, url: str | SecretStr) -> None:
        secret = url.get_secret_value() if isinstance(url, SecretStr) else url
        try:
            self._parts = conninfo_to_dict(secret)
        except psycopg.Error:
            # libpq repeats what it cannot read, password included: say nothing of the cause
            raise WrongDatabaseUrlError(
                "METER_DATABASE_URL is not a PostgreSQL URL; write it like "
                "postgresql://USER:PASSWORD@HOST:5432/DATABASE and percent-encode special characters of the password"
            ) from None
        own: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "meter", "options": ""}
        merged = {**own, **self._parts}
        merged["options"] = f"{merged['options'] or ''} -c TimeZone=UTC".strip()
        self._conninfo = make_conninfo(**merged)

    @property
    def name(self) -> str:
        """Where it is, for people: host, port and database, without user and password."""
        parts = self._parts
        where = parts.get("host") or parts.get("hostaddr") or "the local socket"
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"PostgreSQL database {parts.get('dbname') or parts.get('user') or 'postgres'!r} at {where}{port}"

    def raw_connection(self) -> Connection:
        """Return an open connection; for SQLAlchemy, which closes it itself."""
        return psycopg.connect(self._conninfo)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection whose work is committed at the end, or undone as a whole on any error.

        Raises:
            DatabaseUnavailableError: it cannot be reached, went away, is full or has no schema.
            DatabaseRefusedError: it refused a statement or a value.
        """
        with self.translated(), psycopg.connect(self._conninfo) as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn psycopg's errors into the store's.

        Their own text is not chained: it can hold the values of a row (DETAIL) or the connection string.
        """
        try:
            yield
        except psycopg.Error as error:
            raise self._explained(error) from None

    def _explained(self, error: psycopg.Error) -> StoreError:
        """Return the store's error for a driver's."""
        diagnosis = getattr(error, "diag", None)
        said = (diagnosis.message_primary if diagnosis else None) or ""
        state = getattr(error, "sqlstate", None) or type(error).__name__
        if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn):
            return DatabaseUnavailableError(
                f"{self.name} has not this version's schema ({said}); run: meter db upgrade"
            )
        if isinstance(error, pg.DiskFull):
            return DatabaseUnavailableError(
                f"{self.name}: the disk is full; nothing was changed; free space and run again"
            )
        if isinstance(error, pg.LockNotAvailable):
            return DatabaseUnavailableError(
                f"{self.name}: others were using the table for too long; nothing was changed; run the same again"
            )
        if isinstance(error, pg.InsufficientPrivilege):
            return DatabaseUnavailableError(f"{self.name} does not let this user do that ({said}); grant it the right")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return DatabaseUnavailableError(
                f"{self.name} cannot be reached or went away ({self._without_secrets(said or str(error))}); "
                "nothing of the unfinished transaction stays; see that it runs and that METER_DATABASE_URL is right, "
                "then run the same again"
            )
        what = said if not isinstance(error, psycopg.DataError | psycopg.IntegrityError) else type(error).__name__
        return DatabaseRefusedError(f"{self.name} refused ({state}: {what}); nothing of the transaction stays")

    def _without_secrets(self, said: str) -> str:
        """Return one line of a message, the password blotted out wherever it might stand."""
        password = str(self._parts.get("password") or "")
        line = " ".join(said.split())
        return line.replace(password, "***") if password else line
