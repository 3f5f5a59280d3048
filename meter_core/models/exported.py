"""Fitted models as numbers: a line, trees, a weighting of several models, or one model for each segment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray
from meter_core.models.forest import Forest, Trees
from meter_core.models.packed import named, under


class Model(Protocol):
    """What answers row by row: the same bits, whatever rows come beside it."""

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) values for (n, k) features, NaN where missing."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""

    def words(self) -> Any:
        """Return what the arrays are of, as plain JSON types: `model_of` makes the model of both."""


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

    def words(self) -> str:
        """Return its kind."""
        return "line"

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Line":
        """Return the line that `arrays` came from."""
        return cls(arrays["coefficients"], float(arrays["intercept"]), arrays["imputation"])


@dataclass(frozen=True, slots=True)
class Weighted:
    """The weighted sum of what several models say.

    Attributes:
        models: (m) of the same columns.
        weights: (m,) of each.
    """

    models: tuple[Model, ...]
    weights: FloatArray

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) sums, added model after model."""
        total = np.zeros(len(matrix))
        for model, weight in zip(self.models, self.weights.tolist(), strict=True):
            total += weight * model.predict(matrix)
        return total

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"weights": self.weights} | _numbered(self.models)

    def words(self) -> dict[str, Any]:
        """Return its kind, and those of its models."""
        return {"weighted": [model.words() for model in self.models]}


@dataclass(frozen=True, slots=True)
class BySegment:
    """One model for each segment of a column's values; the last one for rows in which it is missing.

    Attributes:
        models: (s + 1) of the same columns.
        column: number of the column that says the segment.
        edges: (s - 1,) values at which the next segment begins.
    """

    models: tuple[Model, ...]
    column: int
    edges: FloatArray

    def segments(self, matrix: FloatArray) -> NDArray[np.int64]:
        """Return (n,) the segment of each row."""
        return segment_of(matrix[:, self.column], self.edges)

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) what the model of each row's segment says."""
        said, segment = np.empty(len(matrix)), self.segments(matrix)
        for number, model in enumerate(self.models):
            rows = segment == number
            if rows.any():
                said[rows] = model.predict(matrix[rows])
        return said

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {"column": np.asarray(self.column), "edges": self.edges} | _numbered(self.models)

    def words(self) -> dict[str, Any]:
        """Return its kind, and those of its models."""
        return {"by_segment": [model.words() for model in self.models]}


def segment_of(values: FloatArray, edges: FloatArray) -> NDArray[np.int64]:
    """Return (n,) in which segment each value lies; one more than there are where it is missing."""
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))


def model_of(words: Any, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Return the model that `words` and `arrays` came from."""
    if isinstance(words, str):
        return Forest(Trees.of(arrays)) if words == "trees" else Line.of(arrays)
    ((kind, parts),) = words.items()
    models = tuple(model_of(part, under(str(number), arrays)) for number, part in enumerate(parts))
    if kind == "weighted":
        return Weighted(models, arrays["weights"])
    return BySegment(models, int(arrays["column"]), arrays["edges"])


def _numbered(models: tuple[Model, ...]) -> dict[str, NDArray[Any]]:
    """Return the arrays of each model under its number."""
    return {name: each for n, model in enumerate(models) for name, each in named(str(n), model.arrays()).items()}
