"""Sums over local days; expected values by hand."""

from datetime import date, datetime

import numpy as np
import pytest

from meter_core.models.forecast_sums import local_days, sums


def hours(first, count):
    return int(datetime.fromisoformat(first).timestamp()) + np.arange(count) * 3_600


@pytest.mark.parametrize(
    ("first", "count", "zone", "counts", "whole"),
    [
        ("2009-03-28T23:00Z", 23, "Europe/Paris", [23], [True]),
        ("2009-10-24T22:00Z", 25, "Europe/Paris", [25], [True]),
        ("2009-10-24T22:00Z", 24, "Europe/Paris", [24], [False]),
        ("2009-06-01T10:00Z", 48, "Europe/Paris", [12, 24, 12], [False, True, False]),
        ("2009-06-01T18:30Z", 24, "Asia/Kolkata", [24], [True]),
        ("2011-12-29T10:00Z", 48, "Pacific/Apia", [24, 24], [True, True]),
    ],
)
def test_days_by_the_local_clock(first, count, zone, counts, whole):
    days = local_days(hours(first, count), 60, zone)
    assert days.count.tolist() == counts
    assert days.whole.tolist() == whole


def test_days_are_named_and_found():
    days = local_days(hours("2009-12-31T22:00Z", 3), 60, "Europe/Paris")
    assert days.dates == [date(2009, 12, 31), date(2010, 1, 1)]
    assert days.first.tolist() == [0, 1]


def test_quantiles_of_sums_come_from_the_sums_of_paths_and_means_add_up():
    """Two hours that always go against each other: each is 0 or 10, their sum is always 10."""
    paths = np.array([[0.0, 10.0], [10.0, 0.0]] * 50)
    both = sums(np.array([5.0, 5.5]), paths, np.array([0]))
    assert both.mean_kwh.tolist() == [10.5]
    assert both.quantiles_kwh.tolist() == [[10.0, 10.0, 10.0]]
    each = sums(np.array([5.0, 5.5]), paths, np.array([0, 1]))
    assert each.mean_kwh.tolist() == [5.0, 5.5]
    assert each.quantiles_kwh[:, [0, 2]].tolist() == [[0.0, 10.0], [0.0, 10.0]]
