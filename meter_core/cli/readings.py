"""Commands for stored readings: erase, and those under `data`."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from meter_core.cli.data import accounting
from meter_core.cli.modelling import ByOption, in_utc, person, registry
from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.reached import database
from meter_core.contracts.errors import UsageError

data_app = typer.Typer(no_args_is_help=True, help="Stored readings: what is known, how complete, good enough for what.")

SHOWN: Final = 20
"""Rows that a terminal gets; JSON has all."""
SHOWN_COLUMNS: Final = ("meter_id", "reading_ts", "quality", "units_kwh", "available_ts")
SinceDay = Annotated[datetime | None, typer.Option(help="First local day; else 90 days before the end.")]
UntilDay = Annotated[datetime | None, typer.Option(help="Day after the last; else that of the newest reading.")]


def erase(
    meter_id: Annotated[str, typer.Argument(metavar="METER", help="Whose data.")],
    why: Annotated[str, typer.Option(help="The record of it; without the meter's id.")] = "",
    by: ByOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a meter for good: readings, history, quarantine, kept files, predictions, keys and models."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.erase import erase as run

        if not yes:
            if as_json or not speaker.err.is_terminal:
                raise UsageError("nothing was erased: it cannot be undone, so say --yes where nobody can be asked")
            typer.confirm("Erase everything that is stored of this meter? It cannot be undone", abort=True, err=True)
        with registry(speaker.say) as (settings, urls):
            done = run(meter_id, by or person(), why, settings, urls, speaker.say)
        if speaker.result(done.as_dict()):
            return
        if done.nothing:
            speaker.out.print("nothing stored here names this meter")
            return
        facts = {table: count for table, count in done.tables.items() if count}
        figures = {
            "kept files": done.files,
            "files kept no more": done.dropped,
            "lines of predictions": done.predictions,
            "lines of the archive": done.archive,
        }
        speaker.facts({**facts, **figures, "API keys": done.keys, "models": "; ".join(done.models) or "none knew it"})
        speaker.say("Backups hold it until they expire; PostgreSQL frees the space with its next vacuum.")


@data_app.command("deliveries", epilog="Example: [bold]meter data deliveries --json[/bold]")
def deliveries(as_json: JsonOption = False) -> None:
    """List the deliveries on record, the newest last: number, file, SHA-256, and what became of their values."""
    with speaking(as_json) as speaker:
        from meter_core.store import Store

        with database(speaker) as reached:
            found = [each.as_dict() for each in Store(reached.url).deliveries()]
        if speaker.result({"deliveries": found}):
            return
        rows = [
            (str(each["delivery"]), each["file"], each["sha256"][:12], each["profile"], each["status"], each["rows"])
            for each in found[-SHOWN:]
        ]
        if rows:
            speaker.table(
                "Deliveries", ["number", "file", "SHA-256", "profile", "state", "values"], rows, numeric_from=5
            )
        else:
            speaker.out.print("nothing was delivered yet")
        if len(found) > SHOWN:
            speaker.say(f"{len(found) - SHOWN:,} older: --json lists all")


@data_app.command("completeness", epilog="Example: [bold]meter data completeness --since 2024-01-01[/bold]")
def completeness(
    since: SinceDay = None,
    until: UntilDay = None,
    as_json: JsonOption = False,
) -> None:
    """Say how complete each meter is, the worst first, and draw it by day beside the data docs."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.completeness import completeness as run

        with database(speaker) as reached:
            found = run(since and since.date(), until and until.date(), reached.settings, reached.url)
        if speaker.result(found.as_dict()):
            return
        rows = [(m.code, m.meter_id, f"{m.share:.1%}", m.gaps, f"{m.longest_gap_hours:,.0f} h") for m in found.meters]
        columns = ["code", "meter", "measured", "gaps", "longest"]
        speaker.table(f"The least complete, {found.since} to {found.until}", columns, rows[:SHOWN], numeric_from=2)
        if len(rows) > SHOWN:
            speaker.say(f"{len(rows) - SHOWN:,} more: --json lists all")
        speaker.facts({"page": reached.settings.in_browser(found.page)})


