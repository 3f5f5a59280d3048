"""Baselines by hand: stepping back, enough values, the local clock, quantiles of their own residuals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from meter_core.evaluation.baselines import BASELINES, point_baselines, reading_baselines
from meter_core.evaluation.naives import naive_columns
from meter_core.evaluation.splits import split_at
from meter_core.features.readings import ReadingTable
from meter_core.models.fit import TrainingData

HOUR = 3_600


def table(kwh, start="2020-01-06T00:00Z", load_kw=1.0, zone="UTC", meter="a", minutes=60):
    """Hours from a Monday on."""
    n = len(kwh)
    other = dict.fromkeys(("voltage_v", "temperature_c", "power_factor", "frequency_hz"), np.full(n, np.nan))
    stamps = pd.date_range(start, periods=n, freq=f"{minutes}min")
    columns = {"meter_id": [meter] * n, "reading_ts": stamps, "interval_minutes": minutes, "units_kwh": kwh}
    return ReadingTable.of(pd.DataFrame(columns | other | {"load_kw": load_kw, "zone": zone}))


def at(naives, row):
    return {name: values[row] for name, values in naives.items()}


def test_each_naive_repeats_what_its_name_says():
    kwh = np.arange(1_000.0)  # the value is the number of the hour
    naives = at(naive_columns(table(kwh)), 800)  # day 33, a Saturday, 08:00
    assert naives["persistence"] == 799
    assert naives["same_hour_yesterday"] == 776
    assert naives["same_hour_last_week"] == 632
    assert naives["smart_naive"] == 632
    assert naives["hour_profile_28d"] == pytest.approx(800 - 24 * 14.5)
    assert naives["hour_profile_14d"] == pytest.approx(800 - 24 * 7.5)
    back = np.arange(1, 34)
    weights = 0.5 ** (back / 7)
    assert naives["hour_profile_ew7"] == pytest.approx(800 - 24 * (back * weights).sum() / weights.sum())


@pytest.mark.parametrize(
    ("day", "source"),
    [
        (28, "same_hour_last_week"),
        (29, "same_hour_yesterday"),
        (32, "same_hour_yesterday"),
        (34, "same_hour_last_week"),
    ],
)
def test_smart_naive_takes_yesterday_from_tuesday_to_friday(day, source):
    naives = at(naive_columns(table(np.arange(1_000.0))), day * 24 + 5)  # day 28 is a Monday
    assert naives["smart_naive"] == naives[source]


def test_a_missing_source_steps_back_whole_periods_up_to_28_days():
    kwh = np.arange(1_000.0)
    kwh[[799, 798, 776, 752, 632]] = np.nan
    naives = at(naive_columns(table(kwh)), 800)
    assert naives["persistence"] == 797
    assert naives["same_hour_yesterday"] == 728
    assert naives["same_hour_last_week"] == 464
    kwh[800 - 28 * 24 : 800] = np.nan
    assert np.isnan(list(at(naive_columns(table(kwh)), 800).values())[:4]).all()


def test_half_hours_in_mean_kw():
    naives = at(naive_columns(table(np.full(200, 0.5), minutes=30)), 150)
    assert naives["persistence"] == 1
    assert naives["same_hour_yesterday"] == 1


def test_profiles_need_seven_values():
    naives = naive_columns(table(np.ones(24 * 10)))
    assert np.isnan(naives["hour_profile_28d"][6 * 24 + 5])
    assert naives["hour_profile_28d"][7 * 24 + 5] == 1


def test_fitted_baselines_learn_before_the_embargo_only():
    kwh = np.ones(24 * 60)
    kwh[24 * 49 :] = 100.0
    data = TrainingData.of(table(kwh))
    split = split_at(int(data.table.ts_s[24 * 50]), int(data.table.ts_s[-1]) + HOUR)
    points = point_baselines(data, split, naive_columns(data.table))
    assert points["mean"][-1] == 1  # day 49 is the embargo


def test_load_and_blend():
    data = TrainingData.of(table(np.full(24 * 60, 3.0), load_kw=1.0))
    split = split_at(int(data.table.ts_s[24 * 50]), int(data.table.ts_s[-1]) + HOUR)
    points = point_baselines(data, split, naive_columns(data.table))
    assert points["load_x_hours"][-1] == 1
    assert points["blend"][-1] == 2
    assert points["linear_history"][-1] == pytest.approx(3)


def test_linear_history_is_scikit_learns_with_an_indicator_an_hour_and_weekend():
    """Synthetic: noise, so that every coefficient counts."""
    random = np.random.default_rng(7)
    data = TrainingData.of(table(random.gamma(2.0, 0.5, 24 * 90), load_kw=random.random(24 * 90), zone="Asia/Kolkata"))
    split = split_at(int(data.table.ts_s[24 * 60]), int(data.table.ts_s[-1]) + HOUR)
    points = point_baselines(data, split, naive_columns(data.table))
    measured = np.stack([data.table.load_kw, points["persistence"], points["hour_profile_28d"]], axis=1)
    local = pd.to_datetime(data.table.ts_s, unit="s", utc=True).tz_convert("Asia/Kolkata")
    indicators = pd.get_dummies([f"{at.hour} {at.day_of_week >= 5}" for at in local]).to_numpy(dtype=float)
    columns = np.hstack([measured, indicators])
    learn = split.fit_rows(data.table) & ~np.isnan(measured).any(axis=1)
    assert columns.shape[1] == 51
    fitted = LinearRegression(fit_intercept=False).fit(columns[learn], data.table.mean_kw[learn])
    test = split.test_rows(data.table)
    np.testing.assert_allclose(points["linear_history"][test], fitted.predict(columns[test]), rtol=1e-9)


def test_quantiles_are_the_points_residuals_at_this_hour():
    # Persistence from hour to hour is off by a known amount: the value is the number of the day, at 00:00 ten more.
    days = np.repeat(np.arange(90.0), 24)
    days[::24] += 10
    data = TrainingData.of(table(days))
    split = split_at(int(data.table.ts_s[24 * 80]), int(data.table.ts_s[24 * 81]))
    persistence = reading_baselines(data, split)["persistence"].answers
    offsets = persistence.quantiles_kwh - persistence.mean_kwh[:, None]
    assert offsets[0].tolist() == [11, 11, 11]  # at midnight the day before ended a day and ten lower
    assert offsets[1].tolist() == [-10, -10, -10]
    assert offsets[5].tolist() == [0, 0, 0]


def test_what_is_defined_on_too_few_rows_has_no_answers():
    data = TrainingData.of(table(np.ones(24 * 60), load_kw=np.nan))
    split = split_at(int(data.table.ts_s[24 * 50]), int(data.table.ts_s[-1]) + HOUR)
    baselines = reading_baselines(data, split)
    assert tuple(baselines) == BASELINES
    assert [name for name, one in baselines.items() if one is None] == ["load_x_hours", "blend"]
    assert not np.isnan(baselines["linear_history"].answers.mean_kwh).any()


def test_a_few_undefined_rows_are_answered_by_the_profile():
    load = np.ones(24 * 60)
    load[-5:] = np.nan
    data = TrainingData.of(table(np.full(24 * 60, 3.0), load_kw=load))
    split = split_at(int(data.table.ts_s[24 * 50]), int(data.table.ts_s[-1]) + HOUR)
    baseline = reading_baselines(data, split)["load_x_hours"]
    assert baseline.defined == pytest.approx(1 - 5 / 240)
    assert baseline.answers.mean_kwh[-6:].tolist() == [1, 3, 3, 3, 3, 3]
