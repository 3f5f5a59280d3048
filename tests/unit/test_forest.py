"""The compiled trees against scikit-learn's own walk over them."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from meter_core.contracts.errors import UsageError
from meter_core.models.candidates import Examples
from meter_core.models.candidates.boosting import Boosting
from meter_core.models.forest import Forest, Trees
from meter_core.models.recipes import Recipe


def data(rows=600, seed=0):
    """Made-up columns: continuous, few-valued, binary, often missing, constant."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 5))
    matrix[:, 1] = rng.integers(0, 24, rows)
    matrix[:, 2] = rng.integers(0, 2, rows)
    matrix[rng.random(rows) < 0.3, 3] = np.nan
    matrix[:, 4] = 1.0
    target = matrix[:, 0] + np.sin(matrix[:, 1]) * matrix[:, 2] + np.nan_to_num(matrix[:, 3], nan=2.0)
    return matrix, target


def boosted(**settings):
    matrix, target = data()
    candidate = Boosting(Recipe("boosting", "snapshot", {"early_stopping": False} | settings), 0)
    candidate.fit(Examples(matrix, target))
    return candidate, matrix


@pytest.mark.parametrize("leaves", [2, 5, 16, 17, 32, 33, 64])
def test_equal_to_scikit_learn_at_every_mask_width(leaves):
    candidate, _ = boosted(max_leaf_nodes=leaves, max_iter=30, min_samples_leaf=2)
    unseen, _ = data(2_000, seed=1)
    unseen[::7] = np.nan  # all missing, also where training had no gap
    unseen[1] = [np.inf, -np.inf, 0, 1e300, -1e300]
    np.testing.assert_allclose(candidate.export().predict(unseen), candidate.fitted.predict(unseen), rtol=0, atol=1e-9)


def test_a_value_on_a_threshold_goes_left_as_in_scikit_learn():
    candidate, _ = boosted(max_leaf_nodes=16, max_iter=20)
    forest = candidate.export()
    first = int(np.flatnonzero(forest.trees.feature == 0)[0])
    on = np.zeros((3, 5))
    threshold = forest.trees.threshold[first]
    on[:, 0] = [threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)]
    np.testing.assert_allclose(forest.predict(on), candidate.fitted.predict(on), atol=1e-12)


def test_more_leaves_than_a_mask_has_bits_are_refused():
    candidate, _ = boosted(max_leaf_nodes=65, max_iter=1, min_samples_leaf=2)
    with pytest.raises(UsageError, match="65 leaves"):
        candidate.export()


def test_trees_that_never_split():
    model = HistGradientBoostingRegressor(max_iter=3, early_stopping=False).fit(np.ones((50, 2)), np.full(50, 3.0))
    candidate = Boosting(Recipe("boosting", "snapshot"), 0)
    candidate.fitted = model
    np.testing.assert_allclose(candidate.export().predict(np.ones((4, 2))), np.full(4, 3.0))


def test_a_tree_by_hand():
    # x0 <= 1 ? (x1 <= 5 ? 10 : 20) : 40; missing x0 goes right, missing x1 left
    trees = Trees(
        first=np.array([0, 5]),
        feature=np.array([0, 1, -1, -1, -1]),
        threshold=np.array([1.0, 5.0, 0, 0, 0]),
        left=np.array([1, 2, 0, 0, 0]),
        right=np.array([4, 3, 0, 0, 0]),
        missing_left=np.array([False, True, False, False, False]),
        value=np.array([0.0, 0, 10, 20, 40]),
        baseline=0.5,
    )
    nan = np.nan
    rows = np.array([[1, 5], [1, 5.1], [0, nan], [1.1, 0], [nan, 0]])
    assert Forest(trees).predict(rows).tolist() == [10.5, 20.5, 10.5, 40.5, 40.5]


def test_the_arrays_make_the_same_trees():
    candidate, matrix = boosted(max_leaf_nodes=16, max_iter=5)
    forest = candidate.export()
    again = Forest(Trees.of(forest.trees.arrays()))
    np.testing.assert_array_equal(again.predict(matrix), forest.predict(matrix))
