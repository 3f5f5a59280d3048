"""Commands for what was refused: raw, quarantine list, show, release, replay."""

from typing import Annotated, Any

import typer

from meter_core.cli.data import accounting
from meter_core.cli.modelling import ByOption, person
from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.reached import database

quarantine_app = typer.Typer(no_args_is_help=True, help="Rows that were not loaded: what, why, and what to do.")

WhyOption = Annotated[str, typer.Option(help="Kept with what is done.")]
FileOption = Annotated[
    str | None, typer.Option(help="Only of this delivery: number, file name, or beginning of its SHA-256.")
]
RuleOption = Annotated[str | None, typer.Option(help="Only of this rule.")]


def raw(
    place: Annotated[str, typer.Argument(metavar="FILE:LINE", help="FILE: name, number or SHA-256 of a delivery.")],
    as_json: JsonOption = False,
) -> None:
    """Print a line of a kept delivery exactly as it was delivered; line 1 is the header."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.raw_line import raw_line

        with database(speaker) as reached:
            line = raw_line(place, reached.settings, reached.url)
        if not speaker.result(line.as_dict()):
            speaker.out.file.write(line.text + "\n")


@quarantine_app.command("list", epilog="Example: [bold]meter quarantine list --rule negative_energy[/bold]")
def list_(file: FileOption = None, rule: RuleOption = None, as_json: JsonOption = False) -> None:
    """List what waits, by delivery and rule, with the first row of each as delivered."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.quarantine import listed

        with database(speaker) as reached:
            groups = listed(file, rule, reached.url)
        total = sum(group["rows"] for group in groups)
        if speaker.result({"quarantined": total, "groups": groups}):
            return
        columns = ["delivery", "file", "rule", "values", "first line", "as delivered"]
        rows = [
            (
                *(str(g[k]) for k in ("delivery", "file", "rule")),
                g["rows"],
                str(g["first_line"]),
                g["example"] or g["reason"],
            )
            for g in groups
        ]
        if rows:
            speaker.table("Values in quarantine", columns, rows, numeric_from=len(columns))
            speaker.say("What a rule means: meter quarantine show FILE:LINE")
        else:
            speaker.out.print("nothing is in quarantine")


@quarantine_app.command("show", epilog="Example: [bold]meter quarantine show day.csv:812[/bold]")
def show(
    what: Annotated[str, typer.Argument(metavar="ROW", help="A row's number, or FILE:LINE.")],
    as_json: JsonOption = False,
) -> None:
    """Show a row as delivered, why it was refused, and what to do."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.quarantine import shown

        with database(speaker) as reached:
            rows = shown(what, reached.url)
        if speaker.result({"rows": rows}):
            return
        for row in rows:
            _show(speaker, row)


def _show(speaker: Speaker, row: dict[str, Any]) -> None:
    """Print one row."""
    lines = str(row["line_from"]) if row["line_from"] == row["line_to"] else f"{row['line_from']} to {row['line_to']}"
    facts = {
        "row": str(row["id"]),
        "delivery": f"{row['delivery']}, {row['file']} line {lines}",
        "as delivered": row["raw_line"],
        "rule": row["rule"],
        "which says": row["explanation"],
        "reason": row["reason"],
        "meter": row["meter_id"],
        "time": row["reading_ts"] and f"{row['reading_ts']:%Y-%m-%dT%H:%M:%SZ}",
        "state": _state(row),
    }
    speaker.facts({name: value for name, value in facts.items() if value is not None})
    if row["resolved_at"] is None:
        speaker.say(
            f"The value is right: meter quarantine release {row['id']} --why '...'. The rule or the profile is wrong: "
            f"fix it, then meter quarantine replay {row['delivery']} --why '...'"
        )


def _state(row: dict[str, Any]) -> str:
    """Return whether a row waits, or how it left quarantine."""
    if row["resolved_at"] is None:
        return f"waits since {row['recorded_at']:%Y-%m-%d %H:%M} UTC"
    by = f" by {row['resolved_by']}: {row['resolved_why']}" if row["resolved_by"] else ""
    return f"{row['resolution']} {row['resolved_at']:%Y-%m-%d %H:%M} UTC{by}"


@quarantine_app.command("release", epilog="Example: [bold]meter quarantine release 17 18 --why 'feeder test'[/bold]")
def release(
    rows: Annotated[list[int] | None, typer.Argument(metavar="[ROW]...", help="Numbers of the rows.")] = None,
    why: WhyOption = "",
    by: ByOption = "",
    file: FileOption = None,
    rule: RuleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load rows that you judge good: with precedence, the accounting exact; who and why are kept."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.quarantine import release as run

        with database(speaker) as reached:
            done = run(rows or [], file, rule, by or person(), why, reached.settings, reached.url).as_dict()
        if not speaker.result(done):
            speaker.facts({"released": accounting(done | {"quarantined": 0}), "who": done["who"], "why": done["why"]})


@quarantine_app.command(
    "replay", epilog="Example: [bold]meter quarantine replay day.csv --source fixed.yaml --why 'units'[/bold]"
)
def replay(
    delivery: Annotated[str, typer.Argument(help="Number, file name, or beginning of its SHA-256.")],
    why: WhyOption = "",
    by: ByOption = "",
    source: Annotated[
        str | None, typer.Option(help="Profile to read it by now; else the same, as it is today.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone of its meters, in place of what was said.")] = None,
    stop_above: Annotated[
        float | None, typer.Option(help="Share of quarantined values above which nothing changes.", min=0, max=1)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read a delivery again after a rule or profile was fixed: as if it had been read so from the start."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.replay import Fix
        from meter_core.jobs.replay import replay as run

        with database(speaker) as reached:
            fix = Fix(source, zone, stop_above, by or person(), why)
            done = run(delivery, fix, reached.settings, reached.url, reached.bar).as_dict()
        if speaker.result(done):
            return
        for finding in done["findings"]:
            speaker.out.print(f"{finding['severity']}: {finding['message']}", markup=False, soft_wrap=True)
        facts = {"before": accounting(done["before"]), "now": accounting(done), "withdrawn": done["withdrawn"]}
        others = ", ".join(map(str, done["others"])) or "none"
        speaker.facts({**facts, "deliveries counted anew": others, "data docs": done["data_docs"]})
