"""What every kind of server has in common: how it is started, awaited, recognised and ended."""

import hashlib
import json
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import psutil

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import ports, processes, records
from meter_core.embedded.connections import ADDRESSES, Connections, reveal
from meter_core.embedded.home import Home
from meter_core.embedded.locks import check
from meter_core.embedded.needs import Need
from meter_core.settings import Settings

Progress = Callable[[str], None]
START_SECONDS = 180.0
"""A first start migrates databases, and disks may be cold. A process that dies ends the wait at once."""
LOG_BYTES = 5_000_000
_NOT_HANDED_ON = ADDRESSES | {"PYTHONDONTWRITEBYTECODE"}
"""Without compiled modules MLflow and Prefect take twice as long to start, every time."""


class DiedError(UnavailableError):
    """A server ended while it was starting."""


class Server(ABC):
    """One service of one home. Subclasses say what to run; this class runs it.

    Attributes:
        need: Which service this is.
        title: What a person calls it.
        port_setting: Name of the field of Settings with its TCP port, or None.
        told: Fields of Connections that it is told; of other services it knows nothing.
    """

    need: Need
    title: str
    port_setting: str | None = None
    told: tuple[str, ...] = ()
    stop_signal = signal.SIGTERM
    stop_seconds = 20.0

    def __init__(self, home: Home, settings: Settings, connections: Connections) -> None:
        self.home = home
        self.settings = settings
        self.connections = connections.only(self.told)

    @abstractmethod
    def command(self, port: int | None) -> list[str]:
        """The command line of the server in the foreground."""

    @abstractmethod
    def url(self, port: int | None) -> str:
        """Where the server will be reached."""

    @abstractmethod
    def is_healthy(self, record: records.Record) -> bool:
        """Whether it answers now."""

    def prepare(self) -> None:  # noqa: B027  (a step that not every server has)
        """Makes what has to be there before the start."""

    def finish(self, record: records.Record) -> None:  # noqa: B027  (likewise)
        """Makes what can only be made once it answers."""

    def variables(self, port: int | None) -> dict[str, str]:
        """Environment variables of its own."""
        return {}

    def folder(self) -> Path:
        """The working folder of the server."""
        return self.home.folder

    def extra(self) -> dict[str, str]:
        """What the record keeps beside pid and URL."""
        return {}

    @property
    def marker(self) -> str:
        """What its processes carry in their environment."""
        return f"{self.need}:{self.home.identity}"

    @property
    def inputs(self) -> str:
        """Digest of what it is told about other services: with another one it has to be started anew."""
        told = [str(reveal(getattr(self.connections, field))) for field in self.told]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def environment(self, port: int | None) -> dict[str, str]:
        """The whole environment of the server."""
        return {
            **{name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON},
            **self.connections.environment(),
            processes.MARKER: self.marker,
            "PYTHONUNBUFFERED": "1",
            **self.variables(port),
        }

    def processes(self) -> list[psutil.Process]:
        """Everything of this service that lives, whoever started it."""
        return processes.marked(self.marker)

    def stop(self) -> None:
        """Asks the first process to end and gives it time to see its children off; then the rest, and then kills."""
        ours = self.processes()
        pids = {process.pid for process in ours}
        processes.end([one for one in ours if processes.parent(one) not in pids], self.stop_signal, self.stop_seconds)
        processes.end(self.processes(), self.stop_signal, 5.0)


def start(server: Server, cancel: threading.Event) -> records.Record:
    """Starts the server and waits until it answers. To be called under the service's lock.

    Raises:
        UnavailableError: it cannot be started; the text says why and what to do.
    """
    server.stop()  # remains of one that was killed
    server.prepare()
    while True:
        port = choose_port(server)
        try:
            return _start_on(server, port, cancel)
        except DiedError:
            if not _was_snatched(server, port):
                raise


def _start_on(server: Server, port: int | None, cancel: threading.Event) -> records.Record:
    log = server.home.log(server.need)
    _shorten(log)
    written_before = log.stat().st_size if log.exists() else 0
    pid = processes.launch(server.command(port), server.environment(port), server.folder(), log)
    try:
        record = _record(server, pid, port)
        if record is None:
            raise _died(server, log, written_before)
        _await_health(server, record, written_before, cancel)
        server.finish(record)
    except BaseException:
        server.stop()
        raise
    records.write(server.home, record)
    return record


def _record(server: Server, pid: int, port: int | None) -> records.Record | None:
    identity = processes.identity(pid)
    if identity is None:
        return None
    return records.Record(
        name=server.need,
        home=server.home.identity,
        pid=pid,
        identity=identity,
        machine=processes.machine(),
        port=port,
        url=server.url(port),
        started_at=records.now(),
        inputs=server.inputs,
        extra=server.extra(),
    )


def _await_health(server: Server, record: records.Record, written_before: int, cancel: threading.Event) -> None:
    log = server.home.log(server.need)
    deadline = time.monotonic() + START_SECONDS
    while not server.is_healthy(record):
        check(cancel)
        if not record.is_alive():
            raise _died(server, log, written_before)
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"{server.title} (pid {record.pid}) did not answer at {record.url} within {START_SECONDS:.0f} s; "
                f"the end of {log}:\n{last_lines(log, written_before)}"
            )
        time.sleep(0.05)


def _died(server: Server, log: Path, written_before: int) -> DiedError:
    return DiedError(
        f"{server.title} ended while it was starting. The end of its log, {log}:\n{last_lines(log, written_before)}"
    )


def last_lines(log: Path, written_before: int = 0, count: int = 12) -> str:
    """The last `count` lines of the log that were written after byte `written_before`."""
    with log.open("rb") as file:
        file.seek(max(written_before, log.stat().st_size - 20_000))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing was written)"


def choose_port(server: Server) -> int | None:
    """The port from the settings; for 0 the one it had last time, so that pages stay where they were, or any.

    Raises:
        UnavailableError: the port is taken.
    """
    if server.port_setting is None:
        return None
    host, wanted = server.settings.host, getattr(server.settings, server.port_setting)
    if wanted:
        if not ports.is_free(host, wanted):
            raise ports.taken(server.title, host, wanted, f"METER_{server.port_setting.upper()}")
        return int(wanted)
    before = records.read(server.home, server.need)
    if before is not None and before.port and ports.is_free(host, before.port):
        return before.port
    return ports.any_free(host)


def _was_snatched(server: Server, port: int | None) -> bool:
    """Whether somebody took the port between our look at it and the server's: then any other will do."""
    if port is None or server.port_setting is None or getattr(server.settings, server.port_setting) == port:
        return False
    return not ports.is_free(server.settings.host, port)


def _shorten(log: Path) -> None:
    """Moves a long log aside, over the one before."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
