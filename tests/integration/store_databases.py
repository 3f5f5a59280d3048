"""Fixtures: empty databases with the product's schema, on the wheel's PostgreSQL and on 15."""

from collections.abc import Iterator

import psycopg
import pytest

from meter_core.store import Store
from tests.integration.postgres_server import DEBIAN_15, WHEEL, Server, postgres_server

DATABASE = "tests"

EMPTY = """
DO $$ DECLARE partition regclass; BEGIN
  FOR partition IN SELECT inhrelid::regclass FROM pg_inherits
                    WHERE inhparent IN ('meter_reading'::regclass, 'prediction'::regclass)
  LOOP EXECUTE 'DROP TABLE ' || partition; END LOOP;
END $$;
DELETE FROM quarantined_reading; DELETE FROM source_file; DELETE FROM meter_reading_history;
DELETE FROM meter_installation; DELETE FROM meter; DELETE FROM topology; DELETE FROM weather; DELETE FROM weather_place;
DELETE FROM prediction_run; DELETE FROM promotion; DELETE FROM intervention;
"""

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
    """A server with a database that has the schema."""
    with postgres_server(request.param) as server:
        Store(server.new_database(DATABASE)).upgrade()
        yield server


@pytest.fixture
def database_url(store_server: Server) -> str:
    """The URL of that database, nothing in it: emptying takes a tenth of the time that making one does."""
    url = store_server.url(DATABASE)
    with psycopg.connect(url) as connection:
        connection.execute(EMPTY)
    return url


@pytest.fixture
def store(database_url: str) -> Store:
    """The store on it."""
    return Store(database_url)


def ask(database_url: str, statement: str, *parameters: object) -> list[tuple]:
    """Look into the database past the store."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement, parameters or None).fetchall()
