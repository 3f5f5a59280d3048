"""Stamps in any order to the row a forecast sees; expected values by hand."""

from datetime import datetime

import numpy as np
import pytest

from meter_core.calendar import iso_local, local_midnights
from meter_core.features.interval_grid import even_clock, from_even_clock, history_row, history_width, usual_phase


def utc(*stamps):
    return np.array([int(datetime.fromisoformat(stamp).timestamp()) for stamp in stamps])


def test_a_row_ends_at_the_origin_whatever_the_order_and_forgets_what_is_too_old():
    origin = utc("2017-03-01T00:00Z")
    stamps = origin[0] - np.array([1, 3, 1344, 1345, 10_000]) * 3600
    row = history_row(stamps, np.array([1.0, 3.0, 4.0, 5.0, 6.0]), int(origin[0]), 60)
    assert len(row) == history_width(60) == 1344
    assert (row[-1], row[-3], row[0]) == (1.0, 3.0, 4.0)
    assert np.isnan(row).sum() == 1341


def test_days_step_by_the_local_calendar():
    """2009-03-29 had 23 hours in Paris, 2009-10-25 had 25."""
    midnights = utc("2009-03-28T23:00Z", "2009-03-29T22:00Z", "2009-10-24T22:00Z", "2009-10-25T23:00Z")
    clock = even_clock(midnights, 86_400, "Europe/Paris")
    assert np.diff(clock).tolist() == [86_400, 209 * 86_400, 86_400]
    assert from_even_clock(clock, 86_400, "Europe/Paris").tolist() == midnights.tolist()
    assert even_clock(midnights, 3_600, "Europe/Paris") is midnights


def test_the_usual_phase_is_that_of_most():
    assert usual_phase(np.array([0, 3_600, 7_300, 10_800]), 3_600) == 0
    assert usual_phase(np.array([1_800, 5_400, 0]), 3_600) == 1_800


@pytest.mark.parametrize(
    ("zone", "span", "hours"),
    [
        ("Europe/Paris", ("2009-03-28T12:00Z", "2009-03-30T12:00Z"), [24, 23, 24]),
        ("Europe/Paris", ("2009-10-24T22:00Z", "2009-10-25T23:00Z"), [25]),
        ("Asia/Kolkata", ("2009-10-24T18:30Z", "2009-10-24T18:31Z"), [24]),
        # Sao Paulo's clock went from 23:59 to 01:00; Samoa had no 30 December 2011.
        ("America/Sao_Paulo", ("2018-11-04T03:00Z", "2018-11-04T04:00Z"), [23]),
        ("Pacific/Apia", ("2011-12-29T10:00Z", "2011-12-31T09:59Z"), [24, 24]),
    ],
)
def test_local_days_have_as_many_hours_as_the_clock_gives_them(zone, span, hours):
    edges = local_midnights(*utc(*span).tolist(), zone)
    assert (np.diff(edges) / 3_600).tolist() == hours


def test_a_repeated_hour_is_told_by_its_offset():
    twice = utc("2009-10-25T00:00Z", "2009-10-25T01:00Z")
    assert iso_local(twice, "Europe/Paris") == ["2009-10-25T02:00:00+02:00", "2009-10-25T02:00:00+01:00"]
