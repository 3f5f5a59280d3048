"""From frames to batches: what is kept, what a window holds, what was known when."""

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.features.readings import ReadingTable, batches, same_clock_before


def frame(kwh, start="2020-01-01T00:00Z", meter="a", minutes=60, **more):
    n = len(kwh)
    stamps = pd.date_range(start, periods=n, freq=f"{minutes}min")
    columns = {
        "meter_id": [meter] * n,
        "reading_ts": stamps,
        "interval_minutes": minutes,
        "units_kwh": np.asarray(kwh, dtype=float),
        "zone": "UTC",
    }
    auxiliary = dict.fromkeys(("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz"), 1.0)
    return pd.DataFrame(columns | auxiliary | more)


def windows(table, rows=None):
    return np.concatenate([batch.recent_kwh for _, batch in batches(table, rows)])


def test_a_window_ends_just_before_its_row_and_holds_gaps():
    whole = frame([1, 2, 3, 4, 5]).drop(index=2)
    recent = windows(ReadingTable.of(whole))
    assert recent.shape == (4, 1_344)
    assert recent[-1, -4:].tolist()[:2] == [1, 2]
    assert np.isnan(recent[-1, -2])
    assert recent[-1, -1] == 4
    assert np.isnan(recent[0]).all()


def test_what_came_late_is_not_known_yet():
    stamps = pd.date_range("2020-01-01T00:00Z", periods=5, freq="60min")
    table = ReadingTable.of(frame([1, 2, 3, 4, 5], available_ts=stamps + pd.Timedelta(hours=3)))
    # At 04:00 only the hour that was delivered at 03:00 and the one at 04:00 are known.
    assert windows(table)[-1, -4:-2].tolist() == [1, 2]
    assert np.isnan(windows(table)[-1, -2:]).all()


@pytest.mark.parametrize("quality", ["estimated"])
def test_estimates_are_neither_targets_nor_lags(quality):
    table = ReadingTable.of(frame([1, 2, 3], quality=["measured", quality, "validated"]))
    assert np.isnan(table.units_kwh).tolist() == [False, True, False]
    assert np.isnan(windows(table)[-1, -1])


def test_rejected_rows_and_other_channels_are_left_out():
    table = ReadingTable.of(
        frame([1, 2, 3, 4], code=[None, "bad_energy", None, np.nan], channel=["import"] * 3 + ["net"])
    )
    assert table.units_kwh.tolist() == [1, 3]


def test_rows_without_a_stamp_are_left_out():
    whole = frame([1, 2, 3])
    whole.loc[1, "reading_ts"] = pd.NaT
    assert ReadingTable.of(whole).units_kwh.tolist() == [1, 3]


def test_two_unequal_values_of_a_key_are_no_target_and_two_equal_ones_are_one():
    twice = pd.concat([frame([1, 2, 3]), frame([1, 9], start="2020-01-01T00:00Z")])
    table = ReadingTable.of(twice)
    assert table.units_kwh[[0, 2]].tolist() == [1, 3]
    assert np.isnan(table.units_kwh[1])


def test_the_frame_is_left_as_it_was():
    twice = pd.concat([frame([1, 2]), frame([5])])
    before = twice.copy(deep=True)
    ReadingTable.of(twice, interval_means=["load_kw"])
    pd.testing.assert_frame_equal(twice, before)


def test_meters_and_interval_lengths_do_not_mix():
    table = ReadingTable.of(pd.concat([frame([1, 2], meter="b"), frame([3, 4], meter="a"), frame([9], minutes=30)]))
    assert [table.meter_id[group].tolist() for group in table.groups()] == [["a"], ["a", "a"], ["b", "b"]]
    assert table.interval_minutes.tolist() == [30, 60, 60, 60, 60]
    assert np.isnan(windows(table)[[0, 1, 3]]).all()
    assert windows(table, np.array([2, 4]))[:, -1].tolist() == [3, 1]


def test_interval_means_are_known_an_interval_later():
    whole = frame([1, 2, 3, 4], load_kw=[10.0, 20.0, 30.0, 40.0]).drop(index=2)
    table = ReadingTable.of(whole, interval_means=["load_kw"])
    # The first has none before it; at 03:00 the interval before is missing.
    assert np.isnan(table.load_kw).tolist() == [True, False, True]
    assert table.load_kw[1] == 10
    assert table.voltage_v.tolist() == [1, 1, 1]


def test_days_of_a_local_calendar_with_clock_changes_lie_on_one_grid():
    local = pd.date_range("2009-03-27", periods=5, freq="D", tz="Europe/Paris")
    daily = frame([1, 2, 3, 4, 5], minutes=1_440, zone="Europe/Paris").assign(reading_ts=local.tz_convert("UTC"))
    recent = windows(ReadingTable.of(daily))
    assert recent[-1, -4:].tolist() == [1, 2, 3, 4]


def test_another_column_at_the_same_clock_time():
    table = ReadingTable.of(frame(np.arange(100.0)))
    before = same_clock_before(table, table.units_kwh * 10, np.array([99]))
    assert before[0, :4].tolist() == [750, 510, 270, 30]
    assert np.isnan(before[0, 4:]).all()


def test_chunks_join_to_the_whole(monkeypatch):
    table = ReadingTable.of(frame(np.arange(50.0)))
    whole = windows(table)
    monkeypatch.setattr("meter_core.features.readings.CHUNK_ROWS", 7)
    np.testing.assert_array_equal(windows(table), whole)


def test_readings_without_a_zone_are_refused():
    with pytest.raises(UsageError, match="zone"):
        ReadingTable.of(frame([1.0]).drop(columns="zone"))


def test_local_hours_come_from_the_zone():
    table = ReadingTable.of(frame([1.0, 2.0], start="2020-01-04T18:30Z", zone="Asia/Kolkata"))
    ((_, batch),) = batches(table)
    assert batch.local_hour.tolist() == [0, 1]
    assert batch.local_day_of_week.tolist() == [6, 6]


@pytest.mark.parametrize(("delay_h", "known"), [(0, [1, 2, 3]), (2, [np.nan] * 3)])
def test_an_interval_mean_is_known_when_its_energy_is(delay_h, known):
    """An hour's mean is for the next hour to use, unless it is delivered later than that."""
    stamps = pd.date_range("2020-01-01T00:00Z", periods=4, freq="60min")
    whole = frame([1, 2, 3, 4], load_kw=[1.0, 2, 3, 4], available_ts=stamps + pd.Timedelta(hours=1 + delay_h))
    table = ReadingTable.of(whole, interval_means=["load_kw"])
    np.testing.assert_array_equal(table.load_kw, [np.nan, *known])
    assert table.voltage_v.tolist() == [1.0] * 4
