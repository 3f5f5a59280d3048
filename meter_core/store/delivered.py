"""What the store has to know of a delivery and its verdict, and what it answers. Sources and quality fit in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from meter_core.contracts.readings import COUNTS


class SourceProfile(Protocol):
    """How a delivery was read."""

    @property
    def name(self) -> str:
        """What `--source` says."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides how a file is read."""

    @property
    def declared(self) -> Mapping[str, Any]:
        """Everything it declares, as JSON types: from it the same profile is made again."""

    @property
    def units(self) -> Mapping[str, str]:
        """Quantity -> delivered unit, where it is not the canonical one."""

    @property
    def quantities(self) -> Mapping[str, str]:
        """Auxiliary quantity -> `instant` or `interval_mean`."""


class DeliveredFile(Protocol):
    """A delivery, about to be loaded."""

    @property
    def file_name(self) -> str:
        """Without folder."""

    @property
    def profile(self) -> SourceProfile:
        """How it was read."""

    @property
    def zone(self) -> str:
        """IANA zone of its meters."""

    @property
    def zone_assumed(self) -> bool:
        """Whether nobody said the zone."""


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """By what a delivery is known.

    Attributes:
        file_digest: SHA-256 of the file as delivered.
        profile_digest: SHA-256 of how it was read.
        zone: IANA zone of its meters.
    """

    file_digest: str
    profile_digest: str
    zone: str

    def parameters(self) -> dict[str, str]:
        """Return the key as SQL parameters."""
        return {"file_digest": self.file_digest, "profile_digest": self.profile_digest, "zone": self.zone}


@dataclass(frozen=True, slots=True)
class StoppedDelivery:
    """A delivery of which nothing is loaded.

    Attributes:
        key: By what it is known.
        file_name: Without folder.
        profile: How it was read.
        lines: Delivered lines of data, 0 where it cannot be read.
        rows: Delivered values of energy, likewise.
        line_from: First line of the range.
        line_to: Its last line.
        code: Why, as a stable code.
        reason: Why, in words.
        kept_as: Where the file itself is kept.
    """

    key: DeliveryKey
    file_name: str
    profile: SourceProfile
    lines: int
    rows: int
    line_from: int
    line_to: int
    code: str
    reason: str
    kept_as: str | None = None


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """The accounting of a delivery.

    Attributes:
        lines: Delivered lines of data.
        rows: Delivered values of energy: the sum of the five that follow.
        loaded: New keys, and missing values that were filled.
        superseded: Values that displaced one, and words that took one back.
        outranked: Values that did not displace the one that stands.
        duplicates: Equal key and value.
        quarantined: Not loaded, kept with their code and line.
        known: Whether this very delivery had been loaded before.
        source_file_id: Its row in `source_file`.
        interval_conflicts: Of the quarantined, those that only the store could find: another interval length stands
            under the same key.
    """

    lines: int
    rows: int
    loaded: int = 0
    superseded: int = 0
    outranked: int = 0
    duplicates: int = 0
    quarantined: int = 0
    known: bool = False
    source_file_id: int = 0
    interval_conflicts: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the seven figures of the accounting."""
        return {name: getattr(self, name) for name in COUNTS}


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is stored, and how fresh it is.

    Attributes:
        meters: That are known.
        loaded: Values that were ever loaded or displaced one.
        newest_reading_ts: UTC; None where there is no reading.
        quarantined: Values that wait in quarantine, of deliveries that were loaded.
        stopped: Deliveries of which nothing was loaded.
        predictions: That were ever made.
        newest_prediction_at: UTC; None before the first.
    """

    meters: int
    loaded: int
    newest_reading_ts: datetime | None
    quarantined: int
    stopped: int
    predictions: int
    newest_prediction_at: datetime | None
