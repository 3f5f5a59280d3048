"""The schema, and what the store says when PostgreSQL does not do as wished."""

import socket
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.store import Store
from meter_core.store.connection import Database
from meter_core.store.schema import config_of, engine_of, newest_revision
from tests.integration.postgres_server import PASSWORD
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, standing

CONTRACT = {
    "source_file",
    "meter",
    "meter_installation",
    "topology",
    "meter_reading",
    "meter_reading_history",
    "quarantined_reading",
    "prediction_run",
    "prediction",
    "promotion",
    "meter_data_raw",
}


def test_every_table_of_the_contract_is_there(database_url):
    there = ask(database_url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    assert {name for (name,) in there} >= CONTRACT


def test_tables_and_migrations_say_the_same(store, database_url):
    deliver(store, "a", [row(0, 1.0)])  # with partitions, which are no difference
    with engine_of(Database(database_url)).begin() as connection:
        assert command.check(config_of(connection)) is None  # it raises where they differ


def test_upgrade_again_is_harmless(store):
    deliver(store, "a", [row(0, 1.0)])
    assert store.upgrade() == store.upgrade() == newest_revision()
    assert standing(store) == {0: 1.0}


def test_a_new_database_upgraded_by_several_at_once(store_server):
    url = store_server.new_database("several")
    assert not Store(url).has_schema()
    with ThreadPoolExecutor(4) as pool:
        revisions = list(pool.map(lambda _: Store(url).upgrade(), range(4)))
    assert revisions == [newest_revision()] * 4
    assert Store(url).has_schema()


def test_downgrade_and_upgrade(store_server):
    url = store_server.new_database("back_and_forth")
    Store(url).upgrade()
    with engine_of(Database(url)).begin() as connection:
        command.downgrade(config_of(connection), "base")
    assert ask(url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == [(1,)]
    assert Store(url).upgrade() == newest_revision()


def test_the_database_itself_refuses_an_accounting_that_does_not_add_up(store, database_url):
    deliver(store, "a", [row(0, 1.0)])
    with pytest.raises(psycopg.errors.CheckViolation, match="source_file_accounting"):
        ask(database_url, "UPDATE source_file SET loaded = 2")


def test_without_a_schema_it_says_how_to_make_one(store_server):
    with pytest.raises(UnavailableError, match="meter db upgrade"):
        Store(store_server.new_database("nothing")).readings()


def test_a_schema_of_a_later_version_is_used_and_not_touched(store_server, caplog):
    url = store_server.new_database("later")
    Store(url).upgrade()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert Store(url).upgrade() == "9999"
    assert "later version (9999)" in caplog.text
    assert ask(url, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert Store(url).readings().empty, "code that was rolled back goes on with it"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://user:{PASSWORD}@host/db",
        f"postgresql://user:{PASSWORD}@host:port/db?nonsense=1",
        f"postgresql://user:{PASSWORD}%ZZ@host/db",
        f"://user:{PASSWORD}@host",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url):
    with pytest.raises(UsageError, match="METER_DATABASE_URL") as caught:
        Store(SecretStr(url))
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_named_without_the_password():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=rf"'db' at 127\.0\.0\.1:{port} cannot be reached") as caught:
            Store(f"postgresql://user:{PASSWORD}@127.0.0.1:{port}/db").readings()
    assert PASSWORD not in str(caught.value)
    assert caught.value.exit_status == 3


def test_a_wrong_password_is_not_repeated(store_server):
    wrong = store_server.url().replace(PASSWORD, "w4ong-one")
    with pytest.raises(UnavailableError, match="authentication failed") as caught:
        Store(wrong).readings()
    assert "w4ong-one" not in str(caught.value)


def test_a_user_without_rights_is_told_so(store_server, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    with pytest.raises(UnavailableError, match="grant"):
        Store(database_url.replace("postgres:", "reader:")).readings()
