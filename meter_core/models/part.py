"""One fitted model as numbers: a line or trees over columns of a feature matrix, with the range of its residuals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.history import FEATURE_SETS
from meter_core.models.forest import Forest, Trees
from meter_core.models.residual_range import ResidualRange


@dataclass(frozen=True, slots=True)
class Line:
    """A linear model.

    Attributes:
        coefficients: (k,) kW per unit of each used column.
        intercept: kW.
        imputation: (k,) what stands for a missing value of each column: its mean in the training window.
    """

    coefficients: FloatArray
    intercept: float
    imputation: FloatArray

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) kW. `einsum` without BLAS: a row's result does not depend on the batch."""
        filled = np.ascontiguousarray(np.where(np.isnan(matrix), self.imputation, matrix))
        return np.einsum("ij,j->i", filled, self.coefficients) + self.intercept

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {name: np.asarray(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Line":
        """Return the line that `arrays` came from."""
        return cls(arrays["coefficients"], float(arrays["intercept"]), arrays["imputation"])


@dataclass(frozen=True)
class Part:
    """A fitted model and the columns it looks at.

    Attributes:
        features: `snapshot` or `history`: the feature set its matrix has.
        used: columns of the matrix that the model was fitted on.
        model: the line or the trees.
        residuals: its range.
        needs: history features a reading must have to be answered by this part.
    """

    features: Literal["snapshot", "history"]
    used: tuple[str, ...]
    model: Line | Forest
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
        """What stands for a missing feature, by name; empty for trees, which handle missing values themselves."""
        if isinstance(self.model, Forest):
            return {}
        return dict(zip(self.used, self.model.imputation.tolist(), strict=True))

    def mean_kw(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) predicted mean power for the (n, k) matrix of the part's feature set."""
        return self.model.predict(matrix.take(self._columns, axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but names as arrays, by name."""
        model = self.model.trees if isinstance(self.model, Forest) else self.model
        return model.arrays() | self.residuals.arrays()

    def words(self) -> dict[str, Any]:
        """Return the rest as plain JSON types."""
        kind = "trees" if isinstance(self.model, Forest) else "line"
        return {"features": self.features, "used": list(self.used), "model": kind, "needs": list(self.needs)}

    @classmethod
    def of(cls, words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "Part":
        """Return the part that `words` and `arrays` came from."""
        model = Forest(Trees.of(arrays)) if words["model"] == "trees" else Line.of(arrays)
        return cls(words["features"], tuple(words["used"]), model, ResidualRange.of(arrays), tuple(words["needs"]))
