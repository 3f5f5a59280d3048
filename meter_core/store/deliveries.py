"""Deliveries that were recorded: found by what people know of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import PARTS
from meter_core.store.connection import Connection
from meter_core.store.queries import query

SHORTEST_DIGEST: Final = 6
DIGEST: Final = re.compile(rf"^[0-9a-f]{{{SHORTEST_DIGEST},64}}$")


@dataclass(frozen=True, slots=True)
class RecordedDelivery:
    """A row of `source_file`.

    Attributes:
        id: Its number.
        file_name: As delivered, without folder.
        file_digest: SHA-256 of the file as delivered.
        profile: Name of the source profile it was read by.
        profile_digest: SHA-256 of everything that decided how it was read.
        declared: What that profile declared; None for deliveries from before this was kept.
        zone: IANA zone of its meters.
        zone_assumed: Whether nobody said the zone.
        kept_as: Where the file is kept under the files root; None where it is not.
        kept_digest: SHA-256 of what is kept, unpacked, where a meter was erased from it; None where it is as delivered.
        status: `loaded` or `stopped`.
        reason: Why it was stopped.
        lines: Delivered lines of data.
        rows: Delivered values of energy, the sum of the five that follow.
        recorded_at: When it was loaded or stopped.
        first_ts: First instant of its values; None where none was loaded, or nobody noted it.
        last_ts: Last instant, likewise.
    """

    id: int
    file_name: str
    file_digest: str
    profile: str
    profile_digest: str
    declared: dict[str, Any] | None
    zone: str
    zone_assumed: bool
    kept_as: str | None
    kept_digest: str | None
    status: str
    reason: str | None
    lines: int
    rows: int
    loaded: int
    superseded: int
    outranked: int
    duplicates: int
    quarantined: int
    recorded_at: datetime
    first_ts: datetime | None
    last_ts: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """Return what people ask of a delivery, as JSON types."""
        about = {"delivery": self.id, "file": self.file_name, "profile": self.profile, "status": self.status}
        about["sha256"] = self.file_digest
        return about | {name: getattr(self, name) for name in ("rows", *PARTS)} | {"recorded_at": str(self.recorded_at)}


def interval_means(connection: Connection) -> dict[str, frozenset[str]]:
    """Return for each source (profile) what it delivers as interval means."""
    found: dict[str, frozenset[str]] = {}
    for profile, quantities in connection.execute(query("quantities")).fetchall():
        means = {name for name, kind in quantities.items() if kind == "interval_mean"}
        found[profile] = found.get(profile, frozenset()) | means
    return found


def deliveries(connection: Connection, ids: Sequence[int] | None = None) -> list[RecordedDelivery]:
    """Return deliveries in the order in which they were recorded; all of them without ids."""
    with connection.cursor(row_factory=class_row(RecordedDelivery)) as cursor:
        return cursor.execute(query("deliveries"), {"ids": None if ids is None else list(ids)}).fetchall()


def find_delivery(connection: Connection, name: str) -> RecordedDelivery:
    """Return the delivery of this number, file name, or beginning of a digest.

    Raises:
        UsageError: there is none, or several.
    """
    among = deliveries(connection)
    found = [each for each in among if str(each.id) == name] or [each for each in among if each.file_name == name]
    if not found and DIGEST.match(name):
        found = [each for each in among if each.file_digest.startswith(name)]
    if not found:
        raise UsageError(
            f"no delivery is known by {name!r}; say its number, its file name without folder, or at least "
            f"{SHORTEST_DIGEST} digits of its SHA-256 (meter data deliveries lists them)"
        )
    if len(found) > 1:
        listed = ", ".join(f"{each.id} (of {each.recorded_at:%Y-%m-%d %H:%M}, {each.profile})" for each in found)
        raise UsageError(f"{len(found)} deliveries are known by {name!r}; say the number of one: {listed}")
    return found[0]
