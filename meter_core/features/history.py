"""Features from a meter's recent energy, by its local clock: what was used just before, and at this time of day before.

All are mean kW (kWh per hour), so that meters of different interval lengths compare. A value that is missing stays
missing; nothing is filled. Every figure of a row depends on that row alone, in an order of addition that does not
depend on how many rows come with it.
"""

from typing import Final

import numpy as np

from meter_core.contracts.errors import UsageError
from meter_core.contracts.features import FEATURES, WEEKEND_FROM
from meter_core.contracts.readings import FloatArray, IntArray, ReadingBatch
from meter_core.features.snapshot import snapshot_matrix

HISTORY_DAYS: Final = 56
"""Days that history looks back; `clock_shift_minutes` has a column for each."""

DAY_MINUTES: Final = 1_440
PROFILE_VALUES: Final = 7
"""A profile or level with fewer measured values is missing."""

HISTORY_FEATURES: Final = (
    "previous_kw",
    "previous_2_kw",
    "previous_3_kw",
    "same_hour_yesterday_kw",
    "same_hour_last_week_kw",
    "hour_profile_28d_kw",
    "hour_profile_ew7_kw",
    "hour_profile_like_day_kw",
    "last_day_kw",
    "last_week_kw",
)
"""Names and order of the columns of a history feature matrix.

`previous_*`: the intervals just before. `hour_profile_28d`: mean at this clock time over 28 days.
`hour_profile_ew7`: over 56 days with weights that halve every 7 days. `hour_profile_like_day`: over those of the 56
days that are weekend like (or unlike) today. `last_day`, `last_week`: mean of the last 24 hours and 7 days.
"""

FEATURE_SETS: Final[dict[str, tuple[str, ...]]] = {"snapshot": FEATURES, "history": FEATURES + HISTORY_FEATURES}
"""Columns of `feature_matrix`, by the name that `--features` takes."""

HISTORY_NEEDS: Final = ("hour_profile_28d_kw", "previous_kw")
"""Without these a snapshot alone predicts better (docs/decisions/reading-model.md). Where values come so late that the
previous one is hardly ever known, a model learns to do without it and needs the profile only."""

_EW7_WEIGHTS = 0.5 ** (np.arange(1, HISTORY_DAYS + 1) / 7.0)


def same_clock_kwh(batch: ReadingBatch) -> FloatArray:
    """Return the energy at the same local clock time on each of the 56 days before.

    Returns:
        (n, 56) kWh, column 0 is yesterday; NaN where not measured or not in `recent_kwh`.

    Raises:
        UsageError: where `clock_shift_minutes` has fewer than 56 columns.
    """
    recent = _recent(batch)
    width = recent.shape[1]
    back = steps_back(batch.interval_minutes, _shift(batch))
    if not width:
        return np.full(back.shape, np.nan)
    there = (back >= 1) & (back <= width)
    return np.where(there, np.take_along_axis(recent, np.where(there, width - back, 0), axis=1), np.nan)


def steps_back(interval_minutes: IntArray, shift_minutes: IntArray) -> IntArray:
    """Return how many intervals back the same local clock time lies on each day before; 0 where none begins then.

    Args:
        interval_minutes: (n,) lengths.
        shift_minutes: (n, 56) as `ReadingBatch.clock_shift_minutes`. Intervals of whole days ignore it: theirs are
            days of the local calendar.
    """
    interval = interval_minutes[:, None]
    days = np.arange(1, HISTORY_DAYS + 1, dtype=np.int64) * DAY_MINUTES
    minutes = np.where(interval < DAY_MINUTES, days + shift_minutes, days)
    return np.where((interval < DAY_MINUTES) | (minutes % interval == 0), np.floor_divide(minutes, interval), 0)


def like_day(local_day_of_week: IntArray) -> np.ndarray:
    """Return (n, 56): whether each of the days before is weekend like the reading's own day, or working day like it."""
    days = np.arange(1, HISTORY_DAYS + 1, dtype=np.int64)
    then = np.mod(local_day_of_week[:, None] - days, 7) >= WEEKEND_FROM
    return then == (local_day_of_week >= WEEKEND_FROM)[:, None]


