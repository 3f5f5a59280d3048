"""The candidates of the task `ahead`: what is fitted, with which settings.

How the settings were found: docs/decisions/forecast-model.md.
"""

from typing import Final

from meter_core.models.recipes import Recipe

AHEAD_BOOSTING: Final = {
    "max_iter": 60,
    "learning_rate": 0.1,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 200,
    "l2_regularization": 5.0,
    "early_stopping": False,
}
"""A forecast asks four such models, so they are small. 16 leaves fit a 16-bit mask, the cheapest to evaluate."""


AHEAD_FINE: Final = AHEAD_BOOSTING | {"max_iter": 150, "max_leaf_nodes": 31, "min_samples_leaf": 20}
"""For feeders, zones and large sites, whose load follows calendar and weather closely."""

FINE_METERS: Final = 3
"""Of more meters, which are homes, finer trees learn the noise, and slowly."""


def ahead_recipes(meters: int = FINE_METERS + 1) -> dict[str, Recipe]:
    """Return the candidates for so many meters, by name."""
    found = {"linear": Recipe("linear", "ahead"), "boosting": Recipe("boosting", "ahead", AHEAD_BOOSTING)}
    return found | ({"boosting_fine": Recipe("boosting_fine", "ahead", AHEAD_FINE)} if meters <= FINE_METERS else {})
