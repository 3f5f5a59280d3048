"""Weather in PostgreSQL: places, temperatures with their clocks, and where the meters stand."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from meter_core.contracts.errors import UsageError
from meter_core.contracts.weather import Place, WeatherValues
from meter_core.store.connection import Connection
from meter_core.store.queries import query

BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
END: Final = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WantedWeather:
    """Which temperatures.

    Attributes:
        places: Of these places.
        since: Earliest instant that they are for; None: from the first.
        until: That instant is before it; None: to the last.
        known_at: Of each instant the one that counts of those that could be known then; None: all that ever could.
        stored_at: What this system had stored then; None: all that is.
    """

    places: Collection[str]
    since: datetime | None = None
    until: datetime | None = None
    known_at: datetime | None = None
    stored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemovedPlace:
    """What was removed.

    Attributes:
        place: Its name.
        meters: That stood there, of their own or by default.
        temperatures: That were stored of it.
    """

    place: str
    meters: int
    temperatures: int


def record_weather(connection: Connection, values: WeatherValues) -> int:
    """Keep temperatures, make places that are new; return how many are new or others than before."""
    columns = {
        "place": values.place.tolist(),
        "valid_s": values.valid_s.tolist(),
        "issued_s": values.issued_s.tolist(),
        "observed": values.observed.tolist(),
        "temperature_c": values.temperature_c.tolist(),
    }
    connection.execute(query("meet_place"), {"places": sorted(set(columns["place"]))})
    return connection.execute(query("record_weather"), columns | {"source": values.source}).rowcount


def record_place(connection: Connection, place: Place) -> None:
    """Keep a place; coordinates that are not given stay as they were. There is one default at most."""
    if place.is_default:
        connection.execute(query("no_default_place"), {"place": place.place})
    connection.execute(query("record_place"), asdict(place))


def stand_at(connection: Connection, place: str, meters: Sequence[str]) -> None:
    """Say that meters stand at a place.

    Raises:
        UsageError: some of them are not stored.
    """
    found = connection.execute(query("stand_at"), {"place": place, "meters": list(meters)}).fetchall()
    if unknown := sorted(set(meters) - {meter_id for (meter_id,) in found}):
        raise UsageError(
            f"{len(unknown)} of the meters are not stored, {unknown[0]!r} first; ingest their readings before"
        )


def remove_place(connection: Connection, place: str, and_leave: bool) -> RemovedPlace:
    """Remove a place and its temperatures.

    Args:
        connection: of a transaction.
        place: its name.
        and_leave: whether meters that stand there are left to the default place, or to none.

    Raises:
        UsageError: there is no such place, or meters stand there that are not to leave it.
    """
    standing = connection.execute(query("stand_at_place"), {"place": place}).fetchone()
    if standing is None:
        known = ", ".join(each.place for each in places(connection)) or "none"
        raise UsageError(f"there is no place {place!r}; there are: {known}")
    (meters,) = standing
    if meters and not and_leave:
        raise UsageError(
            f"place {place!r} has meters that stand there, {meters}, of their own or because it is the default; say "
            "where they stand now (`meter weather place NAME --meter ID`, or `--default` for all others), or say "
            "--and-leave: then their forecasts are made with the weather of the default place, or with none"
        )
    connection.execute(query("leave_place"), {"place": place})
    temperatures = connection.execute(query("remove_weather"), {"place": place}).rowcount
    connection.execute(query("remove_place"), {"place": place})
    return RemovedPlace(place, meters, temperatures)


def places(connection: Connection) -> list[Place]:
    """Return all places by name."""
    return [Place(*row) for row in connection.execute(query("places")).fetchall()]


def place_of_meters(connection: Connection, meters: Collection[str] | None) -> dict[str, str]:
    """Return meter -> place, of these meters or all, as far as they have one."""
    wanted = {"meters": None if meters is None else list(meters)}
    return dict(connection.execute(query("place_of_meters"), wanted).fetchall())


def newest_forecasts(connection: Connection) -> dict[str, dict[str, datetime]]:
    """Return for each place where meters stand when each source issued its newest forecast, oldest first."""
    found: dict[str, dict[str, datetime]] = {}
    for place, source, issued_at in connection.execute(query("newest_forecasts")).fetchall():
        found.setdefault(place, {}).update({source: issued_at} if source else {})
    return found


def weather(connection: Connection, wanted: WantedWeather) -> WeatherValues:
    """Return temperatures, sorted by place and instant."""
    which = query("weather_between" if wanted.known_at is None else "weather_as_known")
    rows = connection.execute(which, _parameters(wanted)).fetchall()
    place, valid_s, issued_s, observed, temperature_c = zip(*rows, strict=True) if rows else ((),) * 5
    return WeatherValues(
        "store",
        np.array(place, dtype=object),
        np.array(valid_s, dtype=np.int64),
        np.array(issued_s, dtype=np.int64),
        np.array(observed, dtype=bool),
        np.array(temperature_c, dtype=np.float64),
    )


def _parameters(wanted: WantedWeather) -> dict[str, Any]:
    """Return the SQL parameters."""
    return {
        "places": list(wanted.places),
        "since": wanted.since or BEGINNING,
        "until": wanted.until or END,
        "known_at": wanted.known_at,
        "recorded_until": wanted.stored_at or END,
    }
