"""The sum of several meters' forecasts, from their joint sample paths: quantiles do not add."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.features import QUANTILES
from meter_core.contracts.forecasts import ForecastBatch
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.scores import Answers, score

DRAWS: Final = 200
LIMIT: Final = 100_000_000
"""Numbers of all sums in memory, 0.8 GB; a longer test has no totals."""


@dataclass
class SummedPaths:
    """Sums over meters at each origin.

    Attributes:
        origin_s: (u,) UTC seconds of the origins.
        meters: how many meters there are.
        count: (u, h) meters that were measured.
        measured_kwh: (u, h) their sum.
        mean_kwh: (u, h) sum of the forecasts' means.
        paths_kwh: (u, draws, h) sums of the forecasts' paths; None where there are none to keep.
    """

    origin_s: IntArray
    meters: int
    count: IntArray
    measured_kwh: FloatArray
    mean_kwh: FloatArray
    paths_kwh: FloatArray | None

    @classmethod
    def of(cls, tests: Sequence[tuple[IntArray, NDArray[np.bool_]]]) -> "SummedPaths":
        """Return empty sums.

        Args:
            tests: origins (n,) of each meter, and (n, h) which of its intervals are scored.
        """
        origin_s = np.unique(np.concatenate([at for at, _ in tests]))
        horizons = {scored.shape[1] for _, scored in tests}
        shape = (len(origin_s), max(horizons))
        fits = len(horizons) == 1 and shape[0] * shape[1] * DRAWS <= LIMIT
        paths = np.zeros((shape[0], DRAWS, shape[1])) if fits else None
        return cls(origin_s, len(tests), np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape), paths)

    def add(self, origin_s: IntArray, said: ForecastBatch, measured_kwh: FloatArray) -> None:
        """Add the forecasts of one meter.

        Args:
            origin_s: (n,) of them.
            said: the forecasts.
            measured_kwh: (n, h) what came, NaN where not measured.
        """
        if self.paths_kwh is None:
            return
        at = np.searchsorted(self.origin_s, origin_s)
        there = ~np.isnan(measured_kwh)
        self.count[at] += there
        self.measured_kwh[at] += np.where(there, measured_kwh, 0.0)
        self.mean_kwh[at] += said.mean_kwh
        self.paths_kwh[at] += said.paths_kwh(DRAWS, 0)

    def scores(self) -> dict[str, Any]:
        """Return the scores of the sum of each interval and of each whole forecast, where all meters were measured."""
        if self.paths_kwh is None:
            return {"rows": 0}
        whole = self.count == self.meters
        if not whole.any():
            return {"rows": 0}
        drawn = np.moveaxis(np.quantile(self.paths_kwh, QUANTILES, axis=1), 0, 2)
        scores: dict[str, Any] = score(self.measured_kwh[whole], Answers(self.mean_kwh[whole], drawn[whole]))
        scores["mape"] = _mape(self.measured_kwh[whole], self.mean_kwh[whole])
        days = whole.all(axis=1)
        if days.any():
            sums = np.quantile(self.paths_kwh[days].sum(axis=2), QUANTILES, axis=1).T
            answers = Answers(self.mean_kwh[days].sum(axis=1), sums)
            scores["whole_forecast"] = score(self.measured_kwh[days].sum(axis=1), answers)
        return {"rows": int(whole.sum()), "paths": DRAWS} | scores


def _mape(measured_kwh: FloatArray, mean_kwh: FloatArray) -> float:
    """Return the mean absolute error as a share of what was measured; NaN where a sum was nothing."""
    if (measured_kwh == 0).any():
        return float("nan")
    return float(np.mean(np.abs((mean_kwh - measured_kwh) / measured_kwh)))
