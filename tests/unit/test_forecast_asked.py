"""What a request for a forecast comes to, where the service has no model to show it: days, quarters of an hour."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from bento.asked import asked_by, asked_of
from bento.forecast_schemas import ForecastRequest
from bento.wire import RefusedRequestError
from meter_core.store.lookups import KnownMeter

NOW_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
EVERY = (15, 60, 1_440)


def asked(**fields):
    return asked_by(msgspec.convert(fields, ForecastRequest), EVERY, NOW_S)


def utc_s(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())


def test_days_are_those_of_the_local_calendar():
    """Paris, 2009-03-28 to 30: days of 24, 23 and 24 hours, given as a column and as stamps at local midnight."""
    about = {"zone": "Europe/Paris", "interval_minutes": 1_440, "horizon": "7d"}
    column = asked(**about, history={"start": "2009-03-28T00:00:00+01:00", "units_kwh": [1, 2, 3]})
    stamps = ("2009-03-30T00:00:00+02:00", "2009-03-28T00:00:00+01:00", "2009-03-29T00:00:00+01:00")
    objects = asked(
        **about, history=[{"reading_ts": ts, "units_kwh": kwh} for ts, kwh in zip(stamps, (3, 1, 2), strict=True)]
    )
    for one in (column, objects):
        assert one.steps == 7
        assert one.origin_s == utc_s("2009-03-31T00:00:00+02:00")
        assert len(one.kwh) == 56
        assert one.kwh[-3:].tolist() == [1, 2, 3]
        assert np.isnan(one.kwh[:-3]).all()
        assert (one.use.used, one.use.missing, one.use.needed, one.use.most) == (3, 0, 7, 56)


def test_quarters_of_an_hour_lie_where_the_meter_has_them():
    start = "2020-01-05T00:07:00+05:30"
    one = asked(
        zone="Asia/Kolkata", interval_minutes=15, horizon=2, history={"start": start, "units_kwh": [1, None, 3, None]}
    )
    assert (one.steps, one.origin_s) == (8, utc_s(start) + 3_600)
    assert (one.use.used, one.use.missing, one.given) == (2, 2, 4)
    assert [note.value for note in one.warnings] == [1, 1, 2]  # late, missing between, too few


def test_values_older_than_a_forecast_looks_back_are_given_and_not_used():
    many = asked(
        zone="UTC",
        interval_minutes=60,
        horizon=1,
        history={"start": "2020-01-01T00:00:00Z", "units_kwh": list(range(1_400))},
    )
    assert (many.given, many.use.used, many.use.missing) == (1_400, 1_344, 0)
    assert many.kwh.tolist() == list(range(56, 1_400))
    assert many.warnings == []


def test_a_horizon_has_whole_intervals():
    with pytest.raises(RefusedRequestError) as refused:
        asked(
            zone="UTC", interval_minutes=1_440, horizon=25, history={"start": "2020-01-01T00:00:00Z", "units_kwh": [1]}
        )
    assert [note.path for note in refused.value.errors] == ["horizon"]
    assert "no whole number of intervals of 1440 minutes" in refused.value.errors[0].message


def test_stored_values_between_the_intervals_of_most_are_left_out_and_the_newest_decides_the_age():
    hours = utc_s("2025-12-20T00:00:00Z") + np.arange(100) * 3_600
    stamps = np.append(hours, hours[50] + 600)
    meter = KnownMeter("m", "UTC", int(hours[-1]), 60)
    one = asked_of(meter, stamps, np.arange(101.0), "1d", EVERY, NOW_S)
    assert (one.given, one.use.used, one.steps) == (101, 100, 24)
    assert one.kwh[-100:].tolist() == list(range(100))
    assert [note.path for note in one.warnings] == ["history", "data_known_until"]
    assert "8 days old" in one.warnings[1].message  # 2025-12-24 04:00 to new year
    fresh = asked_of(meter, stamps, np.arange(101.0), "1d", EVERY, float(hours[-1]) + 86_400)
    assert [note.path for note in fresh.warnings] == ["history"]
