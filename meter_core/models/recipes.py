"""What is fitted, on which features, with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Recipe:
    """A candidate with its settings.

    Attributes:
        name: of the candidate.
        features: `snapshot`: the twelve features only; `history`: a second part that uses recent energy too; `ahead`:
            those of the task `ahead`.
        settings: of the candidate; plain JSON types.
    """

    name: str
    features: Literal["snapshot", "history", "ahead"] = "history"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Literal["snapshot", "history"], ...]:
        """The feature sets that a model is fitted on."""
        return ("snapshot",) if self.features == "snapshot" else ("snapshot", "history")
