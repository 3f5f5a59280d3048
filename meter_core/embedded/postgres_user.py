"""As which user PostgreSQL runs. It refuses to be root; then another user runs it, with as few rights as it needs."""

import os
import pwd
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meter_core.contracts.errors import UnavailableError

_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}
"""Rights to pass folders that are closed to the user, the smaller one first, with their bits (capabilities(7))."""


@dataclass(frozen=True)
class RunAs:
    """A user and the words that go before a command to run it as that user.

    Attributes:
        uid: User id of the server and owner of the cluster.
        gid: Its group.
        prefix: Empty when we are that user ourselves.
    """

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def run_as(cluster: Path, reached: Iterable[Path]) -> RunAs:
    """Who runs the cluster: ourselves, or as root the cluster's owner, the home's owner, `postgres` or `nobody`.

    Args:
        cluster: Folder of the cluster, there already or not.
        reached: Folders the server has to get to.

    Raises:
        UnavailableError: we are root and cannot become anybody else.
    """
    if os.geteuid() != 0:
        _check_has_name(os.geteuid())
        return RunAs(os.geteuid(), os.getegid())
    user = _somebody_else(cluster)
    return RunAs(user.pw_uid, user.pw_gid, _prefix(user, reached))


def _check_has_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError as error:
        raise UnavailableError(
            f"PostgreSQL wants a name for user id {uid}, and /etc/passwd has none: add one "
            "(in a container, start it with a user of its image), or set METER_DATABASE_URL"
        ) from error


def _somebody_else(cluster: Path) -> pwd.struct_passwd:
    owners = [folder.stat().st_uid for folder in (cluster, cluster.parent) if folder.exists()]
    users = {user.pw_uid: user for user in pwd.getpwall()}
    names = {user.pw_name: user for user in users.values()}
    candidates = [users.get(uid) for uid in owners if uid != 0] + [names.get("postgres"), names.get("nobody")]
    found = next((user for user in candidates if user is not None), None)
    if found is None:
        raise UnavailableError(
            "PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody`: "
            "run meter as an ordinary user, or set METER_DATABASE_URL to a server that runs already"
        )
    return found


def _prefix(user: pwd.struct_passwd, reached: Iterable[Path]) -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise UnavailableError(
            "PostgreSQL refuses to run as root, and `setpriv` (package util-linux) is missing, which lets it run as "
            f"{user.pw_name}: install it, run meter as an ordinary user, or set METER_DATABASE_URL"
        )
    identity = (setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    closed = next((place for folder in reached for place in _closed_to(user, folder)), None)
    rights = "-all" if closed is None else f"-all,+{_capability(user, closed)}"
    return (*identity, f"--inh-caps={rights}", *((f"--ambient-caps={rights}",) if closed is not None else ()), "--")


def _closed_to(user: pwd.struct_passwd, folder: Path) -> list[Path]:
    """The folder and its parents that the user may not pass."""
    places = [place for place in (folder, *folder.parents) if place.exists()]
    return [place for place in places if not _may_pass(user, place)]


def _may_pass(user: pwd.struct_passwd, folder: Path) -> bool:
    status = folder.stat()
    return bool(status.st_mode & (0o100 if status.st_uid == user.pw_uid else 0o001))


def _capability(user: pwd.struct_passwd, closed: Path) -> str:
    ours = _our_capabilities()
    for name, bit in _CAPABILITIES.items():
        if ours >> bit & 1:
            return name
    raise UnavailableError(
        f"PostgreSQL refuses to run as root; it would run as {user.pw_name}, who may not pass {closed}: "
        f"set METER_HOME to a folder outside of it, or run meter as an ordinary user"
    )


def _our_capabilities() -> int:
    """The bits of what this process may do and hand on."""
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return int(lines["CapEff"], 16) & int(lines["CapBnd"], 16)
