"""A short private folder for PostgreSQL's socket: the path of a socket has room for about 100 bytes."""

import os
import re
import stat
import tempfile
from pathlib import Path

LONGEST = 80
"""Bytes of the folder's path, so that `/.s.PGSQL.5432.lock` fits below sockaddr_un's 107 (103 on macOS)."""


def socket_folder(identity: str, uid: int, gid: int) -> Path:
    """Makes (or finds) the folder `meter-<identity>`: owned by `uid`, closed to all others.

    A folder of that name that belongs to somebody else is left alone, and another name is taken.
    """
    base = _base()
    folder = base / f"meter-{identity}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours(folder, uid):
            folder = Path(tempfile.mkdtemp(prefix=f"meter-{identity}-", dir=base))
    if folder.lstat().st_uid != uid:
        os.chown(folder, uid, gid)
    return folder


def _base() -> Path:
    """The folder for temporary files, where its path is short and plain enough."""
    folder = tempfile.gettempdir()
    plain = re.fullmatch(r"[A-Za-z0-9/._+-]+", folder) is not None
    return Path(folder) if plain and len(folder.encode()) + 32 <= LONGEST else Path("/tmp")  # noqa: S108 (a private folder below it)


def _is_ours(folder: Path, uid: int) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (uid, os.geteuid()) and status.st_mode & 0o077 == 0
