"""Fixtures: fresh databases with the product's schema, on the wheel's PostgreSQL and on 15."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from meter_core.store import Store
from tests.integration.postgres_server import DEBIAN_15, WHEEL, Server, postgres_server

TEMPLATE = "schema_template"
_numbers = count()

SERVERS = [
    pytest.param(WHEEL, id="embedded"),
    pytest.param(
        DEBIAN_15,
        id="postgres15",
        marks=pytest.mark.skipif(not DEBIAN_15.is_dir(), reason=f"PostgreSQL 15 is not installed in {DEBIAN_15}"),
    ),
]


@pytest.fixture(scope="session", params=SERVERS)
def store_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with a database to copy new ones from."""
    with postgres_server(request.param) as server:
        Store(server.new_database(TEMPLATE)).upgrade()
        yield server


@pytest.fixture
def database_url(store_server: Server) -> str:
    """A new database with the schema, nothing in it."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(store_server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return store_server.url(name)


@pytest.fixture
def store(database_url: str) -> Store:
    """The store on it."""
    return Store(database_url)


def ask(database_url: str, statement: str, *parameters: object) -> list[tuple]:
    """Look into the database past the store."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement, parameters or None).fetchall()
