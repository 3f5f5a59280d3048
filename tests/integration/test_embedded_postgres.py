"""The embedded PostgreSQL: real server processes, killed, restarted, in awkward folders."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import Need, running, services
from meter_core.embedded.home import identity_of
from meter_core.embedded.socket_folder import socket_folder
from meter_core.settings import Settings


@contextlib.contextmanager
def database(settings: Settings):
    with (
        services(settings, {Need.POSTGRES}) as connections,
        psycopg.connect(connections.database_url.get_secret_value(), autocommit=True) as connection,
    ):
        yield connection


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def server_processes(home: Path) -> list[psutil.Process]:
    """Found by what PostgreSQL shows of itself, not by the code under test."""
    name = f"meter-{identity_of(home)}"
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and name in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture
def new_home(tmp_path):
    """With spaces and an umlaut, below a folder that only its owner may enter."""
    closed = tmp_path / "closed to all"
    closed.mkdir(mode=0o700)
    return closed / "x ü y" / ".meter"


@pytest.fixture
def home(new_home, cluster_template):
    """The same, with a cluster in it (that root has copied: so it belongs to root, too)."""
    shutil.copytree(cluster_template, new_home / "postgres")
    return new_home


def test_data_outlive_the_server_and_may_be_copied_back_from_a_backup(new_home, embedded_settings):
    settings = embedded_settings(new_home)
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert server_processes(new_home) == []
    assert running(settings) == []
    with database(settings) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    copy = new_home.parent / "copy"
    shutil.copytree(new_home, copy)
    with database(embedded_settings(copy)) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_it_listens_on_a_private_socket_and_nowhere_else(home, embedded_settings):
    with database(embedded_settings(home)) as connection:
        folder, addresses = connection.execute(
            "SELECT current_setting('unix_socket_directories'), current_setting('listen_addresses')"
        ).fetchone()
        internet = [c for p in server_processes(home) for c in p.net_connections(kind="inet")]
        mode = Path(folder).stat().st_mode & 0o777
    assert (addresses, internet, mode) == ("", [], 0o700)
    assert len(folder) < 100
    assert not Path(folder).exists(), "nothing stays in the folder of temporary files"


def test_a_folder_of_somebody_else_is_not_used_for_the_socket(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    planted = Path("/tmp") / f"meter-{tmp_path.name}"
    planted.symlink_to(tmp_path)
    try:
        folder = socket_folder(tmp_path.name, os.geteuid(), os.getegid())
        assert folder.resolve() != tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.rmdir()
    finally:
        planted.unlink()


def test_another_user_of_the_machine_cannot_connect(home, embedded_settings):
    if os.geteuid() != 0:
        with database(embedded_settings(home)) as connection:
            rules = connection.execute("SELECT type, auth_method, options FROM pg_hba_file_rules").fetchall()
        assert rules == [("local", "peer", ["map=meter"])]
        return
    with database(embedded_settings(home)) as connection:
        url = connection.info.dsn + " user=meter"
        code = f"import psycopg; psycopg.connect({url!r})"
        stranger = ["setpriv", "--reuid=2", "--regid=2", "--clear-groups", "/usr/bin/env", "python3", "-c", code]
        bin_user = subprocess.run(_with_all_rights(stranger, code), capture_output=True, text=True, check=False)
    assert bin_user.returncode != 0
    assert "Peer authentication failed" in bin_user.stderr


def _with_all_rights(command: list[str], code: str) -> list[str]:
    """Even one who may enter every folder is not let in: it is the user that counts."""
    rights = ["--inh-caps=+dac_override,+dac_read_search", "--ambient-caps=+dac_override,+dac_read_search"]
    return [*command[:4], *rights, sys.executable, "-c", code]


def test_the_postmaster_is_killed_under_a_working_backend(home, embedded_settings):
    settings = embedded_settings(home)
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        (busy,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        query = threading.Thread(target=_survive, args=(connection, "SELECT count(*) FROM generate_series(1, 1e10)"))
        query.start()
        (postmaster,) = [p for p in server_processes(home) if "-D" in p.cmdline()]
        orphans = [p for p in server_processes(home) if p.pid != postmaster.pid]
        assert busy in {p.pid for p in orphans}
        for process in orphans:  # hold them, as a busy disk would: they must not notice and go by themselves
            process.suspend()
        try:
            postmaster.kill()
            with database(settings) as again:
                assert again.execute("SELECT value FROM kept").fetchone() == (7,)
                assert not any(_lives(p) for p in orphans)
        finally:
            for process in filter(_lives, orphans):
                process.kill()
            query.join(30)
    assert server_processes(home) == []


def _survive(connection: psycopg.Connection, query: str) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute(query)


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_every_process_is_killed_in_the_middle_of_a_transaction(home, embedded_settings):
    settings = embedded_settings(home)
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        with contextlib.suppress(psycopg.OperationalError), connection.transaction():
            connection.execute("INSERT INTO kept SELECT * FROM generate_series(1, 10000)")
            for process in server_processes(home):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        with database(settings) as again:
            assert again.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def test_state_of_a_server_that_is_gone(home, embedded_settings):
    """After a reboot the pids of the state file and of postmaster.pid belong to others, who must stay unharmed."""
    settings = embedded_settings(home)
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        (state,) = running(settings)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record = home / "run" / "postgres.json"
        record.write_text(record.read_text().replace(f'"pid": {state.pid},', f'"pid": {other.pid},'))
        assert f'"pid": {other.pid},' in record.read_text()
        (home / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n{home}/postgres\n1\n5432\n/nowhere\n\n")
        assert running(settings) == []
        with database(settings) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("text", ["", "{", '{"name": "postgres"}', "\x00\xff"])
def test_a_state_file_that_cannot_be_understood(tmp_path, embedded_settings, text):
    settings = embedded_settings(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "postgres.json").write_text(text)
    assert running(settings) == []


def test_a_lost_state_file_does_not_lead_to_a_second_server(home, embedded_settings):
    settings = embedded_settings(home)
    with database(settings):
        (before,) = running(settings)
        (home / "run" / "postgres.json").unlink()
        with database(settings) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            (after,) = running(settings)
        assert before.pid != after.pid
        assert not psutil.pid_exists(before.pid) or psutil.Process(before.pid).status() == psutil.STATUS_ZOMBIE


def test_a_copy_of_a_home_in_use_does_not_reach_the_original(home, tmp_path, embedded_settings):
    with database(embedded_settings(home)) as connection:
        connection.execute("CREATE TABLE only_in_the_original AS SELECT 7 AS value")
        (original,) = running(embedded_settings(home))
        copy = tmp_path / "copy"
        shutil.copytree(home / "run", copy / "run")
        assert running(embedded_settings(copy)) == []
        with database(embedded_settings(copy)) as other:
            assert other.execute("SELECT to_regclass('only_in_the_original')").fetchone() == (None,)
        assert connection.execute("SELECT value FROM only_in_the_original").fetchone() == (7,)
        assert running(embedded_settings(home)) == [original]


def test_the_making_of_the_cluster_was_interrupted(new_home, embedded_settings):
    half = new_home / "postgres.making-old"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (half / "base").mkdir()
    with database(embedded_settings(new_home)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


def test_a_cluster_that_cannot_start_says_what_its_log_says(home, embedded_settings):
    settings = embedded_settings(home)
    with database(settings):
        pass
    (home / "postgres" / "global" / "pg_control").unlink()
    what = r"(?s)PostgreSQL ended while it was starting.*postgres\.log.*pg_control"
    with pytest.raises(UnavailableError, match=what), database(settings):
        pass
    assert server_processes(home) == []


def test_an_ordinary_user_starts_it(tmp_path, embedded_settings):
    """Root only has to start a process as somebody else; anybody else is an ordinary user anyway."""
    home = tmp_path / "home of nobody"
    home.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("embedded_user.py")), str(home), "postgres"]
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
        who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]  # to pass /root
        command = [*who, *rights, *command]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert (home / "postgres").stat().st_uid == home.stat().st_uid
    assert '"postgres"' in done.stdout
