"""What tuning tries and how it is scored: settings of a recipe on folds in time, all of them before the test.

The folds are consecutive windows of 28 days that end where the hold-out begins; each is predicted by a fit on what lies
a day and more before it. The hold-out, on which `meter train` judges, is looked at by none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.evaluation.ahead import Ahead, answers_ahead, scored_meters
from meter_core.evaluation.reading import answers_of
from meter_core.evaluation.scores import score_meters
from meter_core.evaluation.splits import HOLD_OUT_DAYS, Split, split_at
from meter_core.features.readings import ReadingTable
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.recipes import Recipe

FOLDS: Final = 3

Score = Callable[[Recipe, Split], float]
"""Returns the primary score of a recipe on one fold, kWh."""


class Trial(Protocol):
    """What proposes settings (an Optuna trial)."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Return a number between two others."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Return a whole number between two others."""


@dataclass(frozen=True, slots=True)
class Between:
    """A setting that is tried between two bounds, more finely near the lower one.

    Attributes:
        low: the least.
        high: the most; whole numbers make a whole setting.
    """

    low: float
    high: float

    def reaching(self, present: float) -> "Between":
        """Return bounds that hold the present value too."""
        return Between(min(self.low, present), max(self.high, present))

    def of(self, trial: Trial, name: str) -> float:
        """Return what a trial proposes."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=True)
        return trial.suggest_float(name, self.low, self.high, log=True)


SPACE: Final[Mapping[str, Between]] = {
    "max_iter": Between(30, 600),
    "learning_rate": Between(0.01, 0.2),
    "max_leaf_nodes": Between(4, 16),
    "min_samples_leaf": Between(20, 500),
    "l2_regularization": Between(0.1, 50.0),
}
"""Settings of boosted trees. More than 16 leaves fit no 16-bit mask, and served trees are evaluated by such: only a
candidate that has more already is tried with more."""


def tunable(recipe: Recipe) -> bool:
    """Return whether a recipe has all the settings that are tried."""
    return set(SPACE) <= set(recipe.settings)


def proposed(recipe: Recipe, trial: Trial) -> Recipe:
    """Return the recipe with the settings that a trial proposes."""
    tried = {name: between.reaching(recipe.settings[name]) for name, between in SPACE.items()}
    return with_settings(recipe, {name: between.of(trial, name) for name, between in tried.items()})


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """Return the recipe with some settings exchanged."""
    return replace(recipe, settings={**recipe.settings, **settings})


def folds_before(split: Split, folds: int = FOLDS) -> list[Split]:
    """Return consecutive windows before a test, oldest first."""
    ends = [split.test_from_s - n * HOLD_OUT_DAYS * DAY_S for n in range(folds)]
    return [split_at(end - HOLD_OUT_DAYS * DAY_S, end) for end in reversed(ends)]


def reading_score(table: ReadingTable) -> Score:
    """Return what scores recipes of the task `reading`, by RMSE."""
    data = TrainingData.of(table)

    def score(recipe: Recipe, fold: Split) -> float:
        predictor = fit_predictor(data, recipe, fold.fit_rows(table)).predictor
        test = fold.test_rows(table)
        answers, _ = answers_of(predictor, table, test)
        return score_meters(table.units_kwh[test], answers, _numbers(table.meter_id[test].tolist()))[0]["rmse"]

    return score


def ahead_score(table: ReadingTable) -> Score:
    """Return what scores recipes of the task `ahead`, by pinball loss of the day from each local midnight."""

    def score(recipe: Recipe, fold: Split) -> float:
        meters = [each for each in scored_meters(table, [fold], Ahead(hours=24)) if each.scored.any()]
        forecaster = fit_forecaster(table, recipe, fold.fit_until_s).predictor
        measured = np.concatenate([each.origins.measured_kwh[each.scored] for each in meters])
        names = [each.meter_id for each in meters for _ in range(int(each.scored.sum()))]
        return score_meters(measured, answers_ahead(forecaster, meters), _numbers(names))[0]["pinball"]

    return score


def _numbers(names: Sequence[str]) -> np.ndarray:
    """Return the number of each name among the distinct ones."""
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1]
