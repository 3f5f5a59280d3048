"""What keeps an installation in order by itself, each day: months made ahead, old ones archived, completeness drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import SecretStr

from meter_core.jobs.completeness import completeness
from meter_core.jobs.retention import Archived, make_months, retain
from meter_core.settings import Settings
from meter_core.store import Store

MONTHS_AHEAD: Final = 2
WHO: Final = "upkeep"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done.

    Attributes:
        made: Partitions of the coming months that were not there.
        archived: What went to the archive; nothing without METER_KEEP_MONTHS, which counts back from the newest
            reading, so that a feed that stopped keeps its last months.
        deliveries: Kept files that were moved to the archive.
        page: The completeness of the last 90 days; None where there is no reading.
    """

    made: Sequence[str]
    archived: Sequence[Archived]
    deliveries: int
    page: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        archived = [{"table": each.table, "rows": each.rows, "file": each.file} for each in self.archived]
        return {"made": list(self.made), "archived": archived, "deliveries": self.deliveries, "page": self.page}


def upkeep(
    settings: Settings,
    database_url: SecretStr | str,
    progress: Callable[[str], None] = lambda _: None,
    now: datetime | None = None,
) -> Kept:
    """Do what each day wants; the same again finds nothing to do but to draw anew.

    Args:
        settings: Where files are, and how many months stay.
        database_url: Of PostgreSQL.
        progress: Is told what is being done.
        now: The present; None: by the clock.

    Raises:
        UnavailableError: PostgreSQL or the files cannot be reached, or somebody reads an old month for long.
    """
    progress(f"making the months of readings and predictions, {MONTHS_AHEAD} ahead")
    made = make_months(MONTHS_AHEAD, database_url, now)
    archived: Sequence[Archived] = ()
    deliveries = 0
    newest = Store(database_url).newest_end()
    if settings.keep_months is not None and newest is not None:
        why, until = f"METER_KEEP_MONTHS={settings.keep_months}", min(now or datetime.now(UTC), newest)
        done = retain(settings.keep_months, WHO, why, settings, database_url, progress=progress, now=until)
        archived, deliveries = done.archived, done.deliveries
    page = None
    if newest is not None:
        progress("drawing how complete the meters are")
        page = completeness(None, None, settings, database_url).page
    return Kept(made, archived, deliveries, page)
