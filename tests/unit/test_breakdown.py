"""Scores by group, segments of meters, and what a report's pictures show."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.evaluation.breakdown import groupings_of, temperatures
from meter_core.evaluation.evaluated import Rows
from meter_core.evaluation.pictured import calibration, course, residuals_by_hour
from meter_core.evaluation.scores import Answers
from meter_core.evaluation.segments import load_segments
from meter_core.features.readings import ReadingTable

HOUR = 3600


def rows(ts_h, lead_h, meter, measured=None):
    ts_s = np.array(ts_h) * HOUR
    kwh = np.zeros(len(ts_s)) if measured is None else np.array(measured, dtype=float)
    meters = np.array(meter)
    names = np.array(["a", "b"])[: meters.max() + 1]
    return Rows(kwh, meters, ts_s, ts_s - np.array(lead_h) * HOUR, np.array(ts_h) % 24, names)


def test_rows_are_grouped_by_hour_horizon_meter_and_temperature():
    found = groupings_of(rows([0, 1, 26], [0, 1, 2], [0, 0, 1]), {"b": "night"}, np.array([4.9, -0.1, np.nan]))
    assert found["hour"].of_row.tolist() == [0, 1, 2]
    assert (found["horizon"].names, found["horizon"].of_row.tolist()) == (["1 h", "2 h", "3 h"], [0, 1, 2])
    assert found["segment"].of_row.tolist() == [-1, -1, 0]
    assert found["temperature"].names == ["-5 to 0 °C", "0 to 5 °C"]
    assert found["temperature"].of_row.tolist() == [1, 0, -1]


def test_a_far_horizon_is_shown_by_days_and_what_is_unknown_is_left_out():
    found = groupings_of(rows([0, 200, 200], [0, 47, 167], [0, 0, 0]), {}, np.full(3, np.nan))
    assert found["horizon"].names == [f"day {n}" for n in range(1, 8)]
    assert found["horizon"].of_row.tolist() == [0, 1, 6]
    assert set(found) == {"hour", "horizon", "meter"}


@pytest.fixture
def two_meters():
    """Ten days of hours: one meter that uses most in the evening, one that always uses the same."""
    hours = np.arange(240)
    evening = np.where(hours % 24 >= 18, 3.0, 1.0)
    columns = {
        "meter_id": np.repeat(np.array(["a", "b"], dtype=object), 240),
        "zone": np.full(480, "UTC", dtype=object),
        "ts_s": np.tile(hours * HOUR, 2),
        "interval_minutes": np.full(480, 60),
        "available_s": np.tile((hours + 1) * HOUR, 2),
        "units_kwh": np.concatenate([evening, np.ones(240)]),
        "holidays": np.full(480, "", dtype=object),
        "weather": np.full(480, None, dtype=object),
    }
    nothing = dict.fromkeys(("voltage_v", "power_factor", "load_kw", "frequency_hz"), np.full(480, np.nan))
    return ReadingTable(**columns, **nothing, temperature_c=np.concatenate([np.arange(240.0), np.full(240, np.nan)]))


def test_segments_are_the_part_of_the_day_that_stands_out(two_meters):
    assert load_segments(two_meters, 240 * HOUR) == {"a": "evening", "b": "flat"}
    turned = np.where(two_meters.ts_s >= 200 * HOUR, 99.0, two_meters.units_kwh)
    assert load_segments(replace(two_meters, units_kwh=turned), 200 * HOUR) == {"a": "evening", "b": "flat"}
    assert load_segments(two_meters, 12 * HOUR) == {}


def test_the_temperature_of_a_row_is_its_own_meters_at_its_time(two_meters):
    found = temperatures(two_meters, rows([5, 7, 400], [0, 0, 0], [0, 1, 0]))
    assert found[0] == 5.0
    assert np.isnan(found[1:]).all()


def test_what_pictures_show_is_counted_by_hand():
    shown = rows([0, 1, 2, 3], [0, 1, 2, 1], [0, 0, 0, 0], [1.0, 2.0, 3.0, 4.0])
    answers = Answers(np.array([1.5, 2.0, 2.0, 4.0]), np.tile([2.0, 2.5, 3.0], (4, 1)))
    assert calibration(shown, answers).overall.tolist() == [0.5, 0.5, 0.75]
    assert residuals_by_hour(shown, answers).mean_kwh.tolist() == [-0.5, 0.0, 1.0, 0.0]


def test_a_course_shows_what_was_forecast_last():
    shown = rows([30, 30, 31], [20, 5, 6], [0, 0, 0], [1.0, 1.0, 1.0])
    answers = Answers(np.array([10.0, 20.0, 30.0]), np.zeros((3, 3)))
    assert course(shown, answers, 0).mean_kwh.tolist() == [20.0, 30.0]
