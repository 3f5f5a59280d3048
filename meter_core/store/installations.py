"""Devices of meters, and what their registers said at the end of earlier deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd

from meter_core.store.connection import Connection
from meter_core.store.queries import query

COLUMNS = ["meter_id", "valid_from", "valid_until", "device", "multiplier", "register_digits", "fuse_kw"]


@dataclass(frozen=True, slots=True)
class Installation:
    """A device at a metering point.

    Attributes:
        meter_id: The metering point.
        device: Its number.
        valid_from: Since when it measures.
        valid_until: Until when; None where it still does.
        multiplier: What it counts times this is the energy.
        register_digits: Of its register, before the decimal sign; None where not known.
    """

    meter_id: str
    device: str
    valid_from: datetime
    valid_until: datetime | None = None
    multiplier: float = 1.0
    register_digits: int | None = None


def record(connection: Connection, installations: Sequence[Installation]) -> None:
    """Keep devices, in place of those that were recorded for the same meter and beginning; make meters that are new."""
    with connection.cursor() as cursor:
        for statement in ("meet_meter", "record_installation"):
            cursor.executemany(query(statement), [asdict(each) for each in installations])


def installations(connection: Connection, meters: Collection[str]) -> pd.DataFrame:
    """Return the devices of these meters; see `sources.MeterFacts.installations`."""
    rows = connection.execute(query("installations"), {"meters": list(meters)}).fetchall()
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for name in ("valid_from", "valid_until"):
        frame[name] = pd.DatetimeIndex(pd.to_datetime(frame[name], utc=True)).as_unit("us")
    numbers = dict.fromkeys(("multiplier", "register_digits", "fuse_kw"), "float64")
    return frame.astype({"meter_id": "str", "device": "str", **numbers})


def registers(connection: Connection, wanted: pd.DataFrame) -> pd.DataFrame:
    """Return register values as they were loaded before; see `sources.MeterFacts.registers`."""
    begins = wanted["read_ts"] - pd.to_timedelta(wanted["interval_minutes"], unit="min")
    parameters = {
        "meters": wanted["meter_id"].tolist(),
        "channels": wanted["channel"].tolist(),
        "begins": begins.dt.to_pydatetime().tolist(),
        "minutes": wanted["interval_minutes"].tolist(),
        "first_ts": begins.min().to_pydatetime(),
        "last_ts": begins.max().to_pydatetime(),
    }
    found = pd.DataFrame({"value": float("nan"), "device": ""}, index=wanted.index)
    for place, value, device in connection.execute(query("registers"), parameters).fetchall():
        found.loc[wanted.index[place], ["value", "device"]] = [value, device]
    return found
