"""The `meter` command: one command a use case; each imports what it needs when it runs, so that `--help` is instant."""

from typing import Annotated

import typer

from meter_core import __version__
from meter_core.cli import data, keys, modelling, quarantine, readings, services, weather
from meter_core.cli.backfill import backfill
from meter_core.cli.backtest import backtest
from meter_core.cli.demo import demo

app = typer.Typer(
    name="meter",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Predicts how many kWh each meter will use.\n\n"
    "Without any settings everything runs on this machine, all state in the folder METER_HOME (default .meter).\n\n"
    "Exit status: 0 done; 1 a check or gate said no; 2 wrong use; 3 something it needs cannot be reached.",
    epilog="First time? [bold]meter demo[/bold] runs the main job on measured data that is shipped.",
)


def _version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        typer.echo(f"meter {__version__}")
        raise typer.Exit


@app.callback()
def meter(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Predict how many kWh each meter will use."""


START, DATA, MODEL = "Start", "Readings", "Models and predictions"

app.command("demo", rich_help_panel=START, epilog="Example: [bold]meter demo[/bold]")(demo)
app.command("up", rich_help_panel=START, epilog="Example: [bold]meter up[/bold]")(services.up)
app.command("serve", rich_help_panel=START, epilog="Example: [bold]meter serve[/bold]")(services.serve)
app.command("deploy", rich_help_panel=START, epilog="Example: [bold]meter deploy --json[/bold]")(services.deploy)
app.command("status", rich_help_panel=START, epilog="Example: [bold]meter status --json[/bold]")(services.status)

app.add_typer(keys.keys_app, name="keys", rich_help_panel=START, epilog="Example: [bold]meter keys add billing[/bold]")

app.command(
    "ingest",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter ingest data/uci_sceaux_hourly_2006-2009.csv.gz --source uci_sceaux[/bold]",
)(data.ingest)
app.command(
    "installations",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter installations devices.csv[/bold]",
)(data.installations)
app.add_typer(
    data.sources_app,
    name="sources",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter sources template > mine.csv[/bold]",
)
app.command("raw", rich_help_panel=DATA, epilog="Example: [bold]meter raw day.csv:812[/bold]")(quarantine.raw)
app.add_typer(
    quarantine.quarantine_app,
    name="quarantine",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter quarantine list[/bold]",
)
app.command(
    "estimate",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter estimate --since 2024-02-01 --until 2024-03-01[/bold]",
)(readings.estimate)
app.command("erase", rich_help_panel=DATA, epilog="Example: [bold]meter erase M-17 --why 'request 2026-114'[/bold]")(
    readings.erase
)
app.add_typer(
    readings.data_app,
    name="data",
    rich_help_panel=DATA,
    epilog="Example: [bold]meter data completeness[/bold]",
)
app.add_typer(
    weather.weather_app, name="weather", rich_help_panel=DATA, epilog="Example: [bold]meter weather show[/bold]"
)
app.add_typer(data.db_app, name="db", rich_help_panel=DATA, epilog="Example: [bold]meter db upgrade[/bold]")

app.command("train", rich_help_panel=MODEL, epilog="Example: [bold]meter train --until 2009-12-01[/bold]")(
    modelling.train
)
app.command("tune", rich_help_panel=MODEL, epilog="Example: [bold]meter tune --task ahead --seconds 3600[/bold]")(
    modelling.tune
)
app.command("predict", rich_help_panel=MODEL, epilog="Example: [bold]meter predict --since 2009-12-01[/bold]")(
    modelling.predict
)
app.command(
    "backfill",
    rich_help_panel=MODEL,
    epilog="Example: [bold]meter backfill predict --from 2009-01-01 --until 2009-12-01 --parallel 2[/bold]",
)(backfill)
app.command(
    "backtest",
    rich_help_panel=MODEL,
    epilog="Example: [bold]meter backtest data/uci_sceaux_hourly_2006-2009.csv.gz --source uci_sceaux --task reading "
    "--test-from 2009-01-01[/bold]",
)(backtest)
app.command("explain-change", rich_help_panel=MODEL, epilog="Example: [bold]meter explain-change FONTANA-02[/bold]")(
    modelling.explain_change
)
app.command("predictability", rich_help_panel=MODEL, epilog="Example: [bold]meter predictability --json[/bold]")(
    modelling.predictability
)
app.add_typer(
    modelling.models_app, name="models", rich_help_panel=MODEL, epilog="Example: [bold]meter models sync[/bold]"
)
app.command("promote", rich_help_panel=MODEL, epilog="Example: [bold]meter promote 3 --why 'reviewed'[/bold]")(
    modelling.promote
)
app.command("rollback", rich_help_panel=MODEL, epilog="Example: [bold]meter rollback[/bold]")(modelling.rollback)


def main() -> None:
    """Run the command line."""
    app()
