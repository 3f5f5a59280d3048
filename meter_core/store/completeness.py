"""What is known of each meter on each of its local days, and the stretches of time without a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

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


@dataclass(frozen=True, slots=True)
class MeterEvidence:
    """What a window holds of a meter's values.

    Attributes:
        meter_id: The meter.
        first_ts: Its first reading ever; None without any.
        last_measured_ts: Its last measured value in the window.
        measured_minutes: With measured values.
        estimated_minutes: With estimates.
        lengths: Interval lengths in minutes.
        lowest_kwh: Of the measured values.
        highest_kwh: Of them.
    """

    meter_id: str
    first_ts: datetime | None
    last_measured_ts: datetime | None
    measured_minutes: int
    estimated_minutes: int
    lengths: list[int]
    lowest_kwh: float | None
    highest_kwh: float | None


def evidence_of_meters(connection: Connection, since: datetime, until: datetime) -> list[MeterEvidence]:
    """Return what the window holds of each meter."""
    parameters = {"channel": DEFAULT_CHANNEL, "since": since, "until": until, "qualities": list(TARGET_QUALITIES)}
    with connection.cursor(row_factory=class_row(MeterEvidence)) as cursor:
        return cursor.execute(query("evidence_of_meters"), parameters).fetchall()


def newest_end(connection: Connection) -> datetime | None:
    """Return the end of the newest interval of the main channel; None where there is no reading."""
    row = connection.execute(query("newest_day"), {"channel": DEFAULT_CHANNEL}).fetchone()
    return row[0] if row else None


def known_minutes(
    connection: Connection, since: datetime, until: datetime, meters: Sequence[str]
) -> tuple[dict[str, tuple[str, datetime]], list[KnownMinutes]]:
    """Return, of these meters, meter -> (zone, its first reading), and what is known on each local day with a row."""
    parameters: dict[str, Any] = {"channel": DEFAULT_CHANNEL, "since": since, "until": until, "meters": list(meters)}
    parameters["qualities"] = list(TARGET_QUALITIES)
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    found = connection.execute(query("meters_with_their_first"), parameters).fetchall()
    rows = connection.execute(query("known_minutes"), parameters).fetchall()
    return {meter: (zone, first) for meter, zone, first in found}, [KnownMinutes(*row) for row in rows]


def gaps(connection: Connection, since: datetime, until: datetime, meters: Sequence[str] | None = None) -> list[Gap]:
    """Return the stretches without a value, estimates counting as values."""
    parameters = {"channel": DEFAULT_CHANNEL, "since": since, "until": until}
    rows = connection.execute(
        query("gaps"), {**parameters, "meters": None if meters is None else list(meters)}
    ).fetchall()
    return [Gap(*row) for row in rows]
