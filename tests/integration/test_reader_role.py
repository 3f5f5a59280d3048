"""The role that docs/operations.md gives the service of a cluster: it answers what is asked and changes nothing."""

import asyncio
import re
from pathlib import Path

import psycopg
import pytest

from meter_core.store import Store
from meter_core.store.connection import Database
from meter_core.store.lookups import Lookups
from meter_core.store.promotions import may_be_champion
from tests.integration.postgres_server import PASSWORD

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
OWNER = f"CREATE ROLE meter LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE meter OWNER TO meter"
GONE = "DROP OWNED BY meter_serving CASCADE; DROP ROLE meter_serving; DROP OWNED BY meter CASCADE"


@pytest.fixture(params=["before", "after"])
def reader(request, store_server):
    """The address with that role, made before the schema is, or after."""
    url = store_server.new_database("meter")
    made = re.search(r"```\n(CREATE ROLE meter_serving .*?)```", DOCS.read_text(), re.DOTALL)
    statements = made.group(1).replace("'...'", f"'{PASSWORD}'")
    owned = Store(url.replace("postgres:", "meter:"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OWNER)
        if request.param == "after":
            owned.upgrade()
        connection.execute(statements)
        if request.param == "before":
            owned.upgrade()
        yield url.replace("postgres:", "meter_serving:")
        connection.execute(GONE)
        connection.execute("ALTER DATABASE meter OWNER TO postgres; DROP ROLE meter")


async def asked(url):
    lookups = Lookups(url)
    await lookups.open()
    try:
        return await lookups.meters(None, "", 5), await lookups.meter("M-1", None)
    finally:
        await lookups.close()


def test_it_answers_what_the_service_asks(reader):
    assert asyncio.run(asked(reader)) == ([], None)
    assert may_be_champion(Database(reader), "meter_consumption_v1", "1", "0" * 64) is False


def test_it_changes_nothing(reader):
    for statement in ("DELETE FROM promotion", "UPDATE meter SET meter_id = 'x'", "CREATE TABLE mine (a int)"):
        with psycopg.connect(reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
