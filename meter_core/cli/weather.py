"""Commands for weather: where meters stand, temperatures from files or Open-Meteo, what is stored."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.reached import database

weather_app = typer.Typer(no_args_is_help=True, help="Weather: places, measured and forecast temperatures.")


@weather_app.command(
    "place", epilog="Example: [bold]meter weather place melbourne --latitude -37.81 --longitude 144.96 --default[/bold]"
)
def place(
    name: Annotated[str, typer.Argument(metavar="PLACE", help="A name: of a station, a town, a grid cell.")],
    latitude: Annotated[
        float | None, typer.Option(help="Degrees north; left out: files alone bring its weather.")
    ] = None,
    longitude: Annotated[float | None, typer.Option(help="Degrees east.")] = None,
    meter: Annotated[list[str] | None, typer.Option(help="Id of a meter that stands there; again for more.")] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Meters without a place of their own stand there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say where a place is, and which meters stand there."""
    with speaking(as_json) as speaker, database(speaker) as reached:
        from meter_core.contracts.weather import Place
        from meter_core.jobs.weather import set_place

        done = set_place(Place(name, latitude, longitude, default), meter or [], reached.url)
        if not speaker.result(done):
            speaker.facts({"place": done["place"], "meters said to stand there": done["meters"]})


@weather_app.command("remove", epilog="Example: [bold]meter weather remove melbourne[/bold]")
def remove(
    name: Annotated[str, typer.Argument(metavar="PLACE", help="Its name.")],
    and_leave: Annotated[
        bool, typer.Option("--and-leave", help="Leave meters that stand there to the default place, or to none.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a place with its temperatures; refused while meters stand there."""
    with speaking(as_json) as speaker, database(speaker) as reached:
        from meter_core.jobs.weather import remove_place

        done = remove_place(name, and_leave, reached.url)
        if not speaker.result(done):
            counts = {"meters that stood there": done["meters"], "temperatures of it": done["temperatures"]}
            speaker.facts({"removed": done["place"], **counts})


@weather_app.command("load", epilog="Example: [bold]meter weather load melbourne.csv[/bold]")
def load(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="CSV: place,issued_at,valid_at,temperature_c; observations no issued_at."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Store temperatures of files; the same again changes nothing."""
    with speaking(as_json) as speaker, database(speaker) as reached:
        from meter_core.jobs.weather import load_weather

        show_stored(speaker, load_weather(files, reached.url).as_dict())


@weather_app.command("fetch", epilog="Example: [bold]meter weather fetch --from 2026-01-01 --until 2026-02-01[/bold]")
def fetch(
    since: Annotated[
        datetime | None, typer.Option("--from", help="First past day, UTC; left out: the newest forecast.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="The day after the last past one, UTC; else today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask Open-Meteo for the weather of every place with coordinates, and store it."""
    with speaking(as_json) as speaker, database(speaker) as reached:
        from meter_core.jobs.weather import fetch_weather, past_days

        days = past_days(since and since.date(), until and until.date())
        result = fetch_weather(reached.settings, reached.url, reached.bar, days).as_dict()
        show_stored(speaker, result)
        if result["failed"]:
            raise typer.Exit(3)


@weather_app.command("show", epilog="Example: [bold]meter weather show --json[/bold]")
def show(as_json: JsonOption = False) -> None:
    """Say what is stored of each place, and how fresh it is."""
    with speaking(as_json) as speaker, database(speaker) as reached:
        from meter_core.jobs.weather import weather_shown

        result = weather_shown(reached.url)
        if speaker.result(result):
            return
        if not result["places"]:
            speaker.out.print("no place is known: meter weather place NAME --latitude ... --longitude ... --default")
            return
        columns = ("place", "meters", "observations", "forecasts")
        times = ("last_valid_at", "newest_forecast_at")
        rows = [
            (*(each[name] for name in columns), *((each[name] or "-")[:16] for name in times), each["fresh"])
            for each in result["places"]
        ]
        head = ["place", "meters", "measured", "forecast", "until, UTC", "newest forecast", "fresh"]
        speaker.table("Weather", head, rows)


def show_stored(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print what came and what of it is new."""
    if speaker.result(result):
        return
    names = ", ".join(result["places"]) or "none: meter weather place says where meters stand"
    speaker.facts({"places": names, "temperatures": result["values"], "new or others than before": result["stored"]})
    for name, why in result["failed"].items():
        speaker.say(f"{name}: {why}")
