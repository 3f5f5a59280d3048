"""TCP ports: is it free, who has it, and under which address a client reaches it."""

import socket

import psutil

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded.processes import MARKER


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        UnavailableError: the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise UnavailableError(f"METER_HOST is {host!r}, which has no address; 127.0.0.1 is this machine") from error
    except OSError:
        return False
    return True


def any_free(host: str) -> int:
    """A port that nobody listens on at this moment."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.bind(address)
        return int(probe.getsockname()[1])


def taken(title: str, host: str, port: int, variable: str) -> UnavailableError:
    """The error of a port that somebody else has: who, and what to do."""
    return UnavailableError(
        f"{title} cannot listen on {host}:{port}: the port is taken by {_holder(port)}. "
        f"End that process, or set {variable} to another port (0: any that is free)."
    )


def _holder(port: int) -> str:
    """The process that listens on the port, as far as this user may know."""
    try:
        listening = [c for c in psutil.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN and c.pid]
        pid = next((c.pid for c in listening if c.laddr and c.laddr.port == port), None)
        if pid is None:
            return "a process of another user"
        return _describe(psutil.Process(pid))
    except psutil.Error:
        return "a process that may not be looked at"


def _describe(process: psutil.Process) -> str:
    home = None
    try:
        environment = process.environ()
        home = environment.get("METER_HOME") if MARKER in environment else None
    except psutil.Error:  # somebody else's: its name is enough
        home = None
    whose = f", an embedded service of METER_HOME={home}" if home else ""
    return f"{process.name()} (pid {process.pid}{whose})"


def client_host(host: str) -> str:
    """The address a client on this machine uses for a server that listens on `host`, ready for a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  (read, not bound)
    return f"[{host}]" if ":" in host else host
