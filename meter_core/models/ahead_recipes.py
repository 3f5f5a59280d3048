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


def ahead_recipes() -> dict[str, Recipe]:
    """Return the candidates by name."""
    return {"linear": Recipe("linear", "ahead"), "boosting": Recipe("boosting", "ahead", AHEAD_BOOSTING)}
