"""What a history says of the hours ahead: hand-worked values, clock changes, delays, and nothing from the future."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.forecasts import HISTORY_REACH_DAYS, HistoryBatch, enough_history
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.origins import daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from tests.unit.test_features_readings import frame

HOURS = HISTORY_REACH_DAYS * 24


def at(text, zone="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def history(kwh, origin="2020-06-01T00:00", zone="UTC", minutes=60):
    kwh = np.atleast_2d(np.asarray(kwh, dtype=float))
    n = len(kwh)
    return HistoryBatch(np.full(n, at(origin, zone)), [zone] * n, np.full(n, minutes), kwh)


def features(batch, horizon=24, usual_kw=1.0):
    days = clock_days(batch)
    found = ahead_features(days, targets(days, horizon), usual_kw)
    return {name: found.matrix[:, :, column] * (found.level_kw[:, None] if column > 2 else 1.0)
            for column, name in enumerate(AHEAD_FEATURES)}  # fmt: skip


def test_a_home_that_repeats_its_day_has_its_day_as_every_profile():
    day = np.arange(24.0)
    said = features(history(np.tile(day, HISTORY_REACH_DAYS)), horizon=48)
    for name in ("latest_at_clock", "latest_at_clock_same_weekday", "profile_7d", "profile_14d", "profile_28d",
                 "profile_ew7", "profile_like_day", "profile_same_weekday"):  # fmt: skip
        np.testing.assert_allclose(said[name][0], np.tile(day, 2), atol=1e-12, err_msg=name)
    np.testing.assert_allclose(said["spread_28d"], 0, atol=1e-6)
    np.testing.assert_allclose(said["last_hours"], 22)  # of 21, 22, 23
    np.testing.assert_allclose(said["last_day"], 11.5)
    np.testing.assert_allclose([said["profile_lowest"][0, 0], said["profile_highest"][0, 0]], [0, 23], atol=1e-12)


def test_means_are_of_the_days_they_name():
    """Each day d before the origin has the constant energy d; 2020-06-01 is a Monday."""
    said = features(history(np.repeat(np.arange(HISTORY_REACH_DAYS, 0, -1.0), 24)), horizon=168)
    days = np.arange(1, HISTORY_REACH_DAYS + 1)
    assert said["latest_at_clock"][0, 0] == pytest.approx(1)
    assert said["profile_7d"][0, 0] == pytest.approx(4)
    assert said["profile_28d"][0, 30] == pytest.approx(14.5)
    weights = 0.5 ** (days / 7)
    assert said["profile_ew7"][0, 0] == pytest.approx((weights * days).sum() / weights.sum())
    assert said["spread_28d"][0, 0] == pytest.approx(np.arange(1, 29).std())
    weekend = np.isin((0 - days) % 7, (5, 6))
    assert said["profile_like_day"][0, 0] == pytest.approx(days[~weekend].mean())
    assert said["profile_like_day"][0, 5 * 24] == pytest.approx(days[weekend].mean())
    assert said["latest_at_clock_same_weekday"][0, [0, 24, 144]] == pytest.approx([7, 6, 1])
    assert said["profile_same_weekday"][0, 0] == pytest.approx(np.arange(7, 57, 7).mean())


def test_same_clock_time_through_a_clock_change():
    """Los Angeles, clocks went from 02:00 to 03:00 on 12 March 2017. The energy of each hour is its local hour."""
    zone = ZoneInfo("America/Los_Angeles")
    origin = at("2017-03-15T00:00", "America/Los_Angeles")
    stamps = origin - 3600 * np.arange(HOURS, 0, -1)
    hours = [datetime.fromtimestamp(stamp, zone).hour for stamp in stamps.tolist()]
    said = features(history(hours, "2017-03-15T00:00", "America/Los_Angeles"))
    expected = np.arange(24.0)
    np.testing.assert_allclose(said["latest_at_clock"][0], expected, atol=1e-12)
    # The skipped hour's clock time reads the offset before the change, which is the 03:00 that was shown then.
    np.testing.assert_allclose(np.delete(said["profile_28d"][0], 2), np.delete(expected, 2), atol=1e-12)
    assert said["profile_28d"][0, 2] == pytest.approx((27 * 2 + 3) / 28)


def test_a_late_delivery_is_a_forecast_that_reaches_further():
    kwh = np.random.default_rng(1).gamma(2, 1, HOURS)
    late = kwh.copy()
    late[-10:] = np.nan
    said, before = features(history(late), 24), features(history(kwh[:-10], "2020-05-31T14:00"), 34)
    for name in AHEAD_FEATURES:
        if name != "known_days":  # the shifted window has ten more hours at its beginning
            np.testing.assert_allclose(said[name][0], before[name][0, 10:], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("minutes", [30, 60, 1440])
def test_a_meter_has_the_same_bits_alone_and_among_others(minutes):
    draws = np.random.default_rng(2)
    kwh = draws.gamma(2, 1, (40, HOURS * 60 // minutes))
    kwh[draws.random(kwh.shape) < 0.1] = np.nan
    batch = replace(history(kwh, minutes=minutes), zones=["Europe/Paris", "Asia/Kolkata"] * 20)
    together = clock_days(batch)
    horizon = 168 * 60 // minutes
    matrix = ahead_features(together, targets(together, horizon), 1.3).matrix
    for row in (0, 17, 39):
        days = clock_days(batch.take(np.array([row])))
        np.testing.assert_array_equal(ahead_features(days, targets(days, horizon), 1.3).matrix[0], matrix[row])
        few = targets(days, max(1, horizon // 3))
        np.testing.assert_array_equal(ahead_features(days, few, 1.3).matrix[0], matrix[row, : few.lead.shape[1]])


def test_a_longer_window_of_nothing_changes_nothing():
    kwh = np.random.default_rng(3).gamma(2, 1, 200)
    short, long = history(kwh), history(np.concatenate([np.full(5_000, np.nan), kwh]))
    for name, values in features(short).items():
        np.testing.assert_array_equal(values, features(long)[name])


NOT_ENERGIES = ("lead_hours", "local_hour", "local_weekday", "is_day_off", "known_days")


def test_nothing_known_leaves_the_usual_level_and_no_feature_of_energy():
    days = clock_days(history(np.full((1, 48), np.nan)))
    found = ahead_features(days, targets(days, 24), 0.7)
    assert found.level_kw.tolist() == [0.7]
    energies = [n for n, name in enumerate(AHEAD_FEATURES) if name not in NOT_ENERGIES]
    assert np.isnan(found.matrix[:, :, energies]).all()
    assert features(history(np.empty((1, 0))))["known_days"][0, 0] == 0


def test_what_comes_after_the_origin_changes_no_feature_and_late_values_are_not_known():
    kwh = np.random.default_rng(4).gamma(2, 1, 70 * 24)
    whole = frame(kwh)
    whole["available_ts"] = whole["reading_ts"] + np.timedelta64(5, "h")
    origin = daily_origins(ReadingTable.of(whole), at("2020-03-05T00:00"), at("2020-03-06T00:00"))
    changed = whole.copy()
    changed.loc[changed["available_ts"] > pd.Timestamp(int(origin[0]), unit="s", tz="UTC"), "units_kwh"] += 9
    seen, other = (origins_of(ReadingTable.of(each), origin, 24) for each in (whole, changed))
    np.testing.assert_array_equal(seen.batch.kwh, other.batch.kwh)
    assert np.isnan(seen.batch.kwh[0, -4:]).all()
    assert not np.isnan(seen.batch.kwh[0, -5])
    np.testing.assert_allclose(other.measured_kwh - seen.measured_kwh, 9)
    assert seen.available_s[0, 0] == origin[0] + 5 * 3600


def test_a_week_of_values_is_enough_history():
    kwh = np.ones((3, HOURS))
    kwh[1, :-168] = np.nan
    kwh[2, :-167] = np.nan
    assert enough_history(history(kwh)).tolist() == [True, True, False]
    old = np.full((1, HOURS + 500), np.nan)
    old[0, :500] = 1.0
    assert enough_history(history(old)).tolist() == [False]


def test_a_public_holiday_is_a_day_off_and_no_working_day():
    days = np.repeat(np.arange(1.0, HISTORY_REACH_DAYS + 1), 24)  # each day's value is its number, 56 was yesterday
    batch = history(days, origin="2013-11-07T00:00")  # Thursday after Melbourne Cup Day, Tuesday 2013-11-05, number 55
    without, said = features(batch, 72), features(replace(batch, holidays=["AU-VIC"]), 72)
    assert without["latest_like_day"][0, ::24].tolist() == pytest.approx([56, 56, 53])  # Thursday, Friday, Saturday
    assert said["latest_like_day"][0, ::24].tolist() == pytest.approx([56, 56, 55])
    weekends = [day for day in range(1, 57) if day % 7 in (3, 4)]  # numbers 52, 53 are Saturday and Sunday
    working = sorted(set(range(1, 57)) - set(weekends))
    assert without["profile_like_day"][0, 0] == pytest.approx(np.mean(working))
    assert said["profile_like_day"][0, 0] == pytest.approx(np.mean([day for day in working if day != 55]))
    assert said["profile_like_day"][0, 48] == pytest.approx(np.mean([*weekends, 55]))
    holiday = features(replace(history(days, origin="2013-11-05T00:00"), holidays=["AU-VIC"]), 24)
    level = days.reshape(-1, 24).mean(axis=1)[-28:].mean()
    assert holiday["is_day_off"][0] / level == pytest.approx(1)


def test_how_far_yesterday_was_off_its_own_kind_of_day():
    weekday = (np.arange(HISTORY_REACH_DAYS) + 0) % 7  # the first day is Monday 2020-04-06
    days = np.repeat(np.where(weekday >= 5, 3.0, 1.0), 24)
    days[-24:] += 0.5  # Sunday
    said = features(history(days, origin="2020-06-01T00:00"))
    off = 0.5 * 15 / 16  # sixteen weekend days, and the last is among its own profile
    for name in ("latest_off", "last_hours_off", "last_day_off"):
        np.testing.assert_allclose(said[name], off, err_msg=name)


def test_temperatures_before_and_after_the_origin():
    kwh, width = np.ones(HOURS), HOURS
    past = np.full((1, width), 10.0)
    coming = np.array([[4.0, 7.0, 22.0, 25.0]])
    batch = replace(history(kwh), past_temperature_c=past, temperature_c=coming)
    days = clock_days(batch)
    found = ahead_features(days, targets(days, 4), 1.0).matrix[0]
    said = {name: found[:, column].tolist() for column, name in enumerate(AHEAD_FEATURES)}
    assert said["temperature_c"] == [4, 7, 22, 25]
    assert said["temperature_3h"] == pytest.approx([8, 7, 11, 18])
    assert said["temperature_day"] == pytest.approx([(230 + 4) / 24, (220 + 11) / 24, (210 + 33) / 24, (200 + 58) / 24])
    assert said["heating"] == [14, 11, 0, 0]
    assert said["cooling"] == [0, 0, 2, 5]
    assert said["temperature_change"] == [-6, -3, 12, 15]
    assert said["heating_change"] == [6, 3, -8, -8]
    blind = ahead_features(clock_days(history(kwh)), targets(days, 4), 1.0).matrix[0]
    assert np.isnan(blind[:, AHEAD_FEATURES.index("temperature_c")]).all()
