"""The fitted models behind a forecast: four numbers for each coming interval, in units of the meter's level."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.models.exported import Model, model_of
from meter_core.models.forecast_range import Outline
from meter_core.models.packed import named, under

LINE: Final = "line"
"""Name of the linear model of the mean, on which all others stand: trees alone know no load they have not seen."""

MEAN: Final = "mean"
"""Name of the model of what the line misses on average; a candidate that is a line itself has none."""

QUANTILES: Final = ("low", "middle", "high")
"""Models of the quantiles of what the line misses."""

ERROR: Final = "error"
"""Name of the model of how far the mean misses on either side, where quantiles cannot be fitted."""


@dataclass(frozen=True)
class OutlineModels:
    """Fitted models and the columns they look at.

    Attributes:
        used: features that the models were fitted on.
        models: by name: `LINE`, `MEAN` where there is one, and `ERROR` or those of `QUANTILES`.
    """

    used: tuple[str, ...]
    models: Mapping[str, Model]
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
            mean = line + said[MEAN] if MEAN in said else line
            return Outline.ordered(mean, mean - said[ERROR], mean, mean + said[ERROR], line)
        return Outline.ordered(**{name: line + missed for name, missed in said.items()}, line=line)

    @property
    def has_median(self) -> bool:
        """Whether a median was fitted as one."""
        return ERROR not in self.models

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but names as arrays, by name."""
        numbers: dict[str, NDArray[Any]] = {}
        for name, model in sorted(self.models.items()):
            numbers |= named(name, model.arrays())
        return numbers

    def words(self) -> dict[str, Any]:
        """Return the rest as plain JSON types."""
        return {"used": list(self.used), "models": {name: model.words() for name, model in self.models.items()}}

    @classmethod
    def of(cls, words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "OutlineModels":
        """Return the models that `words` and `arrays` came from."""
        models = {name: model_of(kind, under(name, arrays)) for name, kind in words["models"].items()}
        return cls(tuple(words["used"]), models)
