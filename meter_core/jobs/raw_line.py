"""A line of a kept delivery, as it was delivered."""

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import SecretStr

from meter_core.contracts.errors import UsageError
from meter_core.jobs.kept_deliveries import restored
from meter_core.jobs.recorded_profiles import profile_of
from meter_core.settings import Settings
from meter_core.sources import raw_lines
from meter_core.store import Store


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line.

    Attributes:
        delivery: Its number.
        file: The file's name.
        digest: SHA-256 of the file, which the kept one has.
        line: Its number in the file; the header is 1.
        text: As delivered, without line end.
    """

    delivery: int
    file: str
    digest: str
    line: int
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def raw_line(place: str, settings: Settings, database_url: SecretStr | str) -> RawLine:
    """Return a line of a kept delivery.

    Args:
        place: `FILE:LINE`; FILE is a delivery's number, file name or beginning of its digest.
        settings: Where files are kept.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: no such delivery or line, or the file is not kept.
        UnavailableError: the kept file or PostgreSQL cannot be reached.
    """
    name, line = parse_place(place)
    delivery = Store(database_url).delivery(name)
    with restored(delivery, settings.files_root) as path:
        lines = raw_lines(path, profile_of(delivery).encoding, {line})
    return RawLine(delivery.id, delivery.file_name, delivery.file_digest, line, lines[line])


def parse_place(place: str) -> tuple[str, int]:
    """Return file and line of `FILE:LINE`.

    Raises:
        UsageError: it is not one.
    """
    name, colon, line = place.rpartition(":")
    if not (colon and name and line.isascii() and line.isdigit() and int(line) > 0):
        raise UsageError(f"{place!r} is no FILE:LINE; write it like day.csv:812, as the messages of `meter ingest` do")
    return name, int(line)
