"""The candidates, each a file of this folder, and the recipes that a task offers for choice.

How the settings were found: docs/decisions/reading-model.md, forecast-model.md; what each is worth: candidates.md.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from meter_core.contracts.errors import UsageError
from meter_core.models.candidates.candidate import KNOWN, Candidate, Examples, lacks
from meter_core.models.recipes import Recipe

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

DEFAULT: Final = ("linear", "boosting")
"""What a training compares where nobody says more: the classic, and what won on every sample so far."""

FINE: Final = ("hourly", "boosting_fine")
"""What is offered too for feeders, zones and large sites, whose load follows calendar and weather closely."""

FINE_METERS: Final = 3
"""Of more meters, which are homes, these learn the noise, and slowly."""


def candidate_class(name: str) -> type[Candidate]:
    """Return the candidate of a name.

    Raises:
        UsageError: where there is none; names those there are.
    """
    if name not in KNOWN:
        raise UsageError(f"candidate {name!r} is unknown; known are {', '.join(sorted(KNOWN))}")
    return KNOWN[name]


def check_candidates(task: str, names: Sequence[str] | None) -> None:
    """Refuse a list with a name that cannot be fitted before anything is done.

    Raises:
        UsageError: where a candidate is unknown, not one of the task, or not installed.
    """
    for recipe in (ahead_recipes(names=names) if task == "ahead" else recipes(names=names)).values():
        said = lacks(recipe.name, recipe.settings)
        if said:
            raise UsageError(f"candidate {recipe.name!r}: {said}")


def candidate(recipe: Recipe, seed: int, quantile: float | None = None) -> Candidate:
    """Return the unfitted candidate of a recipe, for the mean or a quantile."""
    return candidate_class(recipe.name)(recipe, seed, quantile)


def recipes(features: str = "history", names: Sequence[str] | None = None) -> dict[str, Recipe]:
    """Return the recipes of the task `reading` by name; those of `DEFAULT` where no names are given.

    Raises:
        UsageError: where `features` is neither `snapshot` nor `history`, or a candidate is unknown or of forecasts.
    """
    if features not in ("snapshot", "history"):
        raise UsageError(f"features {features!r} is unknown; say snapshot or history")
    chosen: Literal["snapshot", "history"] = "snapshot" if features == "snapshot" else "history"
    return {name: _of_task("reading", name).recipe(chosen) for name in names or DEFAULT}


def ahead_recipes(meters: int = FINE_METERS + 1, names: Sequence[str] | None = None) -> dict[str, Recipe]:
    """Return the recipes of the task `ahead` by name; where no names are given those that suit so many meters.

    Raises:
        UsageError: where a candidate is unknown or of readings.
    """
    offered = (*DEFAULT, *FINE) if meters <= FINE_METERS else DEFAULT
    return {name: _of_task("ahead", name).recipe("ahead") for name in names or offered}


def _of_task(task: str, name: str) -> type[Candidate]:
    """Return the candidate of a name.

    Raises:
        UsageError: where there is none, or the task is not one of its own.
    """
    found = candidate_class(name)
    if task not in found.tasks:
        theirs = sorted(each for each, kind in KNOWN.items() if task in kind.tasks)
        raise UsageError(
            f"candidate {name!r} is for the task {' and '.join(found.tasks)} alone; for {task} choose of "
            f"{', '.join(theirs)}"
        )
    return found


def seed_matters(recipe: Recipe, rows: int) -> bool:
    """Return whether fits of the recipe with different seeds can differ."""
    return candidate_class(recipe.name).seed_matters(recipe.settings, rows)


def quick(name: str, settings: Mapping[str, Any], trees: int) -> dict[str, Any]:
    """Return a candidate's settings with so few trees."""
    return candidate_class(name).quick(settings, trees)


__all__ = [
    "DEFAULT",
    "Candidate",
    "Examples",
    "ahead_recipes",
    "candidate",
    "candidate_class",
    "check_candidates",
    "quick",
    "recipes",
    "seed_matters",
]
