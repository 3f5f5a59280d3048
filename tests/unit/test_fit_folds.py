"""The folds that calibrate the range, where two fleets lie years apart, and around weeks ahead (synthetic stamps)."""

from dataclasses import replace

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.models import fit, fit_ahead
from meter_core.models.ahead_samples import joined
from meter_core.models.fit import EMBARGO_S, FOLDS, _folds

WEEK_S = 7 * DAY_S


def test_blocks_hold_equal_numbers_of_rows_although_years_lie_between():
    first = np.arange(0, 300 * DAY_S, 3600)
    second = np.arange(3_000 * DAY_S, 3_300 * DAY_S, 3600)
    ts_s = np.concatenate([first, second])
    blocks = [block for _, block in _folds(ts_s)]
    assert [int(block.sum()) for block in blocks] == [len(second) // FOLDS] * FOLDS


def test_nothing_of_a_block_or_its_embargo_is_learnt_from():
    ts_s = np.arange(0, 400 * DAY_S, 3600)
    folds = list(_folds(ts_s))
    assert len(folds) == FOLDS
    for before, block in folds:
        assert ts_s[before].max() < ts_s[block].min() - EMBARGO_S
    assert folds[-1][1][-1]


def test_a_part_learns_from_a_limited_draw_that_is_always_the_same():
    few = np.arange(10)
    assert fit.drawn(few) is few
    drawn = fit.drawn(few, 4)
    assert len(drawn) == 4
    assert (np.diff(drawn) > 0).all()
    assert drawn.tolist() == fit.drawn(few, 4).tolist()


def seen_from_each_day(days):
    """Samples of a week ahead of each midnight; nothing in them but when they were seen and known."""
    origin_s, lead_s = (each.ravel() for each in np.meshgrid(np.arange(days) * DAY_S, np.arange(7) * DAY_S))
    ahead = replace(joined([]), origin_s=origin_s, lead_s=lead_s, available_s=origin_s + lead_s + DAY_S)
    return replace(ahead, **dict.fromkeys(("share", "level_kw"), np.ones(len(origin_s))))


def test_forecasts_are_calibrated_on_all_of_the_latest_year_and_on_nothing_before():
    samples = seen_from_each_day(900)
    blocks = list(fit_ahead._blocks(samples))
    last_s = int(samples.origin_s.max())
    assert [stop for _, stop, _ in blocks[:-1]] == [start for start, _, _ in blocks[1:]]
    assert (blocks[0][0], blocks[-1][1]) == (last_s - 365 * DAY_S, last_s)
    assert next(fit_ahead._blocks(seen_from_each_day(90)))[0] == 0


def test_models_of_a_block_learn_on_both_sides_of_it_and_from_none_of_its_weeks():
    samples = seen_from_each_day(300)
    for start, stop, outside in fit_ahead._blocks(samples):
        begins_s = samples.origin_s + samples.lead_s
        learnt = outside & (samples.available_s > start - EMBARGO_S) & (begins_s < stop + WEEK_S + EMBARGO_S)
        assert not learnt.any()
        assert (samples.origin_s[outside] < start).any() == (start > WEEK_S)
        assert (samples.origin_s[outside] > stop).any() == (stop < samples.origin_s.max() - 2 * WEEK_S)