@data_app.command("sufficiency", epilog="Example: [bold]meter data sufficiency --json[/bold]")
def sufficiency(
    until: Annotated[
        datetime | None, typer.Option(help="End of the window, UTC; else that of the newest reading.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which meters have enough good data for training, and why the others have not; 1 where none has."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.sufficiency import sufficiency as run

        with database(speaker) as reached:
            found = run(in_utc(until), reached.url)
        result = found.as_dict()
        if not speaker.result(result):
            show_sufficiency(speaker, result)
        if not found.sufficient:
            raise typer.Exit(1)


def show_sufficiency(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print how many meters have enough, why others have not, and the first of those."""
    speaker.facts({name: result[name] for name in ("since", "until", "sufficient", "insufficient")})
    reasons = [(name, each["meters"], each["means"]) for name, each in result["reasons"].items()]
    poor = [(m["meter_id"], f"{m['measured']:.1%}", ", ".join(m["reasons"])) for m in result["meters"] if m["reasons"]]
    if reasons:
        speaker.table(
            "Why not (a meter may have several reasons)", ["reason", "meters", "means"], reasons, numeric_from=3
        )
        speaker.table("Meters without enough", ["meter", "measured", "why"], poor[:SHOWN], numeric_from=3)
    if len(poor) > SHOWN:
        speaker.say(f"{len(poor) - SHOWN:,} more: --json lists all")


@data_app.command("readings", epilog="Example: [bold]meter data readings --as-known-at 2024-02-01 --meter M-17[/bold]")
def readings(
    meter: Annotated[list[str] | None, typer.Option(help="Only this meter; again for more.")] = None,
    since: Annotated[datetime | None, typer.Option(help="First instant, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="End, UTC, exclusive.")] = None,
    as_known_at: Annotated[
        datetime | None, typer.Option(help="The values as they could be known then, UTC: late ones are not there yet.")
    ] = None,
    as_stored_at: Annotated[
        datetime | None, typer.Option(help="The values as this system had stored them then, UTC.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV to write.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Give the readings as they stand, or as they were known at an instant."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.known_readings import Asked
        from meter_core.jobs.known_readings import known_readings as run

        most = None if as_json or out else SHOWN + 1  # one more says whether there are more
        asked = Asked(meter or None, in_utc(since), in_utc(until), in_utc(as_known_at), in_utc(as_stored_at), most)
        with database(speaker) as reached:
            result = run(asked, out, reached.url)
        if speaker.result(result.as_dict()):
            return
        rows = [tuple(row[name] for name in SHOWN_COLUMNS) for row in result.shown(SHOWN)]
        if rows:
            speaker.table("Readings", list(SHOWN_COLUMNS), rows, numeric_from=3)
        is_cut = most is not None and result.rows == most
        rows_found = f"more than {SHOWN}: --out FILE or --json gives all" if is_cut else result.rows
        speaker.facts({"rows": rows_found, "out": out and str(out)})


def estimate(
    since: Annotated[datetime, typer.Option(help="Beginning of the window, UTC.")],
    until: Annotated[datetime, typer.Option(help="Its end, UTC, exclusive.")],
    meter: Annotated[list[str] | None, typer.Option(help="Only this meter; again for more.")] = None,
    longest_days: Annotated[float, typer.Option(help="Longer gaps stay open.", min=0)] = 7.0,
    as_json: JsonOption = False,
) -> None:
    """Estimate missing values with a method and quality `estimated`; training never sees them."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.estimate import Window
        from meter_core.jobs.estimate import estimate as run

        begin, end = in_utc(since) or since, in_utc(until) or until
        with database(speaker) as reached:
            window = Window(begin, end, meter or None, timedelta(days=longest_days))
            done = run(window, reached.settings, reached.url, reached.bar).as_dict()
        if not speaker.result(done):
            accounts = {file["file"]: accounting(file) for file in done["files"]}
            speaker.facts({"gaps": done["gaps"], **done["estimates"], "left open": done["left"], **accounts})
