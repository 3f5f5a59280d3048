"""What error is to be expected of a meter from the noise of its own history, so that nobody chases noise.

Two like days that follow each other differ by what no habit explains. Where a value is what is usual at its clock time
plus noise of variance s2, their difference has variance 2 * s2 (von Neumann 1941, who so takes a slow trend out of a
variance). That is the RMSE a model reaches that knows all habits and nothing else; one that sees the load at the
interval's start, or weather that the meter follows, may get below.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from meter_core.calendar import DAY_S, local_hour_and_weekday
from meter_core.evaluation.naives import first_known
from meter_core.features.history import like_day
from meter_core.features.readings import ReadingTable, same_clock_before

WINDOW_S: Final = 182 * DAY_S
"""The newest half year is looked at: habits of years ago say little."""

BACK_DAYS: Final = 7
FEWEST_PAIRS: Final = 100


@dataclass(frozen=True, slots=True)
class Predictability:
    """What is to be expected of one meter. Energies in kWh of an interval.

    Attributes:
        meter_id: The meter.
        interval_minutes: Length of its intervals.
        pairs: Pairs of like days' values at one clock time that this rests on.
        mean_kwh: What it uses on average.
        expected_rmse: RMSE of a model that knows its habits and nothing else.
        expected_mae: Likewise MAE, as if the noise were normal; a little high where it has heavy tails.
        expected_cv: `expected_rmse` as a share of the mean; None where that is 0.
        habit_share: Share of the variance that its habits explain, 0 to 1; None where nothing varies.
    """

    meter_id: str
    interval_minutes: int
    pairs: int
    mean_kwh: float
    expected_rmse: float
    expected_mae: float
    expected_cv: float | None
    habit_share: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def predictability(table: ReadingTable, until_s: int | None = None) -> Iterator[Predictability]:
    """Yield what is to be expected of each meter with enough pairs of like days in the half year before an instant.

    Args:
        table: readings.
        until_s: UTC seconds; the end of each meter's readings where None.
    """
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        end_s = int(group.ts_s[-1]) + 1 if until_s is None else until_s
        near = (group.ts_s < end_s) & (group.ts_s >= end_s - WINDOW_S)
        found = _of_meter(group.take(near)) if near.any() else None
        if found is not None:
            yield found


def _of_meter(group: ReadingTable) -> Predictability | None:
    """Return what is to be expected of the readings of one meter."""
    rows = np.flatnonzero(~np.isnan(group.units_kwh))
    if not rows.size:
        return None
    _, weekday = local_hour_and_weekday(group.ts_s[rows], str(group.zone[0]))
    before = same_clock_before(group, group.units_kwh, rows)[:, :BACK_DAYS]
    last = first_known(np.where(like_day(weekday)[:, :BACK_DAYS], before, np.nan))
    kwh = group.units_kwh[rows]
    apart = (kwh - last)[~np.isnan(last)]
    if len(apart) < FEWEST_PAIRS:
        return None
    rmse, mean, spread = float(np.sqrt((apart**2).mean() / 2)), float(kwh.mean()), float(kwh.var())
    return Predictability(
        meter_id=str(group.meter_id[0]),
        interval_minutes=int(group.interval_minutes[0]),
        pairs=len(apart),
        mean_kwh=mean,
        expected_rmse=rmse,
        expected_mae=float(np.abs(apart).mean() / np.sqrt(2)),
        expected_cv=rmse / abs(mean) if mean else None,
        habit_share=float(np.clip(1 - rmse**2 / spread, 0, 1)) if spread > 0 else None,
    )
