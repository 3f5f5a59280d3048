"""Which rows a model may learn from and which it is scored on: by time, with an embargo between them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import TooLittleDataError
from meter_core.features.readings import ReadingTable
from meter_core.models.fit import EMBARGO_S

HOLD_OUT_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Split:
    """A training window and a test window; all bounds are UTC seconds and exclusive at their end.

    Attributes:
        fit_until_s: readings that start before are learnt from.
        test_from_s: readings from here are scored; learnt is only what was available by then.
        test_until_s: readings before this are scored.
    """

    fit_until_s: int
    test_from_s: int
    test_until_s: int

    def fit_rows(self, table: ReadingTable) -> NDArray[np.bool_]:
        """Return (n,) which rows may be learnt from: measured, before the embargo, known when the test begins."""
        known = table.available_s <= self.test_from_s
        return (table.ts_s < self.fit_until_s) & known & ~np.isnan(table.units_kwh)

    def test_rows(self, table: ReadingTable) -> NDArray[np.bool_]:
        """Return (n,) which rows are scored: each with a measured target."""
        inside = (table.ts_s >= self.test_from_s) & (table.ts_s < self.test_until_s)
        return inside & ~np.isnan(table.units_kwh)


def split_at(test_from_s: int, test_until_s: int) -> Split:
    """Return the split that is fitted up to a day before the test begins."""
    return Split(test_from_s - EMBARGO_S, test_from_s, test_until_s)


def hold_out(table: ReadingTable, days: int = HOLD_OUT_DAYS) -> Split:
    """Return the split whose test is the last days of the readings, up to the end of the last measured interval.

    Raises:
        TooLittleDataError: where nothing was measured.
    """
    measured = ~np.isnan(table.units_kwh)
    if not measured.any():
        raise TooLittleDataError(
            "no reading has a measured energy: there is nothing to learn from and nothing to score; "
            "load some with `meter ingest`, or choose another window"
        )
    end_s = int((table.ts_s + table.interval_minutes * 60)[measured].max())
    return split_at(end_s - days * DAY_S, end_s)
