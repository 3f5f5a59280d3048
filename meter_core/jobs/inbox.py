"""The inbox: files dropped into `inbox/PROFILE/` are ingested; one that is stopped is set aside with the reason."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import SecretStr

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.finding import Finding, Severity
from meter_core.embedded.files_away import files_reached
from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
from meter_core.store import COUNTS

INBOX: Final = "inbox"
STOPPED: Final = "inbox_stopped"
REASON_END: Final = ".reason.txt"

UNFINISHED: Final = (".part", ".partial", ".filepart", ".tmp", ".crdownload")
"""How programs name a file that they are still writing; so do names that begin with a dot."""

SETTLE_SECONDS: Final = 2.0
"""A file that changed within this time is still being written and is left for the next run."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file in the inbox.

    Attributes:
        profile: Name of its folder: the source profile.
        name: Of the file.
        path: In the file system of the inbox.
        size: Bytes.
        changed: When it was last written, as the file system says it.
    """

    profile: str
    name: str
    path: str
    size: int
    changed: datetime


class Inbox:
    """The folders `inbox` and `inbox_stopped` under the root of all files, on a disk or in a bucket."""

    def __init__(self, files_root: str) -> None:
        self.files, root = fsspec.core.url_to_fs(files_root)
        self.root = str(root).rstrip("/")

    def waiting(self) -> list[Waiting]:
        """Return what lies in the inbox, oldest first.

        Raises:
            UnavailableError: the object store that it lies in is away.
        """
        with files_reached(self.root):
            return self._found(f"{self.root}/{INBOX}")

    def _found(self, folder: str) -> list[Waiting]:
        self.files.invalidate_cache()
        if not self.files.isdir(folder):
            return []
        found = [
            self._waiting(profile["name"], entry)
            for profile in self.files.ls(folder, detail=True)
            if profile["type"] == "directory"
            for entry in self.files.ls(profile["name"], detail=True)
            if entry["type"] == "file" and is_finished(PurePosixPath(entry["name"]).name)
        ]
        return sorted(found, key=lambda item: (item.changed, item.profile, item.name))

    def settled(self, wait: Callable[[float], None] = time.sleep) -> list[Waiting]:
        """Return what lies in the inbox and is not being written any more."""
        before = set(self.waiting())
        if not before:
            return []
        wait(SETTLE_SECONDS)
        return [item for item in self.waiting() if item in before]

    @contextmanager
    def local(self, item: Waiting) -> Iterator[Path]:
        """Give the file as a path on this machine: itself where it is on a disk, else a copy under its own name."""
        if isinstance(self.files, LocalFileSystem):
            yield Path(item.path)
            return
        with tempfile.TemporaryDirectory(prefix="meter-inbox-") as folder:
            copy = Path(folder) / item.name
            self.files.get_file(item.path, str(copy))
            yield copy

    def is_unchanged(self, item: Waiting) -> bool:
        """Say whether the file is still the one that was listed: a newer one of the same name is another delivery."""
        try:
            return self._waiting(item.profile, self.files.info(item.path)) == item
        except FileNotFoundError:
            return False

    def remove(self, item: Waiting) -> None:
        """Take a loaded file out of the inbox; the delivery itself is kept under `deliveries/`."""
        if self.is_unchanged(item):
            self.files.rm_file(item.path)

    def set_aside(self, item: Waiting, reason: str) -> None:
        """Move a stopped file out of the way, and say beside it why."""
        if not self.is_unchanged(item):
            return
        folder = f"{self.root}/{STOPPED}/{item.profile}"
        self.files.makedirs(folder, exist_ok=True)
        there = free_name(item.name, lambda name: self.files.exists(f"{folder}/{name}"))
        self.files.mv(item.path, f"{folder}/{there}")
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        self.files.pipe_file(f"{folder}/{there}{REASON_END}", f"{stamp} {reason}\n".encode())

    def _waiting(self, folder: str, entry: Mapping[str, Any]) -> Waiting:
        path = str(entry["name"])
        changed = self.files.modified(path)
        return Waiting(PurePosixPath(folder).name, PurePosixPath(path).name, path, int(entry["size"]), changed)


def is_finished(name: str) -> bool:
    """Say whether a name is one that a program gives a file it has finished writing."""
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or with a number in front where it is taken."""
    tries = (name, *(f"{number}-{name}" for number in range(2, 10_000)))
    return next(each for each in tries if not taken(each))


@dataclass(frozen=True, slots=True)
class InboxResult:
    """What became of the files in the inbox.

    Attributes:
        files: The keys that `ingest` has for each file; of one that it did not take, name, zeros and the reason.
        seconds: Taken in all.
        data_docs: Where the pages of the deliveries are listed; None where none was judged.
    """

    files: Sequence[Mapping[str, Any]]
    seconds: float
    data_docs: str | None

    @property
    def stopped(self) -> str | None:
        """Why files were set aside; None where all were loaded."""
        return "; ".join(each["stopped"] for each in self.files if each["stopped"]) or None

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of `meter ingest --json`."""
        total = {name: sum(each[name] for each in self.files) for name in COUNTS}
        about = {"seconds": self.seconds, "data_docs": self.data_docs, "stopped": self.stopped}
        return {**total, **about, "files": list(self.files)}


def ingest_inbox(
    settings: Settings,
    database_url: SecretStr | str,
    progress: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> InboxResult:
    """Ingest everything that lies in the inbox, oldest file first, each as a delivery of its own.

    A file that was loaded is removed (its content is kept under `deliveries/`); one that a check stopped, that cannot
    be read, or whose folder is no known profile goes to `inbox_stopped/PROFILE/` with the reason beside it. A file that
    changed while it was read stays for the next run.

    Args:
        settings: Where the files are, and the limits.
        database_url: Of PostgreSQL.
        progress: Is told each file and what is done with it.
        wait: Sleeps while files settle.

    Raises:
        UnavailableError: PostgreSQL is away; files that were not done yet are still in the inbox.
    """
    begun = time.monotonic()
    inbox = Inbox(settings.files_root)
    files = []
    for item in inbox.settled(wait):
        with inbox.local(item) as path:
            taken = _ingest(path, item, settings, database_url, progress)
        _put(inbox, item, taken["stopped"])
        files.append(taken)
    if not files:
        progress(f"{settings.files_root}/{INBOX} is empty: nothing to do")
    docs = f"{settings.data_docs_root}/index.html"
    judged = any(each["data_docs"] for each in files)
    return InboxResult(files, time.monotonic() - begun, docs if judged else None)


def _ingest(
    path: Path, item: Waiting, settings: Settings, database_url: SecretStr | str, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Ingest one file; return what became of it, also where `ingest` does not take it at all."""
    try:
        return ingest([path], item.profile, None, settings, database_url, progress).files[0].as_dict()
    except (RefusedError, UsageError) as error:
        finding = Finding("not_taken", item.name, Severity.ERROR, str(error))
        about = {"known": False, "stopped": str(error), "data_docs": None, "kept_as": None}
        return {"file": item.name, **dict.fromkeys(COUNTS, 0), **about, "findings": [finding.as_dict()]}


def _put(inbox: Inbox, item: Waiting, stopped: str | None) -> None:
    """Take a file out of the inbox: away where it was loaded, aside where it was stopped."""
    if stopped:
        inbox.set_aside(item, stopped)
    else:
        inbox.remove(item)
