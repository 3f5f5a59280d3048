"""Commands for stored readings: erase, and those under `data`."""

from datetime import datetime
from typing import Annotated, Final

import typer

from meter_core.cli.modelling import ByOption, person, registry
from meter_core.cli.output import JsonOption, speaking
from meter_core.cli.reached import database
from meter_core.contracts.errors import UsageError

data_app = typer.Typer(no_args_is_help=True, help="Stored readings: what is known, how complete, good enough for what.")

SHOWN: Final = 20
"""Rows that a terminal gets; JSON has all."""
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
        }
        speaker.facts({**facts, **figures, "API keys": done.keys, "models": "; ".join(done.models) or "none knew it"})
        speaker.say("Backups hold it until they expire; PostgreSQL frees the space with its next vacuum.")


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
