"""Scores by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, r2_score, root_mean_squared_error

from meter_core.evaluation.scores import Answers, average, losses, score, score_meters, skills, strongest


def made_up(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    measured = rng.gamma(2.0, 0.5, rows)
    mean = measured + rng.normal(0, 0.3, rows)
    return measured, Answers(mean, np.stack([mean - 0.4, mean - 0.05, mean + 0.4], axis=1))


def test_against_scikit_learn():
    measured, answers = made_up()
    scores = score(measured, answers)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(measured, answers.mean_kwh))
    assert scores["mae"] == pytest.approx(mean_absolute_error(measured, answers.quantiles_kwh[:, 1]))
    assert scores["r2"] == pytest.approx(r2_score(measured, answers.mean_kwh))
    pinball = [mean_pinball_loss(measured, answers.quantiles_kwh[:, n], alpha=a) for n, a in enumerate((0.1, 0.5, 0.9))]
    assert scores["pinball"] == pytest.approx(np.mean(pinball))


def test_by_hand():
    answers = Answers(np.array([2.0, 2.0]), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    scores = score(np.array([1.0, 4.0]), answers)
    assert scores["coverage"] == 0.5  # the bound itself is inside
    assert scores["nmbe"] == pytest.approx((2.5 - 2.0) / 2.5)
    assert scores["cv_rmse"] == pytest.approx(np.sqrt((1 + 4) / 2) / 2.5)
    # y = 4: 0.1 * 3, 0.5 * 2, 0.9 * 1; y = 1: 0, 0.5 * 1, 0.1 * 2
    assert losses(np.array([1.0, 4.0]), answers)["pinball"].tolist() == pytest.approx([0.7 / 3, 2.2 / 3])


def test_meters_count_alike_whatever_their_rows():
    measured = np.array([1.0, 1.0, 1.0, 5.0])
    mean = np.array([1.0, 1.0, 1.0, 2.0])
    whole, each = score_meters(measured, Answers(mean, np.stack([mean] * 3, axis=1)), np.array([0, 0, 0, 1]))
    assert [one["rmse"] for one in each] == [0, 3]
    assert whole["rmse"] == 1.5


def test_a_share_of_nothing_is_no_number_and_stays_out_of_the_average():
    flat = score(np.zeros(3), Answers(np.ones(3), np.ones((3, 3))))
    assert np.isnan([flat["r2"], flat["nmbe"], flat["cv_rmse"]]).all()
    assert average([flat, {**flat, "r2": 0.5}])["r2"] == 0.5


def test_the_strongest_baseline_counts_for_each_score():
    baselines = {
        "a": {"rmse": 2.0, "mae": 1.0, "pinball": 3.0},
        "b": {"rmse": 1.0, "mae": 2.0, "pinball": 3.5},
        "undefined": None,
    }
    assert strongest(baselines, "rmse") == "b"
    assert strongest(baselines, "mae") == "a"
    assert skills({"rmse": 0.9, "mae": 1.1, "pinball": 3.0}, baselines) == pytest.approx(
        {"rmse": 0.1, "mae": -0.1, "pinball": 0.0}
    )
    assert skills({"rmse": 1.0, "mae": 1.0, "pinball": 1.0}, {"a": None}) == dict.fromkeys(("rmse", "mae", "pinball"))
