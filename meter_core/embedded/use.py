"""One process's use of one service: start or share it, and stop it when this was the last use."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import processes, records
from meter_core.embedded.home import not_usable
from meter_core.embedded.locks import Lease, check, exclusive
from meter_core.embedded.server import START_SECONDS, Progress, Server, last_lines, start

LOCK_SECONDS = START_SECONDS + 60.0
"""Longer than whoever holds the lock may take to start the service."""
ANSWER_SECONDS = 20.0
"""How long a server that lives may take to answer before it counts as stuck."""


@dataclass(frozen=True)
class Use:
    """A service in use, until `release`."""

    server: Server
    record: records.Record
    lease: Lease

    def release(self) -> None:
        """Ends this use; the last one stops the service."""
        with exclusive(
            _lock(self.server), patience_seconds=LOCK_SECONDS, cancel=threading.Event(), waiting=lambda: None
        ):
            _leave(self.server, self.lease)


def acquire(server: Server, cancel: threading.Event, say: Progress, keep: Callable[[Use], None]) -> None:
    """Starts the service or shares the one that runs, and hands its use to `keep`.

    Raises:
        UnavailableError: it neither runs nor can be started.
        CancelledError: `cancel` was set meanwhile; then nothing is left behind.
    """
    try:
        with exclusive(
            _lock(server),
            patience_seconds=LOCK_SECONDS,
            cancel=cancel,
            waiting=lambda: say(f"{server.title}: another meter process is starting or stopping it; waiting"),
        ):
            keep(_acquire_locked(server, cancel, say))
    except OSError as error:
        raise _explained(server, error) from error


def _explained(server: Server, error: OSError) -> UnavailableError:
    """What the operating system refused: something under the home, or something the server is made of."""
    path = Path(os.fsdecode(error.filename)) if error.filename is not None else server.home.folder
    if path.is_relative_to(server.home.folder):
        return not_usable(path, error)
    return UnavailableError(f"{server.title} cannot be started: {error}; `make install` puts its parts in place")


def _acquire_locked(server: Server, cancel: threading.Event, say: Progress) -> Use:
    lease = Lease(server.home.run / f"{server.need}.lease")
    try:
        record = _shared(server, lease, cancel)
        if record is None:
            say(f"{server.title}: starting")
            begun = time.monotonic()
            record = start(server, cancel)
            where = f" at {record.url}" if record.port else ""
            say(f"{server.title}: ready after {time.monotonic() - begun:.1f} s{where}")
        return Use(server, record, lease)
    except BaseException:
        _leave(server, lease)
        raise


def _shared(server: Server, lease: Lease, cancel: threading.Event) -> records.Record | None:
    """The server that runs already; None where there is none that can be used.

    Raises:
        UnavailableError: others use it, and it cannot be shared.
    """
    record = records.read(server.home, server.need)
    if record is None:
        return None
    if not record.is_alive():
        _check_not_elsewhere(server, record, lease)
        return None
    why_not = _why_not(server, record, cancel)
    if why_not is None:
        return record
    if record.is_alive() and not lease.is_only():
        log = server.home.log(server.need)
        raise UnavailableError(
            f"{server.title} (pid {record.pid}) {why_not}, and another meter process uses it: end that one "
            f"and try again, or set METER_HOME to another folder. The end of {log}:\n{last_lines(log)}"
        )
    return None


def _why_not(server: Server, record: records.Record, cancel: threading.Event) -> str | None:
    """Why the live server cannot be shared; None where it can."""
    if record.inputs != server.inputs:
        return "was started with other settings"
    deadline = time.monotonic() + ANSWER_SECONDS
    while not server.is_healthy(record):
        check(cancel)
        if not record.is_alive():
            return "has ended"
        if time.monotonic() > deadline:
            return f"does not answer at {record.url}"
        time.sleep(0.1)
    return None


def _check_not_elsewhere(server: Server, record: records.Record, lease: Lease) -> None:
    """Two containers may share one home: then the server is alive although its pid means nothing here.

    Raises:
        UnavailableError: it is used there.
    """
    if record.machine != processes.machine() and not lease.is_only():
        raise UnavailableError(
            f"{server.home.folder} is in use from another container or machine, where {server.title} runs as pid "
            f"{record.pid}: end it there, or set METER_HOME to another folder"
        )


def _leave(server: Server, lease: Lease) -> None:
    """Gives the lease back; stops the service if nobody else has one. To be called under the lock."""
    try:
        if lease.is_only():
            server.stop()
    finally:
        lease.give_back()


def _lock(server: Server) -> Path:
    return server.home.run / f"{server.need}.lock"
