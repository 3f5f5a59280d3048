"""The folder METER_HOME: where each piece of embedded state lies, and the errors of a folder that cannot be used."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from meter_core.contracts.errors import UnavailableError

PRIVATE = 0o700


@dataclass(frozen=True)
class Home:
    """An absolute folder that exists, belongs to us and can be written.

    Attributes:
        folder: METER_HOME, absolute.
        identity: 12 hex digits that name this folder on this machine, also after it was moved.
    """

    folder: Path
    identity: str

    @property
    def run(self) -> Path:
        """State files, locks and leases."""
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        """One log file a service."""
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """The log file of the service `name`."""
        return self.logs / f"{name}.log"

    def part(self, name: str) -> Path:
        """The private subfolder `name`, made if it is not there."""
        return make_folder(self.folder / name)


def open_home(folder: Path) -> Home:
    """Makes METER_HOME if it is not there and checks that it can be written.

    Raises:
        UnavailableError: it cannot be made or written; the text says whose it is and what to do.
    """
    folder = folder.absolute()
    for part in (folder, folder / "run", folder / "logs"):
        make_folder(part)
    _try_writing(folder / "run")
    return Home(folder, identity_of(folder))


def identity_of(folder: Path) -> str:
    """12 hex digits from the folder's device and inode: two containers may well have the same path."""
    status = folder.stat()
    return hashlib.sha256(f"{status.st_dev}:{status.st_ino}".encode()).hexdigest()[:12]


def make_folder(folder: Path) -> Path:
    """The folder, made for this user alone if it is not there.

    Raises:
        UnavailableError: it cannot be made.
    """
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise not_usable(folder, error) from error
    return folder


def _try_writing(folder: Path) -> None:
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise not_usable(folder, error) from error


def not_usable(path: Path, error: OSError) -> UnavailableError:
    """The error of a path under METER_HOME that cannot be written: why, whose it is, and the remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnavailableError(
            f"METER_HOME: {path} cannot be written ({error.strerror}). "
            "Free some space there, or set METER_HOME to a folder on another disk."
        )
    return UnavailableError(
        f"METER_HOME: {path} cannot be written ({error.strerror}); {_whose(path)}. "
        f"Set METER_HOME to a folder that {_user_name(os.geteuid())} can write, or make this one writable."
    )


def _whose(path: Path) -> str:
    """Who owns the path, or what of it exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    try:
        status = path.lstat()
    except OSError:  # a parent may not even be looked at: then that is what there is to say
        return f"{path} may not be looked at by {_user_name(os.geteuid())}"
    return f"{path} ({stat.filemode(status.st_mode)}) belongs to {_user_name(status.st_uid)}"


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
