"""Which meters have enough good data for training, and why the others have not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from meter_core.contracts.errors import UsageError
from meter_core.evaluation.splits import HOLD_OUT_DAYS
from meter_core.features.history import HISTORY_DAYS
from meter_core.store import MeterEvidence, Store

DAYS: Final = HISTORY_DAYS + HOLD_OUT_DAYS
"""A training holds the last days out, and what it learns from needs its history before them."""
LEAST_SHARE: Final = 0.8
"""Measured share of the window below which what is learnt rests on too few like hours."""
SILENT_DAYS: Final = 7

REASONS: Final = {
    "no_readings": "nothing is stored of it in the window",
    "estimated_only": "all its values are estimates, which training never sees",
    "too_young": f"its first reading is less than {DAYS} days before the end",
    "silent": f"nothing was measured in the last {SILENT_DAYS} days",
    "incomplete": f"less than {LEAST_SHARE:.0%} of the window is measured",
    "mixed_intervals": "its values have several interval lengths",
    "always_zero": "every value is zero: out of service, vacant, or stuck",
    "flat": "every value is the same: stuck, or a profile in place of a measurement",
}


@dataclass(frozen=True, slots=True)
class MeterSufficiency:
    """One meter.

    Attributes:
        meter_id: The meter.
        measured: Measured share of the window.
        reasons: Why it has not enough; empty where it has.
    """

    meter_id: str
    measured: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """All meters.

    Attributes:
        since: Beginning of the window.
        until: Its end.
        meters: By id.
    """

    since: datetime
    until: datetime
    meters: Sequence[MeterSufficiency]

    @property
    def sufficient(self) -> int:
        """How many have enough."""
        return sum(not meter.reasons for meter in self.meters)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        why = Counter(reason for meter in self.meters for reason in meter.reasons)
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "sufficient": self.sufficient,
            "insufficient": len(self.meters) - self.sufficient,
            "reasons": {name: {"meters": why[name], "means": REASONS[name]} for name in REASONS if why[name]},
            "meters": [asdict(meter) for meter in self.meters],
        }


def sufficiency(until: datetime | None, database_url: SecretStr | str) -> Sufficiency:
    """Say of each meter whether a training that ends then finds enough good data of it.

    Args:
        until: End of the window; None: that of the newest reading.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: there is no reading.
    """
    store = Store(database_url)
    end = until or store.newest_end()
    if end is None:
        raise UsageError("there is no reading yet; `meter ingest` loads a file")
    since = end - timedelta(days=DAYS)
    found = [_judged(each, since, end) for each in store.evidence_of_meters(since, end)]
    return Sufficiency(since, end, found)


def _judged(meter: MeterEvidence, since: datetime, until: datetime) -> MeterSufficiency:
    """Return what a training finds of one meter."""
    share = timedelta(minutes=meter.measured_minutes) / (until - since)
    return MeterSufficiency(meter.meter_id, share, tuple(_reasons(meter, share, since, until)))


def _reasons(meter: MeterEvidence, share: float, since: datetime, until: datetime) -> list[str]:
    """Return why a meter has not enough; of what has nothing measured only that."""
    if meter.measured_minutes == 0 or meter.last_measured_ts is None:
        return ["estimated_only" if meter.estimated_minutes else "no_readings"]
    low, high = meter.lowest_kwh, meter.highest_kwh
    tests = {
        "too_young": meter.first_ts is None or meter.first_ts > since,
        "silent": meter.last_measured_ts < until - timedelta(days=SILENT_DAYS),
        "incomplete": share < LEAST_SHARE,
        "mixed_intervals": len(meter.lengths) > 1,
        "always_zero": low == high == 0,
        "flat": low == high != 0,
    }
    return [name for name, is_so in tests.items() if is_so]
