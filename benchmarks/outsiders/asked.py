"""What an outsider is asked: some rows of one window, from what was known before it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.evaluated import Rows
from meter_core.evaluation.scores import Answers
from meter_core.evaluation.splits import Split
from meter_core.features.readings import ReadingTable


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows of one window.

    Attributes:
        task: `reading` or `ahead`.
        table: all readings.
        split: what may be learnt from, and the window.
        rows: of the whole evaluation.
        chosen: numbers of the rows of this window.
    """

    task: str
    table: ReadingTable
    split: Split
    rows: Rows
    chosen: IntArray

    def meters(self) -> Iterator[tuple[ReadingTable, ReadingTable, IntArray]]:
        """Yield each meter's readings, those to learn from, and the numbers of its rows among the chosen."""
        for span in self.table.groups():
            group = self.table.take(np.arange(span.start, span.stop))
            (number,) = np.flatnonzero(self.rows.meter_id == group.meter_id[0])
            asked = np.flatnonzero(self.rows.meter[self.chosen] == number)
            yield group, group.take(self.split.fit_rows(group)), asked


@dataclass(frozen=True, slots=True)
class Said:
    """What an outsider says of the chosen rows.

    Attributes:
        answers: in their order.
        numbers: so many numbers the fitted model is.
    """

    answers: Answers
    numbers: int


def empty(asked: Asked) -> Answers:
    """Return answers to be filled."""
    return Answers(np.full(len(asked.chosen), np.nan), np.full((len(asked.chosen), len(QUANTILES)), np.nan))


def residual_quantiles(residual: FloatArray, hour: IntArray, of_hour: IntArray) -> FloatArray:
    """Return (n, 3) quantiles of residuals at the local hour of each row."""
    table = np.stack([np.quantile(residual[hour == h], QUANTILES, method="weibull") for h in range(24)])
    return table[of_hour]
