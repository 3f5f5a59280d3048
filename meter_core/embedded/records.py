"""`home/run/<name>.json`: which process a service is, so that others can use it and a dead one is recognised."""

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from meter_core.embedded import processes


class Record(BaseModel):
    """A server that was started and answered.

    Attributes:
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


def path_of(run: Path, name: str) -> Path:
    """The state file of the service `name`."""
    return run / f"{name}.json"


def read(run: Path, name: str) -> Record | None:
    """The record, or None where there is none or it cannot be understood (then it describes nothing we could use)."""
    try:
        return Record.model_validate_json(path_of(run, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write(run: Path, record: Record) -> None:
    """Replaces the record as a whole: readers see the old or the new one."""
    path = path_of(run, record.name)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.write_text(record.model_dump_json(indent=1))
    draft.chmod(0o600)
    draft.replace(path)


def now() -> datetime:
    """The present instant in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
