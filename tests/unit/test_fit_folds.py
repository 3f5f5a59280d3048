"""The folds that calibrate the range, where two fleets lie years apart (synthetic stamps)."""

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.models import fit
from meter_core.models.fit import EMBARGO_S, FOLDS, _folds


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
