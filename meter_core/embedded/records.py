"""`home/run/<name>.json`: which process a service is, so that others can use it and a dead one is recognised."""

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from meter_core.embedded import processes
from meter_core.embedded.home import Home


class Record(BaseModel):
    """A server that was started and answered.

    Attributes:
        home: Identity of the home: a copy of it brings the record along, but not the server.
        pid: Its first process.
        identity: What tells that process from a later one with the same pid.
        machine: Boot and pid space in which the pid means something.
        port: TCP port, or None for a socket in a folder.
        url: Where it is reached.
        started_at: UTC.
        inputs: Digest of what it was told about other services.
        extra: What only this kind of service needs to know of itself.
    """

    name: str
    home: str
    pid: int
    identity: str
    machine: str
    port: int | None
    url: str
    started_at: datetime
    inputs: str
    extra: dict[str, str] = {}

    def is_alive(self) -> bool:
        """Whether this very process still runs, here."""
        return self.machine == processes.machine() and processes.identity(self.pid) == self.identity


def read(home: Home, name: str) -> Record | None:
    """The record; None where there is none, or one that describes nothing we could use."""
    try:
        record = Record.model_validate_json(_path(home, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return record if record.home == home.identity else None


def write(home: Home, record: Record) -> None:
    """Replaces the record as a whole: readers see the old or the new one."""
    path = _path(home, record.name)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.write_text(record.model_dump_json(indent=1))
    draft.chmod(0o600)
    draft.replace(path)


def _path(home: Home, name: str) -> Path:
    return home.run / f"{name}.json"


def now() -> datetime:
    """The present instant in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