def history_matrix(batch: ReadingBatch, same_clock: FloatArray | None = None) -> FloatArray:
    """Return the (n, len(HISTORY_FEATURES)) matrix of mean kW, NaN where missing.

    Args:
        batch: readings with `recent_kwh`; without, everything is missing.
        same_clock: what `same_clock_kwh(batch)` returned, where the caller has it.
    """
    recent = _recent(batch)
    clock = same_clock_kwh(batch) if same_clock is None else same_clock
    like = np.where(like_day(batch.local_day_of_week), clock, np.nan)
    columns = [_nth_last(recent, n) for n in (1, 2, 3)]
    columns += [clock[:, 0], clock[:, 6], *history_profiles(clock), mean_of(like)]
    columns += [_level(recent, batch.interval_minutes, days) for days in (1, 7)]
    return np.stack(columns, axis=1) * (60.0 / batch.interval_minutes)[:, None]


def has_history(history: FloatArray, needs: tuple[str, ...] = HISTORY_NEEDS) -> np.ndarray:
    """Return (n,) bool: whether a row of `history_matrix` has all the features that are needed to predict from it."""
    missing = np.isnan(history[:, [HISTORY_FEATURES.index(name) for name in needs]])
    return np.logical_not(missing.any(axis=1))


def feature_matrix(batch: ReadingBatch, features: str) -> FloatArray:
    """Return the (n, k) matrix whose columns are `FEATURE_SETS[features]`."""
    snapshot = snapshot_matrix(batch)
    return snapshot if features == "snapshot" else np.hstack([snapshot, history_matrix(batch)])


def history_profiles(clock: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (n,) means of (n, 56) values at one clock time: over 28 days, and over 56 with weights that halve in 7."""
    return mean_of(clock[:, :28]), _ew7(clock)


def mean_of(values: FloatArray, at_least: int = PROFILE_VALUES) -> FloatArray:
    """Return (n,) means of the rows of (n, k) values that are not NaN; NaN where fewer than `at_least` are."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    # A copy in C order: the order in which numpy adds must not depend on the layout, and so on the batch.
    total = np.ascontiguousarray(np.where(there, values, 0.0)).sum(axis=1)
    return np.where(count >= at_least, total / np.maximum(count, 1), np.nan)


def _ew7(clock: FloatArray) -> FloatArray:
    """Return the exponentially weighted mean of (n, 56) values."""
    there = ~np.isnan(clock)
    total = np.einsum("ij,j->i", np.ascontiguousarray(np.where(there, clock, 0.0)), _EW7_WEIGHTS)
    weight = np.einsum("ij,j->i", there.astype(np.float64, order="C"), _EW7_WEIGHTS)
    return np.where(there.sum(axis=1) >= PROFILE_VALUES, total / np.where(weight > 0, weight, 1.0), np.nan)


def _level(recent: FloatArray, interval_minutes: IntArray, days: int) -> FloatArray:
    """Return (n,) mean energy of the intervals of the last days; a quarter of them have to be measured."""
    level = np.full(len(interval_minutes), np.nan)
    for interval in set(interval_minutes.tolist()):  # np.unique takes longer than the rest of a single row
        rows = interval_minutes == interval
        width = max(1, days * DAY_MINUTES // interval)
        last = recent[rows, -width:] if recent.shape[1] else recent[rows]
        padded = np.full((last.shape[0], width), np.nan)
        padded[:, width - last.shape[1] :] = last
        level[rows] = mean_of(padded, at_least=max(1, width // 4))
    return level


def _nth_last(recent: FloatArray, n: int) -> FloatArray:
    """Return (n,) the value n intervals back, NaN where the window is shorter."""
    return recent[:, -n] if recent.shape[1] >= n else np.full(len(recent), np.nan)


def _recent(batch: ReadingBatch) -> FloatArray:
    """Return the window of recent energy, of no width where the batch has none."""
    return np.empty((len(batch), 0)) if batch.recent_kwh is None else batch.recent_kwh


def _shift(batch: ReadingBatch) -> IntArray:
    """Return (n, 56) clock shifts in minutes; 0 where unknown."""
    if batch.clock_shift_minutes is None:
        return np.zeros((len(batch), HISTORY_DAYS), dtype=np.int64)
    if batch.clock_shift_minutes.shape[1] < HISTORY_DAYS:
        given = batch.clock_shift_minutes.shape[1]
        raise UsageError(f"clock_shift_minutes has {given} days; history looks back {HISTORY_DAYS}: give that many")
    return batch.clock_shift_minutes[:, :HISTORY_DAYS]
