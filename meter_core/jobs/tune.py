"""`meter tune`: better settings for boosted trees, by Optuna, within a budget, from where the last tuning stopped."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from meter_core.calendar import iso_utc
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.embedded.connections import Connections
from meter_core.evaluation.recipe_identity import identity
from meter_core.evaluation.splits import Split, hold_out
from meter_core.evaluation.tuning import (
    SPACE,
    Score,
    ahead_score,
    folds_before,
    proposed,
    reading_score,
    tunable,
    with_settings,
)
from meter_core.jobs.registered import known_task, store_of
from meter_core.jobs.stored_readings import stored_table
from meter_core.jobs.stored_weather import with_stored_weather
from meter_core.jobs.training import data_digest
from meter_core.jobs.tuning_run import TuningRun
from meter_core.models.candidates import ahead_recipes, check_candidates, recipes
from meter_core.models.recipes import Recipe
from meter_core.settings import Settings
from meter_core.store.tuning import tuning_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

SEED: Final = 0
STARTUP_TRIALS: Final = 5
"""So many trials run to their end before one is stopped for being worse than the middle of those before."""

PRIMARY: Final = {"reading": "rmse", "ahead": "pinball"}


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What a tuning found. Scores in kWh, means over folds in time that end where the hold-out begins.

    Attributes:
        task: `reading` or `ahead`.
        study: Its name; the same readings go on with it.
        run_id: In MLflow; None while MLflow is away.
        recipe: That was tuned.
        score: `rmse` or `pinball`.
        settings: The best that were found.
        value: Their score.
        present: The score of the present settings on the same folds.
        better_by: Share by which the best are better.
        trials: All of the study: finished, and those stopped early.
        new_trials: Of this call.
        pruned: Stopped early, of all.
        folds: Windows that were scored, ISO 8601 UTC.
        seconds: This call took.
    """

    task: str
    study: str
    run_id: str | None
    recipe: str
    score: str
    settings: Mapping[str, Any]
    value: float
    present: float
    better_by: float
    trials: int
    new_trials: int
    pruned: int
    folds: Sequence[Mapping[str, str]]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return asdict(self)


def tune(
    task: str,
    settings: Settings,
    connections: Connections,
    *,
    trials: int = 30,
    seconds: float = 600.0,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[..., None] = lambda *_: None,
    candidate: str | None = None,
) -> TuneResult:
    """Try settings on folds in time before the hold-out, as long as the budget lasts.

    The first trial is the present settings, so that what is found is never worse than they are on these folds. The same
    readings go on with the trials that are there already.

    Args:
        task: `reading` or `ahead`.
        settings: of this process.
        connections: with PostgreSQL; with MLflow where it is to be told.
        trials: at most so many in this call.
        seconds: none begins, and none goes on with another fold, after so long.
        since: first instant of the data; None: the first reading.
        until: end of the data, exclusive; None: the last reading.
        progress: gets a sentence and a share from 0 to 1.
        candidate: name of what is tuned; None: the first of the task's own that has the settings.

    Raises:
        UsageError: an unknown task, a candidate without these settings, or no budget.
        RefusedError: too few readings, or the budget ended before the present settings were scored.
        UnavailableError: where the database cannot be reached.
    """
    if trials < 1 or seconds <= 0:
        raise UsageError(f"a budget of {trials} trials and {seconds:g} seconds is none; give 1 or more of each")
    began, recipe = time.perf_counter(), _recipe(known_task(task), candidate)
    progress("reading the training data")
    store = store_of(connections, settings)
    table = stored_table(store.readings(since, until), store.interval_means())
    table = with_stored_weather(table, store) if task == "ahead" else table
    hold = hold_out(table)
    folds = folds_before(hold)
    name = f"{task} {identity(recipe)} {data_digest(table).removeprefix('sha256:')[:12]} until {hold.test_from_s}"
    assert connections.database_url is not None  # noqa: S101 - store_of refuses where there is none
    study = _study(name, connections.database_url.get_secret_value(), recipe)
    before = _begun(study)
    run = TuningRun.begin(connections.mlflow_tracking_uri, task, name)
    score = (reading_score if task == "reading" else ahead_score)(table)

    def objective(trial: "OptunaTrial") -> float:
        progress(f"trial {trial.number + 1}", min(1.0, (trial.number - before) / trials))
        return _mean_score(trial, score, proposed(recipe, trial), folds, began + seconds)

    study.optimize(objective, n_trials=trials, timeout=seconds, callbacks=[lambda _, done: run.trial(done)])
    return _result(task, recipe, study, before, run, [_window(fold) for fold in folds], time.perf_counter() - began)


