"""Quartiles of the usual, and what a prediction is called by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_core.contracts.readings import ReadingBatch
from meter_core.models.row_quantiles import row_quantiles
from meter_core.models.usual import Usual, status_of


def readings(hour, weekday, meter=None, interval=60):
    n = len(hour)
    nan = np.full(n, np.nan)
    return ReadingBatch(
        nan, nan, nan, nan, nan, np.array(hour), np.array(weekday), np.full(n, interval),
        meter_id=None if meter is None else np.array(meter, dtype=object),
    )  # fmt: skip


def usual():
    """Made up: meter a has 1..15 kW on working days at 8, b 101..115; a's first values are older than 56 days."""
    values = np.concatenate([np.arange(1.0, 16), np.arange(101.0, 116), [50.0] * 5])
    meter = np.array(["a"] * 15 + ["b"] * 15 + ["a"] * 5, dtype=object)
    weekday = np.array([0] * 30 + [6] * 5)
    recent = np.ones(35, dtype=bool)
    recent[15:17] = False  # leaves b 13 recent values
    return Usual.measure(meter, np.full(35, 60), np.full(35, 8), weekday, values, recent)


def test_a_known_meter_has_its_own_quartiles_and_others_the_population():
    quartiles, basis = usual().quartiles_kw(readings([8, 8, 8], [1, 1, 1], ["a", "b", "new"]), None)
    assert basis.tolist() == ["meter", "population", "population"]
    # weibull: rank 0.25 * 16 = 4 and 0.75 * 16 = 12 of 1..15
    assert quartiles[0].tolist() == [4, 12]
    # of all 30: rank 7.75 and 23.25
    assert quartiles[1].tolist() == [7.75, 108.25]


def test_nothing_is_usual_where_too_little_was_measured():
    quartiles, basis = usual().quartiles_kw(readings([8, 9], [6, 1], ["a", "a"]), None)
    assert np.isnan(quartiles).all()
    assert basis.tolist() == [None, None]
    assert status_of(np.array([1.0, 1.0]), quartiles).tolist() == ["Unknown", "Unknown"]


def test_the_history_a_reading_brings_comes_first_and_counts_like_days_only():
    clock = np.full((2, 56), np.nan)
    # Tuesday: yesterday is Monday; of the 56 days before, 40 are working days. Weekends are 99 and must not count.
    days = np.arange(1, 57)
    weekend = (1 - days) % 7 >= 5
    clock[0] = np.where(weekend, 99.0, np.cumsum(~weekend))
    clock[1, :13] = 1.0
    quartiles, basis = usual().quartiles_kw(readings([8, 8], [1, 1], [None, "a"]), clock)
    assert basis.tolist() == ["meter", "meter"]
    # 1..40: ranks 10.25 and 30.75; the second has too few of its own, so those kept at training
    assert quartiles.tolist() == [[10.25, 30.75], [4, 12]]


def test_low_and_high_lie_beyond_the_quartiles():
    quartiles = np.tile([1.0, 3.0], (4, 1))
    assert status_of(np.array([0.99, 1.0, 3.0, 3.01]), quartiles).tolist() == ["Low", "Normal", "Normal", "High"]


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=60),
    st.sampled_from([(0.1, 0.5, 0.9), (0.25, 0.75)]),
)
def test_row_quantiles_are_numpys_weibull(values, levels):
    row = np.array(values)
    known = row[~np.isnan(row)]
    got = row_quantiles(row[None, :], levels, at_least=3)[0]
    if len(known) < 3:
        assert np.isnan(got).all()
    else:
        np.testing.assert_allclose(got, np.quantile(known, levels, method="weibull"), rtol=1e-9, atol=1e-6)


def test_row_quantiles_of_an_empty_row():
    assert np.isnan(row_quantiles(np.full((2, 3), np.nan), (0.5,), 1)).all()


def test_another_interval_length_has_its_own_usual():
    two = Usual.measure(
        np.array(["a"] * 40, dtype=object),
        np.repeat([30, 60], 20),
        np.full(40, 8),
        np.zeros(40, dtype=int),
        np.repeat([1.0, 5.0], 20),
        np.ones(40, dtype=bool),
    )
    assert two.quartiles_kw(readings([8], [0], interval=30), None)[0].tolist() == [[1, 1]]
    assert two.quartiles_kw(readings([8], [0], interval=60), None)[0].tolist() == [[5, 5]]


@pytest.mark.parametrize("meter", [None, ["x"]])
def test_unknown_or_no_meter_is_the_population(meter):
    assert usual().quartiles_kw(readings([8], [1], meter), None)[1].tolist() == ["population"]
