"""History features by hand: around both clock changes of Europe/Paris, at +05:30, with gaps, with days."""

from datetime import UTC, datetime

import numpy as np
import pytest

from meter_core.calendar import clock_shift_minutes
from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import ReadingBatch
from meter_core.features.history import (
    HISTORY_DAYS,
    HISTORY_FEATURES,
    has_history,
    history_matrix,
    same_clock_kwh,
    steps_back,
)

HOURS = 1_344


def batch(recent, stamp, zone, interval=60, day=None, with_shift=True):
    """One reading at a UTC stamp, whose window of recent energy ends just before it."""
    at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    ts_s = np.array([int(at.timestamp())])
    nan = np.array([np.nan])
    local_s = ts_s[0]
    return ReadingBatch(
        nan, nan, nan, nan, nan,
        local_hour=np.array([0]),
        local_day_of_week=np.array([day if day is not None else (local_s // 86_400 + 3) % 7]),
        interval_minutes=np.array([interval]),
        recent_kwh=None if recent is None else np.asarray(recent, dtype=float)[None, :],
        clock_shift_minutes=clock_shift_minutes(ts_s, zone, HISTORY_DAYS) if with_shift else None,
    )  # fmt: skip


def features(of):
    return dict(zip(HISTORY_FEATURES, history_matrix(of)[0].tolist(), strict=True))


def hours_back(values):
    """A window in which the value h hours back is h."""
    return np.arange(values, 0, -1)


@pytest.mark.parametrize(
    ("stamp", "zone", "yesterday", "last_week"),
    [
        # 2009-03-29 12:00 CEST; clocks went forward at 02:00: noon the day before was 23 hours ago
        ("2009-03-29T10:00", "Europe/Paris", 23, 167),
        # the same day 01:00 CET, before the change
        ("2009-03-29T00:00", "Europe/Paris", 24, 168),
        # the day after: yesterday noon is on this side of the change, last week's is not
        ("2009-03-30T10:00", "Europe/Paris", 24, 167),
        # 2009-10-25 12:00 CET; clocks went back at 03:00: noon the day before was 25 hours ago
        ("2009-10-25T11:00", "Europe/Paris", 25, 169),
        ("2009-10-26T11:00", "Europe/Paris", 24, 169),
        # +05:30 has no clock change
        ("2009-10-25T06:30", "Asia/Kolkata", 24, 168),
        # Los Angeles goes back a week later than Paris: 2009-11-01 12:00 PST
        ("2009-11-01T20:00", "America/Los_Angeles", 25, 169),
    ],
)
def test_lags_follow_the_local_clock(stamp, zone, yesterday, last_week):
    row = features(batch(hours_back(HOURS), stamp, zone))
    assert row["same_hour_yesterday_kw"] == yesterday
    assert row["same_hour_last_week_kw"] == last_week
    assert row["previous_kw"] == 1
    assert row["previous_2_kw"] == 2


def test_half_hours_at_half_past_five():
    # 2009-10-25 12:30 at +05:30; 48 half-hours a day; 0.5 kWh in half an hour is 1 kW
    row = features(batch(hours_back(HOURS) * 0.5, "2009-10-25T07:00", "Asia/Kolkata", interval=30))
    assert row["same_hour_yesterday_kw"] == 48
    assert row["same_hour_last_week_kw"] == 336
    assert row["previous_kw"] == 1
    # the 28 days' lags are 48, 96, ..., 1344: mean 696
    assert row["hour_profile_28d_kw"] == 696


def test_without_a_clock_a_day_has_24_hours():
    row = features(batch(hours_back(HOURS), "2009-03-29T10:00", "Europe/Paris", with_shift=False))
    assert row["same_hour_yesterday_kw"] == 24


def test_profiles_by_hand():
    # The value h hours back is h: the lags at this clock time are 24, 48, ..., and 56 of them fit.
    row = features(batch(hours_back(HOURS), "2009-07-15T10:00", "Europe/Paris"))
    days = np.arange(1, 57)
    weights = 0.5 ** (days / 7)
    assert row["hour_profile_28d_kw"] == pytest.approx(24 * 14.5)
    assert row["hour_profile_ew7_kw"] == pytest.approx((24 * days * weights).sum() / weights.sum())
    assert row["last_day_kw"] == 12.5
    assert row["last_week_kw"] == 84.5


def test_a_profile_needs_seven_values_and_sees_only_what_was_measured():
    recent = np.full(HOURS, np.nan)
    recent[-24 * np.arange(1, 7)] = 2.0  # six days
    assert np.isnan(features(batch(recent, "2009-07-15T10:00", "Europe/Paris"))["hour_profile_28d_kw"])
    recent[-24 * 9] = 9.0
    row = features(batch(recent, "2009-07-15T10:00", "Europe/Paris"))
    assert row["hour_profile_28d_kw"] == pytest.approx(3.0)  # (6 * 2 + 9) / 7
    assert np.isnan(row["previous_kw"])
    assert np.isnan(row["last_day_kw"])  # one of 24 hours measured, a quarter is needed


def test_a_short_window_gives_what_it_holds():
    row = features(batch([3.0, 5.0], "2009-07-15T10:00", "Europe/Paris"))
    assert (row["previous_kw"], row["previous_2_kw"]) == (5.0, 3.0)
    assert np.isnan(row["same_hour_yesterday_kw"])
    empty = features(batch([], "2009-07-15T10:00", "Europe/Paris"))
    assert np.isnan(list(empty.values())).all()


def test_no_history_is_all_missing_and_not_enough():
    matrix = history_matrix(batch(None, "2009-07-15T10:00", "Europe/Paris"))
    assert np.isnan(matrix).all()
    assert not has_history(matrix)[0]
    assert has_history(history_matrix(batch(hours_back(HOURS), "2009-07-15T10:00", "Europe/Paris")))[0]


def test_days_are_counted_by_the_calendar_and_only_daily_lags_exist():
    # Daily values: yesterday is one back, the clock change notwithstanding.
    of = batch(np.arange(56, 0, -1), "2009-03-29T22:00", "Europe/Paris", interval=1_440)
    row = features(of)
    assert row["same_hour_yesterday_kw"] == pytest.approx(1 / 24)
    assert row["same_hour_last_week_kw"] == pytest.approx(7 / 24)


def test_an_interval_that_divides_no_day_has_lags_only_where_one_begins_then():
    # Every three days: only each third day has a value.
    back = steps_back(np.array([3 * 1_440]), np.zeros((1, HISTORY_DAYS), dtype=np.int64))[0]
    assert back[:6].tolist() == [0, 0, 1, 0, 0, 2]


def test_too_few_clock_shifts_are_refused():
    of = batch(hours_back(HOURS), "2009-07-15T10:00", "Europe/Paris")
    short = ReadingBatch(
        *[getattr(of, name) for name in ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")],
        of.local_hour, of.local_day_of_week, of.interval_minutes, of.recent_kwh, np.zeros((1, 7), dtype=np.int64),
    )  # fmt: skip
    with pytest.raises(UsageError, match="7 days"):
        same_clock_kwh(short)
