"""What is known of each meter on each of its local days, and the stretches of time without a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from meter_core.contracts.readings import DEFAULT_CHANNEL, TARGET_QUALITIES
from meter_core.store.connection import Connection
from meter_core.store.queries import query


@dataclass(frozen=True, slots=True)
class KnownMinutes:
    """What is known of a meter on a local day.

    Attributes:
        meter_id: The meter.
        day: On its local clock.
        measured: Minutes with a measured value, or one that was checked by a person.
        estimated: Minutes with an estimate.
        missing: Minutes that were delivered as missing.
    """

    meter_id: str
    day: date
    measured: int
    estimated: int
    missing: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time without a value.

    Attributes:
        meter_id: The meter.
        since: Where it begins, UTC.
        until: Where it ends: the next value, or the end of the window.
        interval_minutes: Length of the interval before it.
    """

    meter_id: str
    since: datetime
    until: datetime
    interval_minutes: int


def newest_end(connection: Connection) -> datetime | None:
    """Return the end of the newest interval of the main channel; None where there is no reading."""
    row = connection.execute(query("newest_day"), {"channel": DEFAULT_CHANNEL}).fetchone()
    return row[0] if row else None


def known_minutes(
    connection: Connection, since: datetime, until: datetime
) -> tuple[dict[str, tuple[str, datetime]], list[KnownMinutes]]:
    """Return meter -> (zone, its first reading), and what is known on each local day that has any row."""
    parameters: dict[str, Any] = {"channel": DEFAULT_CHANNEL, "since": since, "until": until}
    parameters["qualities"] = list(TARGET_QUALITIES)
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    meters = connection.execute(query("meters_with_their_first"), parameters).fetchall()
    rows = connection.execute(query("known_minutes"), parameters).fetchall()
    return {meter: (zone, first) for meter, zone, first in meters}, [KnownMinutes(*row) for row in rows]


def gaps(connection: Connection, since: datetime, until: datetime, meters: Sequence[str] | None = None) -> list[Gap]:
    """Return the stretches without a value, estimates counting as values."""
    parameters = {"channel": DEFAULT_CHANNEL, "since": since, "until": until}
    rows = connection.execute(query("gaps"), {**parameters, "meters": meters}).fetchall()
    return [Gap(*row) for row in rows]
