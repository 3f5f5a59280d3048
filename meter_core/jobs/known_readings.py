"""Readings for people who look closely: as they stand, or as they were known at an instant, and whence each came."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.store import Store

COLUMNS: Final = (
    "meter_id",
    "channel",
    "reading_ts",
    "quality",
    "interval_minutes",
    "units_kwh",
    "source_version",
    "available_ts",
    "source",
    "source_file_id",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which readings.

    Attributes:
        meters: Only these; None: all.
        since: First instant.
        until: End, exclusive.
        as_known_at: By what could be known then.
        as_stored_at: By what had been stored then.
        most: Only so many, the first by meter and channel; None: all.
    """

    meters: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_known_at: datetime | None = None
    as_stored_at: datetime | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class KnownReadings:
    """What was found.

    Attributes:
        out: The CSV that was written; None: none.
        frame: (n, 10) with COLUMNS.
    """

    out: str | None
    frame: pd.DataFrame = field(repr=False)

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.frame)

    def shown(self, most: int) -> list[dict[str, Any]]:
        """Return the first rows as plain JSON types."""
        some = self.frame.head(most)
        texts = {name: some[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("reading_ts", "available_ts")}
        plain = some.assign(**texts).astype(object)
        rows = plain.where(some.notna(), None).itertuples(index=False)
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types: the readings themselves where they were not written to a file."""
        return {"rows": self.rows, "out": self.out, "readings": [] if self.out else self.shown(self.rows)}


def known_readings(asked: Asked, out: Path | None, database_url: SecretStr | str) -> KnownReadings:
    """Return readings, and write them to a CSV where one is named.

    Args:
        asked: Which.
        out: CSV to write.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: no such meter.
        UnavailableError: the CSV cannot be written.
    """
    store = Store(database_url)
    frame = store.readings(**asdict(asked))[list(COLUMNS)]
    if frame.empty and asked.meters and store.readings(meters=asked.meters, most=1).empty:
        raise UsageError(
            f"no reading of {', '.join(asked.meters)} is stored; `meter data completeness` lists the meters"
        )
    if out is not None:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            frame.to_csv(out, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
        except OSError as error:
            raise UnavailableError(f"{out} cannot be written: {error.strerror or error}; say another --out") from error
    return KnownReadings(None if out is None else str(out), frame)
