"""Several processes use one service: it starts once, outlives whoever is killed, and stops with the last one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from meter_core.embedded import Need, running, services


class User:
    """Another process that uses services, until told to leave."""

    def __init__(self, home: Path, *needs: str) -> None:
        script = Path(__file__).with_name("embedded_user.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(home), *needs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def leave(self) -> None:
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def home(tmp_path, cluster_template):
    shutil.copytree(cluster_template, tmp_path / "postgres")
    return tmp_path


@pytest.fixture
def user(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(*needs: str) -> User:
            one = User(tmp_path, *needs)
            stack.callback(one.kill)
            return one

        yield start


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_two_processes_start_it_at_once_and_the_last_one_stops_it(tmp_path, user):
    users = [user("postgres"), user("postgres"), user("postgres")]
    states = [one.answer()["services"]["postgres"] for one in users]
    assert len({state["pid"] for state in states}) == 1
    assert all(state["healthy"] for state in states)
    users[0].leave()
    users[1].leave()
    with psycopg.connect(states[2]["url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    users[2].leave()
    assert is_gone(states[2]["pid"])


def test_a_user_that_is_killed_leaves_the_server_to_the_next_one(home, user, embedded_settings):
    killed = user("postgres")
    pid = killed.answer()["services"]["postgres"]["pid"]
    killed.kill()
    assert not is_gone(pid)
    with services(embedded_settings(home), {Need.POSTGRES}):
        (state,) = running(embedded_settings(home))
        assert state.pid == pid
    assert is_gone(pid)


def test_a_user_is_killed_while_it_starts_the_server(tmp_path, user, embedded_settings):
    starting = user("postgres")
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("postgres*/base")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    starting.kill()
    with (
        services(embedded_settings(tmp_path), {Need.POSTGRES}) as connections,
        psycopg.connect(connections.database_url.get_secret_value()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    name = f"-D {tmp_path}"
    assert not [p for p in psutil.process_iter(["cmdline"]) if name in " ".join(p.info["cmdline"] or [])]


def test_uses_within_one_process_nest(home, embedded_settings):
    settings = embedded_settings(home)
    with services(settings, {Need.POSTGRES}) as outer:
        with services(settings, {Need.POSTGRES}) as inner:
            assert inner.database_url == outer.database_url
        with psycopg.connect(outer.database_url.get_secret_value()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        (state,) = running(settings)
    assert is_gone(state.pid)


def test_a_forked_child_does_not_keep_the_server_from_stopping(home, embedded_settings):
    settings = embedded_settings(home)
    inherited_read, inherited_write = os.pipe()
    with services(settings, {Need.POSTGRES}):
        (state,) = running(settings)
        child = os.fork()
        if child == 0:  # what a process pool of another library does
            os.close(inherited_write)
            os.read(inherited_read, 1)
            os._exit(0)
    assert is_gone(state.pid)
    os.close(inherited_write)
    os.waitpid(child, 0)
    os.close(inherited_read)


def test_the_home_is_used_from_another_container(home, embedded_settings):
    """A stand-in: a record that names another boot, and a lease that somebody else holds."""
    import fcntl

    settings = embedded_settings(home)
    with services(settings, {Need.POSTGRES}):
        (state,) = running(settings)
    record = home / "run" / "postgres.json"
    there = json.loads(record.read_text()) | {"machine": "another boot pid:[1]"}
    record.write_text(json.dumps(there))
    with (home / "run" / "postgres.lease").open() as lease:
        fcntl.flock(lease, fcntl.LOCK_SH)
        with (
            pytest.raises(Exception, match=rf"in use from another container .* runs as pid {state.pid}"),
            services(settings, {Need.POSTGRES}),
        ):
            pass
    with services(settings, {Need.POSTGRES}):  # nobody holds it any more: the record is merely old
        assert len(running(settings)) == 1