def _recipe(task: str, name: str | None) -> Recipe:
    """Return the candidate that has settings to try."""
    names = None if name is None else (name,)
    check_candidates(task, names)
    candidates = recipes("history", names) if task == "reading" else ahead_recipes(names=names)
    found = next((recipe for recipe in candidates.values() if tunable(recipe)), None)
    if found is None:
        raise UsageError(f"candidate {name!r} has no {', '.join(SPACE)} to try; choose one of boosted trees")
    return found


def _study(name: str, database_url: str, recipe: Recipe) -> "Study":
    """Return the study of that name, made where it is not there yet, with the present settings as its first trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=name,
        storage=tuning_storage(database_url),
        sampler=optuna.samplers.TPESampler(seed=SEED),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        load_if_exists=True,
    )
    study.enqueue_trial({name: recipe.settings[name] for name in SPACE}, skip_if_exists=True)
    return study


def _mean_score(trial: "OptunaTrial", score: Score, recipe: Recipe, folds: Sequence[Split], deadline: float) -> float:
    """Return the mean over folds; stop early where the middle of earlier trials was better, or the time is over."""
    from optuna import TrialPruned

    scores: list[float] = []
    for number, fold in enumerate(folds):
        scores.append(score(recipe, fold))
        trial.report(sum(scores) / len(scores), number)
        unfinished = number + 1 < len(folds)
        if unfinished and (trial.should_prune() or time.perf_counter() > deadline):
            raise TrialPruned
    return sum(scores) / len(scores)


def _result(
    task: str,
    recipe: Recipe,
    study: "Study",
    before: int,
    run: TuningRun,
    folds: Sequence[Mapping[str, str]],
    took: float,
) -> TuneResult:
    """Return what the study knows now, and tell MLflow the end."""
    finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    present = next((trial for trial in finished if _is_present(trial, recipe)), None)
    if present is None or present.value is None:
        raise RefusedError("the budget ended before the present settings were scored; give more seconds")
    best = study.best_trial
    assert best.value is not None  # noqa: S101 - a best trial is a finished one
    found = TuneResult(
        task=task,
        study=study.study_name,
        run_id=run.run_id,
        recipe=recipe.name,
        score=PRIMARY[task],
        settings=dict(with_settings(recipe, best.params).settings),
        value=best.value,
        present=present.value,
        better_by=1.0 - best.value / present.value,
        trials=_begun(study),
        new_trials=_begun(study) - before,
        pruned=sum(trial.state.name == "PRUNED" for trial in study.trials),
        folds=folds,
        seconds=took,
    )
    run.end(found.as_dict())
    return found


def _begun(study: "Study") -> int:
    """Return how many trials were begun; the one of the present settings may still wait."""
    return sum(trial.state.name != "WAITING" for trial in study.trials)


def _window(fold: Split) -> dict[str, str]:
    """Return what was scored, as instants."""
    return {"from": iso_utc(fold.test_from_s), "until": iso_utc(fold.test_until_s)}


def _is_present(trial: "FrozenTrial", recipe: Recipe) -> bool:
    """Return whether a trial is of the present settings."""
    return all(trial.params[name] == recipe.settings[name] for name in SPACE)
