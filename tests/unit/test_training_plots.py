"""What the pictures of a training run may claim."""

import numpy as np
import pytest

from meter_core.jobs.training_plots import HoldOut, actual_vs_predicted

HOURS = 100


@pytest.mark.parametrize(("meters", "drawn"), [(1, True), (3, False)])
def test_a_range_over_time_is_of_one_meter_only(meters, drawn):
    """Synthetic. The mean of several meters' quantiles is no quantile of their mean: it would be far too wide."""
    ts_s = np.tile(np.arange(HOURS, dtype=np.int64) * 3_600, meters)
    kwh = np.random.default_rng(1).gamma(2.0, 0.5, len(ts_s))
    hour = ts_s // 3_600 % 24
    shown = HoldOut(ts_s, kwh, kwh + 0.1, kwh - 0.5, kwh + 0.5, hour, "hours")
    [over_time] = [axes for axes in actual_vs_predicted(shown).axes if axes.get_xlabel() == "UTC"]
    assert ("80 % range" in over_time.get_legend_handles_labels()[1]) is drawn
