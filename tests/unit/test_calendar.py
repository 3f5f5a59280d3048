"""The local clock around its changes, each value worked by hand from the zones' published rules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from meter_core.calendar import Clock, clock_shift_minutes, local_hour_and_weekday, local_to_utc, utc_offset_minutes
from meter_core.contracts.errors import UsageError


def seconds(*stamps: str) -> np.ndarray:
    """Seconds since 1970 of stamps without zone, read as they stand."""
    return np.array([int(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()) for stamp in stamps])


@pytest.mark.parametrize(
    ("utc", "zone", "hour", "weekday"),
    [
        ("2009-03-29T00:30", "Europe/Paris", 1, 6),  # winter: UTC+1, a Sunday
        ("2009-03-29T01:00", "Europe/Paris", 3, 6),  # spring skips 02:00
        ("2009-10-25T00:30", "Europe/Paris", 2, 6),  # autumn: 02:30 for the first time
        ("2009-10-25T01:30", "Europe/Paris", 2, 6),  # and again
        ("2020-01-01T18:30", "Asia/Kolkata", 0, 3),  # +05:30: already Thursday, midnight
        ("2020-01-01T18:29", "Asia/Kolkata", 23, 2),
        ("2017-03-12T09:59", "America/Los_Angeles", 1, 6),
        ("2017-03-12T10:00", "America/Los_Angeles", 3, 6),
        ("1969-12-31T23:00", "UTC", 23, 2),  # before the epoch
    ],
)
def test_hour_and_weekday_on_the_local_clock(utc, zone, hour, weekday):
    hours, weekdays = local_hour_and_weekday(seconds(utc), zone)
    assert (hours[0], weekdays[0]) == (hour, weekday)


def test_offsets_keep_the_shape_they_were_asked_in():
    stamps = seconds("2009-01-01T00:00", "2009-07-01T00:00").reshape(2, 1)
    assert utc_offset_minutes(stamps, "Europe/Paris").tolist() == [[60], [120]]


def test_naive_stamps_that_are_skipped_or_repeated_are_told_apart():
    stamps = seconds("2009-03-29T01:59", "2009-03-29T02:00", "2009-03-29T03:00", "2009-10-25T02:59", "2009-10-25T03:00")
    utc, codes = local_to_utc(stamps, "Europe/Paris")
    assert codes.tolist() == [Clock.ONCE, Clock.NONEXISTENT, Clock.ONCE, Clock.AMBIGUOUS, Clock.ONCE]
    expected = seconds(
        "2009-03-29T00:59", "2009-03-29T01:00", "2009-03-29T01:00", "2009-10-25T00:59", "2009-10-25T02:00"
    )
    assert utc.tolist() == expected.tolist()


def test_half_an_hour_of_daylight_saving_exists():
    stamps = seconds("2024-04-07T01:45", "2024-10-06T02:15")  # Lord Howe: back 30 minutes at 02:00, forward 30 at 02:00
    _, codes = local_to_utc(stamps, "Australia/Lord_Howe")
    assert codes.tolist() == [Clock.AMBIGUOUS, Clock.NONEXISTENT]


def test_the_same_clock_time_lies_23_or_25_hours_back_over_a_change():
    day_after_spring, day_after_autumn = seconds("2009-03-29T08:00", "2009-10-25T09:00")  # 10:00 local, both
    shifts = clock_shift_minutes(np.array([day_after_spring, day_after_autumn]), "Europe/Paris", 2)
    assert shifts.tolist() == [[-60, -60], [60, 60]]


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "localtime", "right/Europe/Paris", "posix/UTC", "../UTC", ""])
def test_a_zone_that_does_not_exist_everywhere_is_named(zone):
    with pytest.raises(UsageError, match=f"zone '{zone}'"):
        utc_offset_minutes(seconds("2009-01-01T00:00"), zone)


@pytest.mark.parametrize("spread", [1, 4, 4_000_000], ids=["dense", "gaps", "years apart"])
def test_offsets_do_not_depend_on_how_close_the_instants_lie(spread):
    """Many at once against one at a time, in no order, before 1970 too."""
    quarters = np.random.default_rng(3).permutation(np.arange(-40, 60))
    ts_s = quarters * 900 * spread // (1 if spread < 10 else 100) + 1_238_288_400
    offsets, shifts = utc_offset_minutes(ts_s, "Europe/Paris"), clock_shift_minutes(ts_s, "Europe/Paris", 3)
    for at, offset, shift in zip(ts_s, offsets, shifts, strict=True):
        moment = datetime.fromtimestamp(int(at), ZoneInfo("Europe/Paris"))
        assert offset == moment.utcoffset().total_seconds() // 60
        yesterday = moment.replace(tzinfo=None) - timedelta(days=1)
        then = yesterday.replace(tzinfo=ZoneInfo("Europe/Paris")).utcoffset().total_seconds() // 60
        assert shift[0] == then - offset
    assert len(utc_offset_minutes(ts_s[:0], "Europe/Paris")) == 0
