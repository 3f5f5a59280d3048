"""Flow: the newest weather forecast of every place, before each batch of forecasts."""

from datetime import date
from functools import partial
from typing import Any, Final

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.states import State

from flows import notices
from flows.outcome import Result, conclude, done, failed, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.contracts.errors import UnavailableError
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings

REMEDY: Final = "Do what the cause says of the place; the page of the run names all. The next run asks again."


@flow(name="fetch_weather", timeout_seconds=TIMEOUT_SECONDS, **SHOWN)
def fetch_weather(since: date | None = None, until: date | None = None) -> State[Any]:
    """Ask Open-Meteo for the weather of every place with coordinates, and store it.

    Without any place it has nothing to do. A run that fails keeps no prediction from being made: forecasts then use
    what is stored, or none.

    Args:
        since: First past day, UTC. Empty: the newest forecast.
        until: The day after the last past one. Empty: today.
    """
    return conclude("weather", partial(fetch, since, until), report, went=tell_how)


@retried("fetch the weather")
def fetch(since: date | None, until: date | None) -> Result:
    """Call the job, again only where PostgreSQL is away: the client has its own tries, and says what failed."""
    from meter_core.jobs.weather import fetch_weather as run
    from meter_core.jobs.weather import past_days

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES}, progress=tell) as connections:
        return run(settings, connections.database_url or "", tell, past_days(since, until)).as_dict()


def report(result: Result) -> State[Any]:
    """Publish what came, and which places it did not come for."""
    if not result["places"] and not result["failed"]:
        return done("No place with coordinates is known, so no weather was asked for: `meter weather place` makes one.")
    rows = [{"place": name, "came": "yes"} for name in result["places"]]
    rows += [{"place": name, "came": why} for name, why in result["failed"].items()]
    said = f"{result['values']:,} temperatures of {len(result['places'])} places, {result['stored']:,} of them new"
    create_table_artifact(rows, key="weather-places", description=said)
    if result["failed"]:
        return failed(missing(result))
    return done(f"{said}.")


def tell_how(result: Result) -> None:
    """Open an incident where the weather of a place did not come; only all of it ends one."""
    if result["failed"]:
        notices.failed(missing(result), "did not get all weather", REMEDY)
    else:
        notices.worked()


def missing(result: Result) -> UnavailableError:
    """Return which places no weather came for, and why not for the first of them."""
    name, why = next(iter(result["failed"].items()))
    count, all_of = len(result["failed"]), len(result["places"]) + len(result["failed"])
    return UnavailableError(f"no weather came for {count} of {all_of} places; for {name}: {why}")
