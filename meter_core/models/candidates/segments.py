"""A model for each segment of meters: by the shape of their load ahead, by their size where readings are predicted."""

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.models.candidates.boosting import Boosting
from meter_core.models.candidates.candidate import KNOWN, Candidate, Examples
from meter_core.models.exported import BySegment, Model
from meter_core.models.recipes import Recipe
from meter_core.models.segmented_regressor import SegmentedRegressor

FEWEST: Final = 2_000
"""A segment with fewer examples is answered by the model of all; so is one in which a column has no value at all."""


class Segments(Candidate):
    """One candidate, fitted on the examples of each segment, and on all for meters of which too little is known.

    The segment is what a column says at the moment of the forecast, so it needs no id, and a meter that changes changes
    its segment: ahead the highest value of its day's profile over its mean, of readings its mean load of the last week.
    """

    name: ClassVar = "segments"
    reading: ClassVar = {"by": "last_week_kw", "parts": 3, "of": {Boosting.name: Boosting.reading}}
    ahead: ClassVar = {"by": "profile_highest", "parts": 3, "of": {Boosting.name: Boosting.ahead}}
    fits_quantiles: ClassVar = True

    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        ((name, settings),) = recipe.settings["of"].items()
        self._own = Recipe(name, recipe.features, settings)
        self._by, self._parts = str(recipe.settings["by"]), int(recipe.settings["parts"])
        self._seed, self._quantile = seed, quantile
        self._export: Model | None = None
        self.fitted: Any = None

    def fit(self, examples: Examples) -> None:
        """Learn from examples."""
        every = self._one(examples)
        if self._by not in examples.columns:
            self._export, self.fitted = every.export(), every.fitted
            return
        column = examples.columns.index(self._by)
        values = examples.matrix[:, column]
        edges = np.unique(np.nanquantile(values, np.arange(1, self._parts) / self._parts))
        split = BySegment((), column, edges)
        segment = split.segments(examples.matrix)
        fitted = [self._of_segment(examples, segment == number, every) for number in range(len(edges) + 1)]
        fitted.append(every)
        self._export = BySegment(tuple(each.export() for each in fitted), column, edges)
        self.fitted = SegmentedRegressor([each.fitted for each in fitted], column, edges)

    def export(self) -> Model:
        """Return the models of the segments."""
        assert self._export is not None  # noqa: S101 - fitted before
        return self._export

    def _of_segment(self, examples: Examples, rows: NDArray[np.bool_], every: Candidate) -> Candidate:
        enough = rows.sum() >= FEWEST and not np.isnan(examples.matrix[rows]).all(axis=0).any()
        return self._one(examples.take(rows)) if enough else every

    def _one(self, examples: Examples) -> Candidate:
        one = KNOWN[self._own.name](self._own, self._seed, self._quantile)
        one.fit(examples)
        return one
