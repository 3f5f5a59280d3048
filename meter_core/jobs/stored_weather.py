"""The weather that is stored of meters' places, as features take it."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from meter_core.contracts.forecasts import FORECAST_HOURS
from meter_core.features.readings import ReadingTable
from meter_core.features.weather import REACH_DAYS, PlaceWeather, weather_by_place
from meter_core.store import Store
from meter_core.store.weather import WantedWeather


def with_stored_weather(
    table: ReadingTable, store: Store, first_s: int | None = None, made_s: int | None = None
) -> ReadingTable:
    """Return the table with what is stored of the weather where its meters stand, and without their own temperatures.

    A forecast sees of it what was known at its moment.

    Args:
        table: readings.
        store: with the weather.
        first_s: UTC seconds of the earliest origin; None: the first reading.
        made_s: UTC seconds at which all forecasts are made, so that no more is read than what counts then; None: each
            at its origin.
    """
    if not len(table):
        return table.without_temperature()
    since_s = int(table.ts_s.min()) if first_s is None else first_s
    meters, known_at = set(table.meter_id.tolist()), None if made_s is None else datetime.fromtimestamp(made_s, UTC)
    return table.with_weather(stored_weather(store, meters, since_s, int(table.ts_s.max()), known_at=known_at))


def stored_weather(
    store: Store,
    meters: Collection[str],
    first_s: int,
    last_s: int,
    stored_at: datetime | None = None,
    known_at: datetime | None = None,
) -> dict[str, PlaceWeather]:
    """Return meter -> weather of its place, as far as forecasts between two instants look at it.

    Args:
        store: with the weather.
        meters: those asked for.
        first_s: UTC seconds of the earliest origin.
        last_s: of the latest.
        stored_at: only what was stored then; None: all.
        known_at: only what counted at this one moment; None: all that counts at any.
    """
    stands = store.place_of_meters(meters)
    if not stands:
        return {}
    wanted = WantedWeather(
        places=set(stands.values()),
        since=datetime.fromtimestamp(first_s, UTC) - timedelta(days=REACH_DAYS),
        until=datetime.fromtimestamp(last_s, UTC) + timedelta(hours=FORECAST_HOURS, days=REACH_DAYS),
        known_at=known_at,
        stored_at=stored_at,
    )
    of_places = weather_by_place(store.weather(wanted))
    return {meter: of_places[place] for meter, place in stands.items() if place in of_places}
