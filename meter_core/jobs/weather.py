"""`meter weather`: where meters stand, temperatures from files or Open-Meteo into PostgreSQL, and what there is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UnreachableError, UsageError
from meter_core.contracts.weather import Place, WeatherValues
from meter_core.jobs.weather_freshness import FRESH_FOR
from meter_core.settings import Settings
from meter_core.sources.open_meteo import OpenMeteo
from meter_core.sources.weather_file import read_weather
from meter_core.store import Store

Progress = Callable[[str], None]


class WeatherProvider(Protocol):
    """What knows the weather of places: another one is another class with these two methods."""

    def forecast(self, place: Place) -> WeatherValues:
        """Return the newest forecast of a place."""

    def history(self, place: Place, since: date, until: date) -> WeatherValues:
        """Return what was measured and forecast on past days."""


@dataclass(frozen=True, slots=True)
class WeatherResult:
    """What a load or fetch did.

    Attributes:
        places: names of those whose weather came.
        values: temperatures that came.
        stored: of them those that are new, or others than before.
        failed: place -> why its weather did not come.
        seconds: it took.
    """

    places: tuple[str, ...]
    values: int
    stored: int
    failed: dict[str, str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def load_weather(files: Sequence[Path], database_url: SecretStr | str) -> WeatherResult:
    """Store what files hold; the same again changes nothing.

    Raises:
        SourceError: a file cannot be read or a value of it cannot be; nothing of any file is stored then.
        UnavailableError: PostgreSQL cannot be reached.
    """
    began, store = time.monotonic(), Store(database_url)
    found = [read_weather(file) for file in files]
    stored = sum(store.record_weather(values) for values in found)
    places = sorted({place for values in found for place in values.place.tolist()})
    return WeatherResult(tuple(places), sum(map(len, found)), stored, {}, time.monotonic() - began)


def fetch_weather(
    settings: Settings,
    database_url: SecretStr | str,
    progress: Progress = lambda _: None,
    days: tuple[date, date] | None = None,
    provider: WeatherProvider | None = None,
) -> WeatherResult:
    """Ask a provider for the weather of every place with coordinates, and store it.

    A place that the provider refuses or gives no answer for is named in the result and keeps no other from being
    asked for; where there is no way to the provider, no more places are asked for.

    Args:
        settings: of this process.
        database_url: of PostgreSQL.
        progress: is told what is being done.
        days: first day and the one after the last, for the past; None: the newest forecast.
        provider: whom to ask; None: Open-Meteo.

    Raises:
        UnavailableError: PostgreSQL cannot be reached.
    """
    began, store = time.monotonic(), Store(database_url)
    asked = provider or OpenMeteo(settings.open_meteo_key, settings.open_meteo_url)
    values = stored = 0
    places, failed = [], dict[str, str]()
    wanted = [place for place in store.places() if place.latitude is not None]
    for number, place in enumerate(wanted):
        progress(f"asking for the weather of {place.place}")
        try:
            found = asked.forecast(place) if days is None else asked.history(place, *days)
        except UnreachableError as error:
            failed |= dict.fromkeys((each.place for each in wanted[number:]), str(error))
            break
        except (UnavailableError, UsageError) as error:
            failed[place.place] = str(error)
            continue
        stored += store.record_weather(found)
        values += len(found)
        places.append(place.place)
    return WeatherResult(tuple(places), values, stored, failed, time.monotonic() - began)


def past_days(since: date | None, until: date | None) -> tuple[date, date] | None:
    """Return the days that are asked for, None where the newest forecast is.

    Raises:
        UsageError: an end without a beginning, or not after it.
    """
    if since is None:
        if until is not None:
            raise UsageError(f"weather until {until} begins nowhere; say --from too")
        return None
    end = until or datetime.now(UTC).date()
    if end <= since:
        raise UsageError(f"weather from {since} until {end} is none; say a later --until")
    return since, end


def set_place(place: Place, meters: Sequence[str], database_url: SecretStr | str) -> dict[str, Any]:
    """Keep a place and say which meters stand there.

    Raises:
        UsageError: coordinates that are none, or meters that are not stored; nothing is kept then.
        UnavailableError: PostgreSQL cannot be reached.
    """
    if (place.latitude is None) != (place.longitude is None):
        raise UsageError("a place has latitude and longitude, or neither; give both")
    if not (abs(place.latitude or 0.0) <= 90 and abs(place.longitude or 0.0) <= 180):
        raise UsageError(f"latitude {place.latitude} and longitude {place.longitude} are none; degrees north and east")
    store = Store(database_url)
    store.record_place(place, meters)
    return {"place": place.place, "meters": len(set(meters)), "places": len(store.places())}


def remove_place(place: str, and_leave: bool, database_url: SecretStr | str) -> dict[str, Any]:
    """Remove a place with its temperatures.

    Args:
        place: its name.
        and_leave: whether meters may stand there: they are left to the default place, or to none.
        database_url: of PostgreSQL.

    Raises:
        UsageError: there is no such place, or meters stand there; nothing is removed then.
        UnavailableError: PostgreSQL cannot be reached.
    """
    return asdict(Store(database_url).remove_place(place, and_leave))


def weather_shown(database_url: SecretStr | str) -> dict[str, Any]:
    """Return what is stored of each place, and which are not fresh.

    Raises:
        UnavailableError: PostgreSQL cannot be reached.
    """
    found = Store(database_url).weather_summary()
    old = datetime.now(UTC) - FRESH_FOR
    return {"places": [_shown(each, old) for each in found]}


def _shown(summary: dict[str, Any], old: datetime) -> dict[str, Any]:
    """Return the summary of a place as plain JSON types; whether its newest forecast is younger than an instant."""
    newest = summary["newest_forecast_at"]
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in summary.items()}
    return plain | {"fresh": newest is not None and newest >= old}
