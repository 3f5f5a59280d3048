"""Commands for models and predictions: train, predict, models, promote, rollback."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.processes import training_works_again
from meter_core.contracts.errors import UsageError
from meter_core.embedded import Connections, Need, services
from meter_core.settings import Settings

SHOWN_SCORES = ("rmse", "mae", "r2", "pinball", "coverage")


class Task(StrEnum):
    """What is predicted: the interval that begins, or the hours ahead."""

    READING = "reading"
    AHEAD = "ahead"


ByOption = Annotated[
    str, typer.Option(help="Who is recorded; left out: the account that is logged in.", show_default=False)
]


class Promotion(StrEnum):
    """Who makes a model that passes the gate the champion: the gate itself, or a person."""

    AUTOMATIC = "automatic"
    APPROVAL = "approval"


CandidatesOption = Annotated[
    str | None,
    typer.Option(
        help="Which to compare, with commas: linear, ridge, forest, boosting, hourly, lightgbm, ensemble, segments, "
        "and ahead boosting_fine; left out: linear and boosting; ahead for up to three series "
        "hourly and boosting_fine too.",
        show_default=False,
    ),
]
TaskOption = Annotated[Task, typer.Option(help="What is predicted.")]
models_app = typer.Typer(invoke_without_command=True, help="The registered models: versions, champion, challenger.")


def train(
    task: TaskOption = Task.READING,
    since: Annotated[datetime | None, typer.Option("--from", help="First instant of the training data, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="End of the training data, UTC, exclusive.")] = None,
    promotion: Annotated[
        Promotion,
        typer.Option(help="approval: what passes the gate waits for `meter promote`; with METER_APPROVAL always."),
    ] = Promotion.AUTOMATIC,
    max_rmse: Annotated[
        float | None, typer.Option(min=0, help="Nothing with a larger RMSE on the last 28 days passes, kWh.")
    ] = None,
    candidates: CandidatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train and compare candidates, register the winner, promote it if it passes the gate."""
    with speaking(as_json) as speaker:
        from meter_core.evaluation.gate_evidence import Policy
        from meter_core.jobs.train import train as run

        policy, chosen = Policy(promotion is Promotion.APPROVAL, max_rmse), named(task, candidates)
        with speaker.progress("starting PostgreSQL and MLflow") as bar, registry(bar) as (settings, urls):
            found = run(
                task.value, in_utc(since), in_utc(until), settings, urls, progress=bar, policy=policy,
                candidates=chosen,
            )  # fmt: skip
            result = found.as_dict()
        if not speaker.result(result):
            show_training(speaker, result)
        if result["refused"]:
            raise typer.Exit(1)


