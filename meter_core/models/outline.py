"""The fitted models behind a forecast: four numbers for each coming interval, in units of the meter's level."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.models.forecast_range import Outline
from meter_core.models.forest import Forest, Trees
from meter_core.models.packed import named, under
from meter_core.models.part import Line

LINE: Final = "line"
"""Name of the linear model of the mean, on which all others stand: trees alone know no load they have not seen."""

TREES: Final = ("mean", "low", "middle", "high")
"""Models of what the line misses: its mean, and each quantile."""

ERROR: Final = "error"
"""Name of the model of how far the line misses on either side, where it has no trees."""


@dataclass(frozen=True)
class OutlineModels:
    """Fitted models and the columns they look at.

    Attributes:
        used: features that the models were fitted on.
        models: by name: `LINE`, and `ERROR` or those of `TREES`.
    """

    used: tuple[str, ...]
    models: Mapping[str, Line | Forest]
    _columns: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        columns = np.array([AHEAD_FEATURES.index(name) for name in self.used], dtype=np.int64)
        object.__setattr__(self, "_columns", columns)

    def outline(self, matrix: FloatArray) -> Outline:
        """Return the outlines of (n, k) features, columns as in `AHEAD_FEATURES`."""
        used = matrix if len(self.used) == matrix.shape[1] else matrix.take(self._columns, axis=1)
        said = {name: model.predict(used) for name, model in self.models.items()}
        line = said.pop(LINE)
        if ERROR in said:
            return Outline.ordered(line, line - said[ERROR], line, line + said[ERROR], line)
        return Outline.ordered(**{name: line + missed for name, missed in said.items()}, line=line)

    @property
    def has_trees(self) -> bool:
        """Whether there are trees, and with them a median of its own."""
        return ERROR not in self.models

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but names as arrays, by name."""
        numbers: dict[str, NDArray[Any]] = {}
        for name, model in sorted(self.models.items()):
            numbers |= named(name, model.trees.arrays() if isinstance(model, Forest) else model.arrays())
        return numbers

    def words(self) -> dict[str, Any]:
        """Return the rest as plain JSON types."""
        kinds = {name: "trees" if isinstance(model, Forest) else "line" for name, model in self.models.items()}
        return {"used": list(self.used), "models": kinds}

    @classmethod
    def of(cls, words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "OutlineModels":
        """Return the models that `words` and `arrays` came from."""
        models: dict[str, Line | Forest] = {}
        for name, kind in words["models"].items():
            own = under(name, arrays)
            models[name] = Forest(Trees.of(own)) if kind == "trees" else Line.of(own)
        return cls(tuple(words["used"]), models)
