"""What moved a prediction: Shapley values against games worked by hand, and against the definition by orders."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meter_core.contracts.errors import UsageError
from meter_core.contracts.features import FEATURES
from meter_core.features.history import FEATURE_SETS
from meter_core.features.readings import batches
from meter_core.models.explain import GROUPS, explain, shapley, typical_reading
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.packed import NUMBERS_FILE
from meter_core.models.predictor import Predictor
from meter_core.models.recipes import Recipe
from tests.shipped_sample import sample_table

SMALL = {"boosting": {"max_iter": 20, "max_leaf_nodes": 16, "early_stopping": False}, "linear": {}}
GLOVES = [0, 0, 0, 0, 0, 1, 1, 1]
"""Players 0 and 1 hold a left glove, player 2 a right one; a pair is worth 1 (Shapley value 1/6, 1/6, 4/6)."""

GAMES = st.integers(1, 5).flatmap(lambda size: arrays(np.float64, 2**size, elements=st.floats(-9, 9, width=32)))


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-07-01", "2009-12-01"))


@pytest.fixture(scope="module", params=["linear", "boosting"])
def predictor(request, data):
    return fit_predictor(data, Recipe(request.param, "history", SMALL[request.param])).predictor


def one(data, row, history=True):
    return next(batches(data.table, np.array([row]), history))[1]


def in_orders(values):
    """The definition: a player's mean gain over all orders in which the players may come."""
    size = len(values).bit_length() - 1
    gains = np.zeros(size)
    orders = list(permutations(range(size)))
    for order in orders:
        there = 0
        for player in order:
            gains[player] += values[there | 1 << player] - values[there]
            there |= 1 << player
    return gains / len(orders)


def test_the_game_of_gloves():
    np.testing.assert_allclose(shapley(np.array(GLOVES, dtype=float)), [1 / 6, 1 / 6, 4 / 6], atol=1e-15)


@given(GAMES)
def test_as_defined_and_all_of_it_is_shared(values):
    shares = shapley(values)
    np.testing.assert_allclose(shares, in_orders(values), atol=1e-12)
    assert shares.sum() == pytest.approx(values[-1] - values[0], abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_games_that_are_added_add_their_shares(seed):
    one_game, other = np.random.default_rng(seed).normal(size=(2, 64))
    np.testing.assert_allclose(shapley(one_game + other), shapley(one_game) + shapley(other), atol=1e-12)


def test_every_feature_is_in_exactly_one_group():
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(FEATURE_SETS["history"])


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("row", [100, 2_500, 3_000])
def test_the_shares_add_up_to_the_prediction_the_largest_first(predictor, data, row, history):
    batch = one(data, row, history)
    found = explain(predictor, batch)
    total = found.reference_kwh + sum(each.kwh for each in found.contributions)
    assert total == pytest.approx(predictor.predict(batch).units_kwh[0], abs=1e-9)
    sizes = [abs(each.kwh) for each in found.contributions]
    assert sizes == sorted(sizes, reverse=True)
    groups = {each.group for each in found.contributions}
    # Temperature and frequency were never measured; 100 hours are too few for a profile of 28 days.
    assert groups == {"load", "voltage", "power_factor", "time"} | ({"recent"} if history and row > 100 else set())


def test_of_a_line_a_share_is_coefficient_times_difference(data):
    predictor = replace(fit_predictor(data, Recipe("linear")).predictor, floor_kw=None)
    batch = one(data, 2_500, history=False)
    values, line = predictor.features(batch)[0], predictor.snapshot.model
    for each in explain(predictor, batch).contributions:
        terms = [
            coefficient * (values[FEATURES.index(name)] - predictor.reference[FEATURES.index(name)])
            for name, coefficient in zip(predictor.snapshot.used, line.coefficients, strict=True)
            if name in GROUPS[each.group]
        ]
        assert each.kwh == pytest.approx(sum(terms), abs=1e-12)


def test_what_the_model_gives_no_weight_moved_nothing(data):
    predictor = fit_predictor(data, Recipe("linear", "snapshot")).predictor
    line = predictor.snapshot.model
    deaf = np.array([name.startswith("voltage") for name in predictor.snapshot.used])
    part = replace(predictor.snapshot, model=replace(line, coefficients=np.where(deaf, 0.0, line.coefficients)))
    found = explain(replace(predictor, snapshot=part), one(data, 2_500))
    assert {each.group: each.kwh for each in found.contributions}["voltage"] == 0


def test_the_typical_reading_itself_moves_nothing(predictor, data):
    """Its measured values with nothing of a history: all shares are 0, and the prediction is the reference."""
    typical = dict(zip(FEATURES, predictor.reference, strict=False))
    batch = one(data, 2_500, history=False)
    names = ("voltage_v", "power_factor", "load_kw", "local_hour", "local_day_of_week")
    batch = replace(batch, **{name: np.array([typical[name]]).astype(getattr(batch, name).dtype) for name in names})
    found = explain(predictor, batch)
    assert [each.kwh for each in found.contributions] == [0] * 4
    assert found.reference_kwh == predictor.predict(batch).units_kwh[0]


def test_a_reading_is_typical_by_lower_medians_and_what_derives_from_them():
    matrix = np.full((4, len(FEATURE_SETS["history"])), np.nan)
    matrix[:, FEATURES.index("load_kw")] = [9, 1, 2, 4]
    matrix[:, FEATURES.index("load_intensity")] = 77  # not asked: it follows from the load
    matrix[:, FEATURES.index("local_hour")] = [3, 5, 20, 23]
    matrix[:, FEATURES.index("local_day_of_week")] = [6, 6, 5, 6]
    matrix[:3, -1] = [0.5, np.nan, 0.25]
    typical = dict(
        zip(FEATURE_SETS["history"], typical_reading(matrix, np.array([True, True, True, False])), strict=True)
    )
    known = {name: value for name, value in typical.items() if not np.isnan(value)}
    assert known == {
        "load_kw": 2,
        "load_intensity": 40,
        "local_hour": 5,
        "local_day_of_week": 6,
        "is_weekend": 1,
        "last_week_kw": 0.25,
    }


def test_in_words(data):
    """Row 3000 of the window is 2009-11-03 00:00 in Paris, a Tuesday."""
    found = explain(fit_predictor(data, Recipe("linear")).predictor, one(data, 3_000))
    words = {each.group: each for each in found.contributions}
    load = data.table.load_kw[3_000]
    assert words["load"].words == f"Load {load:.2f} kW: {words['load'].kwh:+.2f} kWh"
    assert words["time"].value == "Tuesday 00:00"
    assert words["recent"].value.endswith("kW on the day before")


def test_saved_and_loaded_the_explanation_is_the_same(predictor, data, tmp_path):
    predictor.save(tmp_path)
    assert explain(Predictor.load(tmp_path), one(data, 2_500)) == explain(predictor, one(data, 2_500))


def test_a_predictor_from_before_answers_and_is_not_explained(predictor, data, tmp_path):
    predictor.save(tmp_path)
    with np.load(tmp_path / NUMBERS_FILE) as packed:
        numbers = dict(packed)
    del numbers["reference"]
    np.savez(tmp_path / NUMBERS_FILE, **numbers)
    old = Predictor.load(tmp_path)
    assert old.predict(one(data, 2_500)).units_kwh == predictor.predict(one(data, 2_500)).units_kwh
    assert explain(old, one(data, 2_500)) is None


def test_one_reading_at_a_time(predictor, data):
    with pytest.raises(UsageError, match="2 readings to explain"):
        explain(predictor, next(batches(data.table, np.array([1, 2]), True))[1])
