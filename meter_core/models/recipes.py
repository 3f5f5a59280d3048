"""The candidates of the task `reading`: what is fitted, with which settings.

How the settings were found: docs/decisions/reading-model.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from meter_core.contracts.errors import UsageError


@dataclass(frozen=True, slots=True)
class Recipe:
    """A candidate.

    Attributes:
        name: of the candidate; one that is not `linear` is fitted by boosting.
        features: `snapshot`: the twelve features only; `history`: a second part that uses recent energy too; `ahead`:
            those of the task `ahead`.
        settings: of the estimator.
    """

    name: str
    features: Literal["snapshot", "history", "ahead"] = "history"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Literal["snapshot", "history"], ...]:
        """The feature sets that a model is fitted on."""
        return ("snapshot",) if self.features == "snapshot" else ("snapshot", "history")


BOOSTING_SETTINGS: Final = {
    "max_iter": 300,
    "learning_rate": 0.02,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "early_stopping": False,
}
"""16 leaves fit a 16-bit mask, the cheapest to evaluate. Early stopping would hold out random neighbour hours."""


def recipes(features: str = "history") -> dict[str, Recipe]:
    """Return the candidates by name.

    Raises:
        UsageError: where `features` is neither `snapshot` nor `history`.
    """
    if features not in ("snapshot", "history"):
        raise UsageError(f"features {features!r} is unknown; say snapshot or history")
    chosen: Literal["snapshot", "history"] = "snapshot" if features == "snapshot" else "history"
    return {
        "linear": Recipe("linear", chosen),
        "boosting": Recipe("boosting", chosen, BOOSTING_SETTINGS),
    }
