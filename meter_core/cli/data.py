"""Commands for readings: ingest, sources, db."""

from pathlib import Path
from typing import Annotated, Any

import typer

from meter_core.cli.inspection import show_inspection
from meter_core.cli.modelling import ByOption, person
from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.reached import database
from meter_core.contracts.readings import PARTS
from meter_core.settings import Settings

sources_app = typer.Typer(no_args_is_help=True, help="Source profiles: how a delivered file is read.")
db_app = typer.Typer(no_args_is_help=True, help="The database.")


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Delivered files, plain or compressed.")],
    source: Annotated[str, typer.Option(help="Built-in profile (see: meter sources list) or a YAML file.")],
    zone: Annotated[str | None, typer.Option(help="IANA zone of the meters, where the profile leaves it open.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Validate files and load them into PostgreSQL. Running it again is harmless."""
    with speaking(as_json) as speaker:
        from meter_core.embedded import Need, services
        from meter_core.jobs.ingest import ingest as run

        settings = Settings()
        with speaker.progress("starting PostgreSQL") as bar, services(settings, {Need.POSTGRES}, progress=bar) as urls:
            result = run(files, source, zone, settings, urls.database_url or "", progress=bar)
        if not speaker.result(result.as_dict()):
            show_ingest(speaker, result.as_dict())
        if result.stopped:
            raise typer.Exit(1)


def show_ingest(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the accounting, file by file, and what was found."""
    accounts = {file["file"]: accounting(file) for file in result["files"]}
    if len(accounts) > 1:
        accounts["all"] = accounting(result)
    speaker.facts(accounts)
    for file in result["files"]:
        for finding in file["findings"]:
            speaker.out.print(f"{finding['severity']}: {finding['message']}", markup=False, soft_wrap=True)
    if result["quarantined"]:
        speaker.say("What was quarantined, and what to do: meter quarantine list")
    speaker.facts({"took": f"{result['seconds']:.1f} s", "data docs": result["data_docs"]})


def accounting(counts: dict[str, Any]) -> str:
    """Return the accounting as the sum it is, leaving out what is nil."""
    parts = [f"{counts[name]:,} {name}" for name in PARTS if counts[name]]
    return f"{counts['rows']:,} rows = {' + '.join(parts) or '0'}"


def installations(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV: meter_id,device,valid_from,valid_until,multiplier,register_digits; instants with offset.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Record which device stood at which meter: multipliers, register digits, exchanges."""
    with speaking(as_json) as speaker:
        from meter_core.embedded import Need, services
        from meter_core.jobs.installations import record_installations

        settings = Settings()
        with speaker.progress("starting PostgreSQL") as bar, services(settings, {Need.POSTGRES}, progress=bar) as urls:
            count = record_installations(file, settings, urls.database_url or "")
        if not speaker.result({"installations": count}):
            speaker.facts({"installations": f"{count:,} recorded"})


@sources_app.command("list")
def list_sources(as_json: JsonOption = False) -> None:
    """List the built-in profiles."""
    with speaking(as_json) as speaker:
        from meter_core.sources import load_profile, profile_names

        profiles = {name: load_profile(name).description for name in profile_names()}
        if not speaker.result({"profiles": profiles}):
            speaker.table("Built-in source profiles", ["name", "what it reads"], list(profiles.items()), numeric_from=2)


@sources_app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A delivered file, plain or compressed.")],
    zone: Annotated[str | None, typer.Option(help="IANA zone of the meters, where you know it.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the proposed profile to this YAML file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at an unknown file and propose a source profile; nothing is loaded."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.inspect_source import inspect_source

        with speaker.progress(f"looking at {file.name}"):
            found = inspect_source(file, zone, save)
        if not speaker.result({**found.as_dict(), "saved": str(save) if save else None}):
            show_inspection(speaker, found.as_dict(), file, save)


@sources_app.command("template")
def template(as_json: JsonOption = False) -> None:
    """Print an example of the canonical CSV."""
    with speaking(as_json) as speaker:
        from meter_core.sources import template_csv

        if not speaker.result({"template": template_csv()}):
            speaker.out.file.write(template_csv())


@db_app.command("upgrade")
def upgrade(as_json: JsonOption = False) -> None:
    """Bring the database to this version's schema."""
    with speaking(as_json) as speaker:
        from meter_core.embedded import Need, services
        from meter_core.store import Store

        settings = Settings()
        with speaker.progress("starting PostgreSQL") as bar, services(settings, {Need.POSTGRES}, progress=bar) as urls:
            revision = Store(urls.database_url or "").upgrade()
        if not speaker.result({"revision": revision}):
            speaker.facts({"schema revision": revision})


@db_app.command("partitions", epilog="Example: [bold]meter db partitions --ahead 3[/bold]")
def partitions(
    ahead: Annotated[int, typer.Option(help="Months after this one.", min=0, max=120)] = 2,
    as_json: JsonOption = False,
) -> None:
    """Make the months of readings and predictions before they are needed."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.retention import make_months

        with database(speaker) as reached:
            made = make_months(ahead, reached.url)
        if not speaker.result({"made": made}):
            speaker.facts({"made": ", ".join(made) or "none: all were there"})


@db_app.command("archive", epilog="Example: [bold]meter db archive --keep-months 36 --dry-run[/bold]")
def archive(
    keep_months: Annotated[int, typer.Option(help="Whole months that stay, beside the one that runs.")],
    why: Annotated[str, typer.Option(help="Recorded with it.")] = "retention",
    by: ByOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write months that are older to files under archive/, and take them out of the database."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.retention import retain

        with database(speaker) as reached:
            settings, url = reached.settings, reached.url
            done = retain(keep_months, by or person(), why, settings, url, dry_run, reached.bar).as_dict()
        if speaker.result(done):
            return
        rows = [(each["table"], each["rows"], each["file"] or "stays: only asked") for each in done["archived"]]
        if rows:
            speaker.table(f"Before {done['before'][:10]}", ["table", "rows", "file"], rows)
        speaker.facts({"archived": len(rows) if not dry_run else 0, "kept deliveries moved": done["deliveries"]})
