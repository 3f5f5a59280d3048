"""Command `backtest`: models and baselines straight from a file."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from meter_core.cli.modelling import CandidatesOption, Task, TaskOption, named, show_scores
from meter_core.cli.output import JsonOption, Speaker, speaking


class FeatureSet(StrEnum):
    """What a model may see: the snapshot alone, or the meter's recent history too."""

    SNAPSHOT = "snapshot"
    HISTORY = "history"


class Weather(StrEnum):
    """What is known of the weather ahead."""

    NONE = "none"
    ACTUAL = "actual"
    AS_KNOWN = "as_known"


class Refit(StrEnum):
    """How often a backtest fits anew."""

    NONE = "none"
    FOUR_WEEKS = "28d"
    MONTH = "month"


def backtest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Delivered file, plain or compressed.")],
    source: Annotated[str, typer.Option(help="Built-in profile (see: meter sources list) or a YAML file.")],
    test_from: Annotated[
        datetime, typer.Option(help="First local day of the test; nothing from here on is fitted on.")
    ],
    task: TaskOption = Task.READING,
    until: Annotated[datetime | None, typer.Option(help="End of the test, exclusive; else the file's end.")] = None,
    features: Annotated[FeatureSet, typer.Option(help="reading: what the models may see.")] = FeatureSet.SNAPSHOT,
    horizon: Annotated[str, typer.Option(help="ahead: how far, 24h; 15h-38h scores from the 15th hour on.")] = "24h",
    origin_hour: Annotated[int, typer.Option(help="ahead: local hour at which each day's forecast is made.")] = 0,
    delay_hours: Annotated[int, typer.Option(help="ahead: so long after its interval a value is known.")] = 0,
    weather: Annotated[Weather, typer.Option(help="ahead: weather that models may see.")] = Weather.NONE,
    weather_file: Annotated[
        Path | None, typer.Option(help="as_known: CSV of place,issued_at,valid_at,temperature_c.")
    ] = None,
    refit: Annotated[Refit, typer.Option(help="How often to fit anew.")] = Refit.NONE,
    zone: Annotated[str | None, typer.Option(help="IANA zone, where the profile leaves it open.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    candidates: CandidatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate straight from a file, no database: every candidate beside every baseline, on rows none of them saw."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.backtest import backtest as run

        chosen = named(task, candidates)
        with speaker.progress("reading the file") as bar:
            result = run(
                file,
                source,
                task.value,
                test_from=test_from.date(),
                until=until and until.date(),
                features=features.value,
                horizon=horizon,
                origin_hour=origin_hour,
                delay_hours=delay_hours,
                weather=weather.value,
                weather_file=weather_file,
                refit=refit.value,
                zone=zone,
                out=out,
                progress=bar,
                candidates=chosen,
            )
        if not speaker.result(result.as_dict()):
            show_backtest(speaker, result.as_dict())
        if result.leaking:
            raise typer.Exit(1)


def show_backtest(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the scores, the skill and on what they rest."""
    show_scores(speaker, result)
    for finding in result["findings"]:
        speaker.out.print(f"{finding['severity']}: {finding['message']}", markup=False, soft_wrap=True)
    speaker.facts(
        {
            "skill over the strongest baseline": ", ".join(
                f"{name} {value:+.1%}" for name, value in result["skill"].items() if isinstance(value, float)
            ),
            "coverage of the 80 % range": f"{result['coverage']:.1%}",
            "rows, origins": f"{result['rows']:,}, {result['origins']:,}",
        }
    )
