"""Who may start or stop a service (a lock) and who uses it (a lease). The kernel frees both when a process dies."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from meter_core.contracts.errors import UnavailableError

POLL_SECONDS = 0.05


class CancelledError(Exception):
    """Somebody asked to stop waiting: another service failed, or the person pressed Ctrl-C."""


def check(cancel: threading.Event) -> None:
    """Raises CancelledError when `cancel` is set."""
    if cancel.is_set():
        raise CancelledError


@contextmanager
def exclusive(
    path: Path, *, patience_seconds: float, cancel: threading.Event, waiting: Callable[[], None]
) -> Iterator[None]:
    """Holds the lock file `path`; `waiting` is called once if somebody else has it.

    Raises:
        UnavailableError: somebody held it for longer than `patience_seconds`.
    """
    descriptor = _open(path)
    try:
        _lock_exclusively(descriptor, path, patience_seconds, cancel, waiting)
        yield
    finally:
        os.close(descriptor)


def _lock_exclusively(
    descriptor: int, path: Path, patience_seconds: float, cancel: threading.Event, waiting: Callable[[], None]
) -> None:
    deadline = time.monotonic() + patience_seconds
    told = False
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        check(cancel)
        if not told:
            waiting()
            told = True
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"{path}: another meter process has been starting or stopping this service for more than "
                f"{patience_seconds:.0f} s; see who it is with `fuser {path}`, end it and try again"
            )
        time.sleep(POLL_SECONDS)


class Lease:
    """A shared lock that says: this process uses the service. Take it and give it back under the service's lock."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_only(self) -> bool:
        """Whether nobody else holds a lease at this moment."""
        only = _try_lock(self._descriptor, fcntl.LOCK_EX)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return only

    def give_back(self) -> None:
        """Ends the lease, also for children that were forked meanwhile."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
