"""Commands for stored readings: erase, and those under `data`."""

from typing import Annotated

import typer

from meter_core.cli.modelling import ByOption, person, registry
from meter_core.cli.output import JsonOption, speaking
from meter_core.contracts.errors import UsageError


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
