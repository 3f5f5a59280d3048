"""One fitted model as numbers over columns of a feature matrix, with the range of its residuals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.history import FEATURE_SETS
from meter_core.models.exported import Line, Model, model_of
from meter_core.models.residual_range import ResidualRange


@dataclass(frozen=True)
class Part:
    """A fitted model and the columns it looks at.

    Attributes:
        features: `snapshot` or `history`: the feature set its matrix has.
        used: columns of the matrix that the model was fitted on.
        model: the line, the trees or what else was fitted.
        residuals: its range.
        needs: history features a reading must have to be answered by this part.
    """

    features: Literal["snapshot", "history"]
    used: tuple[str, ...]
    model: Model
    residuals: ResidualRange
    needs: tuple[str, ...] = ()
    _columns: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = FEATURE_SETS[self.features]
        object.__setattr__(self, "_columns", np.array([names.index(name) for name in self.used], dtype=np.int64))

    @property
    def empty(self) -> tuple[str, ...]:
        """Features that had no value in the training window: they have no weight."""
        return tuple(name for name in FEATURE_SETS[self.features] if name not in self.used)

    @property
    def imputation(self) -> dict[str, float]:
        """What stands for a missing feature of a line, by name; empty for models that see to it themselves."""
        return dict(zip(self.used, self.model.imputation.tolist(), strict=True)) if isinstance(self.model, Line) else {}

    def mean_kw(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) predicted mean power for the (n, k) matrix of the part's feature set."""
        return self.model.predict(matrix.take(self._columns, axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but names as arrays, by name."""
        return self.model.arrays() | self.residuals.arrays()

    def words(self) -> dict[str, Any]:
        """Return the rest as plain JSON types."""
        said = {"features": self.features, "used": list(self.used), "needs": list(self.needs)}
        return said | {"model": self.model.words()}

    @classmethod
    def of(cls, words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "Part":
        """Return the part that `words` and `arrays` came from."""
        model = model_of(words["model"], arrays)
        return cls(words["features"], tuple(words["used"]), model, ResidualRange.of(arrays), tuple(words["needs"]))
