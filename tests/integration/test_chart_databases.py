"""The script that makes the chart's databases, on real servers: each role logs in with its password, whatever it is."""

import os
import re
import subprocess
import textwrap
from pathlib import Path

import psycopg
import pytest

from tests.integration.postgres_server import PASSWORD

TEMPLATE = Path(__file__).parents[2] / "helm" / "meter" / "templates" / "postgres.yaml"
PASSWORDS = {"meter": "a'b\"c\\d e$HOME", "prefect": "p" * 32, "mlflow": ":name -- /#?"}


@pytest.fixture
def ran(store_server):
    """Runs the script, some variables of it changed or left out."""
    script = textwrap.dedent(re.search(r"databases\.sh: \|\n(.*?)---", TEMPLATE.read_text(), re.DOTALL).group(1))
    given = {f"{name.upper()}_PASSWORD": password for name, password in PASSWORDS.items()}
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(store_server.port), "PGPASSWORD": PASSWORD}

    def run(**changed):
        env = {**os.environ, "PATH": f"{store_server.binaries}:{os.environ['PATH']}", "POSTGRES_USER": "postgres"}
        env |= {key: value for key, value in (server | given | changed).items() if value is not None}
        return subprocess.run(["bash", "-e", "-c", script], env=env, capture_output=True, text=True, check=False)

    yield run
    with psycopg.connect(store_server.url(), autocommit=True) as connection:
        for name in PASSWORDS:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"DROP ROLE IF EXISTS {name}")


def test_each_role_has_its_database_and_password(ran, store_server):
    done = ran()
    assert (done.returncode, done.stderr) == (0, "")
    for name, password in PASSWORDS.items():
        at = {"host": "127.0.0.1", "port": store_server.port, "user": name, "dbname": name}
        with psycopg.connect(**at, password=password) as connection:
            connection.execute("CREATE TABLE mine (a int)")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(**at, password="another")


def test_a_password_that_is_not_given_ends_it(ran):
    assert ran(PREFECT_PASSWORD=None).returncode != 0