def tune(
    task: TaskOption = Task.READING,
    trials: Annotated[int, typer.Option(help="At most so many trials now.")] = 30,
    seconds: Annotated[float, typer.Option(help="At most about so long.")] = 600.0,
    since: Annotated[datetime | None, typer.Option("--from", help="First instant of the data, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="End of the data, UTC, exclusive.")] = None,
    candidate: Annotated[str | None, typer.Option(help="boosting or lightgbm.", show_default="boosting")] = None,
    as_json: JsonOption = False,
) -> None:
    """Try settings of boosted trees on weeks before the hold-out; goes on where it stopped on the same readings."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.tune import tune as run

        with speaker.progress("starting PostgreSQL and MLflow") as bar, registry(bar) as (settings, urls):
            found = run(
                task.value, settings, urls, trials=trials, seconds=seconds, since=in_utc(since), until=in_utc(until),
                progress=bar, candidate=candidate,
            )  # fmt: skip
            result = found.as_dict()
        if not speaker.result(result):
            show_tuning(speaker, result)


def predict(
    task: TaskOption = Task.READING,
    since: Annotated[datetime | None, typer.Option(help="reading: predict again from here on, UTC.")] = None,
    horizon: Annotated[int, typer.Option(help="ahead: hours to forecast after each meter's newest reading.")] = 24,
    out: Annotated[Path | None, typer.Option(help="CSV to write.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict what the champion has not predicted yet, or the hours ahead: to PostgreSQL and a CSV."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.predict import predict as run

        with speaker.progress("starting PostgreSQL and MLflow") as bar, registry(bar) as (settings, urls):
            result = run(task.value, in_utc(since), out, settings, urls, bar, horizon).as_dict()
        if not speaker.result(result):
            speaker.facts(
                {name: result[name] for name in ("rows", "min", "mean", "max", "model_version", "out", "seconds")}
            )


def predictability(
    until: Annotated[datetime | None, typer.Option(help="Readings before it count, UTC; else all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what error to expect of each meter from the noise of its own history, the hardest first."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.predictability import expected_errors

        settings = Settings()
        with services(settings, {Need.POSTGRES}, progress=speaker.say) as urls:
            result = expected_errors(in_utc(until), settings, urls).as_dict()
        if not speaker.result(result):
            show_predictability(speaker, result)


def explain_change(
    meter_id: Annotated[str, typer.Argument(metavar="METER", help="Id of a stored meter.")],
    since: Annotated[datetime | None, typer.Option(help="The earlier moment, UTC; else a day ago.")] = None,
    horizon: Annotated[int, typer.Option(help="Hours after the meter's newest reading.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """Say why a meter's forecast is another one than it was: corrected, late or new values, weather, or the model."""
    with speaking(as_json) as speaker, registry(speaker.say) as (settings, urls):
        from meter_core.jobs.explain_change import explain_change as run

        result = run(meter_id, in_utc(since), settings, urls, horizon).as_dict()
        if not speaker.result(result):
            speaker.out.print(result["why"], markup=False, soft_wrap=True)
            columns = ("reading_ts", "then", "corrected", "late", "new", "weather", "model", "now")
            rows = [tuple(each[name] for name in columns) for each in result["intervals"]]
            speaker.table("Each interval, kWh", list(columns), rows)


@models_app.callback()
def models(context: typer.Context, task: TaskOption = Task.READING, as_json: JsonOption = False) -> None:
    """List the versions, the champion and the challenger."""
    if context.invoked_subcommand is not None:
        return
    with speaking(as_json) as speaker, registry(speaker.say) as (settings, urls):
        from meter_core.jobs.models import list_models

        result = list_models(settings, urls, task.value).as_dict()
        if not speaker.result(result):
            show_models(speaker, result)


@models_app.command("sync")
def sync(as_json: JsonOption = False) -> None:
    """Deliver the runs that were trained while MLflow was away, and end the incidents that they had opened."""
    with speaking(as_json) as speaker, registry(speaker.say) as (settings, urls):
        from meter_core.jobs.models import sync as run

        result = run(settings, urls, progress=speaker.say).as_dict()
        training_works_again(settings, urls, {each["model"] for each in result["delivered"]}, speaker.say)
        if not speaker.result(result):
            rows = [(done["name"], done["version"], done["promoted"], done["why"]) for done in result["delivered"]]
            speaker.table("Delivered", ["run", "version", "promoted", "why"], rows, numeric_from=4)
            speaker.facts({"still waiting": ", ".join(result["undelivered"]) or "none"})


def promote(
    version: Annotated[str, typer.Argument(metavar="V", help="Version to make the champion.")],
    why: Annotated[str, typer.Option(help="Recorded with the promotion.")] = "by hand",
    by: ByOption = "",
    task: TaskOption = Task.READING,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion; who and why are recorded."""
    with speaking(as_json) as speaker, registry(speaker.say) as (settings, urls):
        from meter_core.jobs.models import promote as run

        show_alias(speaker, run(version, by or person(), why, settings, urls, task.value).as_dict())


def rollback(
    why: Annotated[str, typer.Option(help="Recorded with the rollback.")] = "by hand",
    by: ByOption = "",
    task: TaskOption = Task.READING,
    as_json: JsonOption = False,
) -> None:
    """Make the champion before this one the champion again."""
    with speaking(as_json) as speaker, registry(speaker.say) as (settings, urls):
        from meter_core.jobs.models import rollback as run

        show_alias(speaker, run(by or person(), why, settings, urls, task.value).as_dict())


def person() -> str:
    """Return who is logged in: the account's name, or its number where it has none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


@contextmanager
def registry(progress: Callable[[str], None]) -> Iterator[tuple[Settings, Connections]]:
    """Have PostgreSQL and MLflow for as long as the block lasts."""
    settings = Settings()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=progress) as urls:
        yield settings, urls


def in_utc(moment: datetime | None) -> datetime | None:
    """Return what was typed as an instant: without offset it means UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def named(task: Task, candidates: str | None) -> list[str] | None:
    """Return the names of a list with commas, each once; None where nothing was said.

    Raises:
        UsageError: where the list names none, or one that cannot be fitted for the task.
    """
    from meter_core.models.candidates import check_candidates

    if candidates is None:
        return None
    found = [*dict.fromkeys(name.strip() for name in candidates.split(",") if name.strip())]
    if not found:
        raise UsageError(f"--candidates {candidates!r} names none; name one or more, or leave it out for the defaults")
    check_candidates(task.value, found)
    return found


def show_alias(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print who is champion now."""
    if not speaker.result(result):
        speaker.facts({name: result[name] for name in ("model", "champion", "previous", "who", "why")})


def show_models(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the versions, newest first."""
    rows = [
        (found["version"], ", ".join(found["aliases"]), found["tags"].get("recipe"), found["tags"].get("why"))
        for found in result["versions"]
    ]
    if rows:
        speaker.table(result["model"], ["version", "alias", "recipe", "why"], rows, numeric_from=4)
    else:
        speaker.out.print(f"{result['model']} has no version yet: meter train makes the first", markup=False)
    if result["awaits_approval"]:
        version = result["awaits_approval"]
        speaker.facts({"passed the gate and waits for approval": f"{version} (meter promote {version} --why ...)"})
    if result["undelivered"]:
        speaker.facts({"waiting for MLflow (meter models sync)": ", ".join(result["undelivered"])})


def show_training(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the verdict, then candidates beside baselines."""
    speaker.facts(
        {"version": result["version"], "decision": result["decision"], "why": result["why"], "run": result["run_id"]}
    )
    show_scores(speaker, result)


def show_tuning(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the best settings beside what they are better by."""
    better = f"{result['better_by']:.2%}" if result["better_by"] > 0 else "nothing: the present settings are the best"
    speaker.facts(
        {
            f"{result['score']} of the present settings": f"{result['present']:.4f} kWh",
            "of the best": f"{result['value']:.4f} kWh",
            "better by": better,
            "trials": f"{result['trials']} ({result['new_trials']} now, {result['pruned']} stopped early)",
            **result["settings"],
        }
    )


def show_predictability(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print the meters, the hardest first."""
    columns = ("meter_id", "mean_kwh", "expected_rmse", "expected_mae", "expected_cv", "habit_share")
    rows = [tuple(each[name] for name in columns) for each in result["meters"]]
    head = ["meter", "mean", "RMSE", "MAE", "RMSE/mean", "by habit"]
    speaker.table("What a model reaches that knows a meter's habits and nothing else, kWh", head, rows)
    if result["too_little"]:
        speaker.facts({"meters with too little history to say": result["too_little"]})


def show_scores(speaker: Speaker, result: dict[str, Any]) -> None:
    """Print candidates and baselines in one table, the best RMSE first: the same rows, seen by none in training."""
    everything = [(f"{name} (candidate)", scores) for name, scores in result["candidates"].items()]
    everything += [(name, scores) for name, scores in result["baselines"].items() if scores]
    ordered = sorted(everything, key=lambda row: float(row[1]["rmse"]))
    rows = [(name, *(scores.get(score) for score in SHOWN_SCORES)) for name, scores in ordered]
    speaker.table(
        "Candidates beside every baseline, kWh, on rows no candidate was fitted on", ["", *SHOWN_SCORES], rows
    )
