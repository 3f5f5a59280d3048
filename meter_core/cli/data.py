"""Commands for readings: ingest, sources, db."""

from pathlib import Path
from typing import Annotated, Any

import typer

from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.contracts.readings import PARTS
from meter_core.settings import Settings

sources_app = typer.Typer(no_args_is_help=True, help="Source profiles: how a delivered file is read.")
db_app = typer.Typer(no_args_is_help=True, help="The database.")


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Delivered files, plain or gzip.")],
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
    speaker.facts({"took": f"{result['seconds']:.1f} s", "data docs": result["data_docs"]})


def accounting(counts: dict[str, Any]) -> str:
    """Return the accounting as the sum it is, leaving out what is nil."""
    parts = [f"{counts[name]:,} {name}" for name in PARTS if counts[name]]
    return f"{counts['rows']:,} rows = {' + '.join(parts) or '0'}"


@sources_app.command("list")
def list_sources(as_json: JsonOption = False) -> None:
    """List the built-in profiles."""
    with speaking(as_json) as speaker:
        from meter_core.sources import load_profile, profile_names

        profiles = {name: load_profile(name).description for name in profile_names()}
        if not speaker.result({"profiles": profiles}):
            speaker.table("Built-in source profiles", ["name", "what it reads"], list(profiles.items()), numeric_from=2)


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
