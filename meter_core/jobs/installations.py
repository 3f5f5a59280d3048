"""Devices of metering points from a CSV file into PostgreSQL: multipliers, register digits, exchanges."""

import csv
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from meter_core.contracts.errors import UsageError
from meter_core.settings import Settings
from meter_core.store import Installation, Store

HEADER: Final = ("meter_id", "device", "valid_from", "valid_until", "multiplier", "register_digits")


class _Line(BaseModel):
    """A line of the file; what is blank is as if it were not there."""

    model_config = ConfigDict(extra="forbid")

    meter_id: Annotated[str, Field(min_length=1)]
    device: Annotated[str, Field(min_length=1)]
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None = None
    multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    register_digits: Annotated[int, Field(ge=1, le=15)] | None = None


def record_installations(path: Path, settings: Settings, database_url: SecretStr | str) -> int:
    """Record the devices of a file, all or none; the same again is harmless. Return how many it has.

    Args:
        path: CSV in UTF-8 with the header `HEADER`; `valid_until`, `multiplier` and `register_digits` may be blank.
        settings: Whether the database is the embedded one.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: no such file, or a line of it cannot be; names line, field and value.
        UnavailableError: PostgreSQL cannot be reached.
    """
    devices = _read(path)
    store = Store(database_url)
    if settings.database_url is None or not store.has_schema():
        store.upgrade()
    store.record_installations(devices)
    return len(devices)


def _read(path: Path) -> list[Installation]:
    """Return the devices of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"{path} cannot be read: {reason}; say a CSV file with the header {','.join(HEADER)}"
        ) from error
    lines = csv.DictReader(text.splitlines())
    missing = [name for name in HEADER[:3] if name not in (lines.fieldnames or [])]
    if missing:
        raise UsageError(f"{path.name} line 1 lacks {', '.join(missing)}; its header has to be {','.join(HEADER)}")
    return [_installation(line, f"{path.name} line {lines.line_num}") for line in lines]


def _installation(line: dict[str, Any], where: str) -> Installation:
    """Return one line's device.

    Raises:
        UsageError: it cannot be.
    """
    try:
        said = _Line.model_validate({name: value.strip() for name, value in line.items() if value and value.strip()})
    except (ValidationError, AttributeError) as error:
        raise UsageError(f"{where}: {_problem(error)}; nothing was recorded") from error
    if said.valid_until is not None and said.valid_until <= said.valid_from:
        raise UsageError(
            f"{where}: valid_until {_iso(said.valid_until)} is not after valid_from {_iso(said.valid_from)}"
        )
    return Installation(**said.model_dump())


def _iso(instant: datetime) -> str:
    return instant.isoformat()


def _problem(error: Exception) -> str:
    """Return what is wrong with a line, field by field."""
    if not isinstance(error, ValidationError):
        return f"it has more fields than the header {','.join(HEADER)}"
    return "; ".join(f"{each['loc'][0]} is {each['input']!r}: {each['msg']}" for each in error.errors())
