"""Finer boosting, for feeders, zones and large sites, whose load follows calendar and weather closely."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from meter_core.models.candidates.boosting import Boosting
from meter_core.models.candidates.hourly import Hourly
from meter_core.models.recipes import Recipe

LINE: Final = "stands_on"
"""Setting that holds the candidate of the line with its settings: they belong to what a model is known by."""


class BoostingFine(Boosting):
    """More and larger trees, smaller leaves, on what the lines of each hour miss."""

    name: ClassVar[str] = "boosting_fine"
    tasks: ClassVar = ("ahead",)
    ahead: ClassVar = {
        **Boosting.ahead,
        "max_iter": 150,
        "max_leaf_nodes": 31,
        "min_samples_leaf": 20,
        LINE: {Hourly.name: Hourly.ahead},
    }

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        own = {name: value for name, value in recipe.settings.items() if name != LINE}
        super().__init__(replace(recipe, settings=own), seed, quantile)

    @classmethod
    def stands_on(cls, settings: Mapping[str, Any]) -> Recipe:
        """Return the line that the settings say; models from before they did stand on that of each hour."""
        ((name, own),) = settings.get(LINE, {Hourly.name: Hourly.ahead}).items()
        return Recipe(name, "ahead", own)
