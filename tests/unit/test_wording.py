"""Figures as people read them."""

import math

import pytest

from meter_core.contracts.wording import figure


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (26670, "26,670"),
        (0.49766, "0.4977"),
        (-0.0072, "-0.0072"),
        (1234.56, "1,234.6"),
        (None, "-"),
        (math.nan, "-"),
        (True, "yes"),
        ("boosting", "boosting"),
    ],
)
def test_figures_as_people_read_them(value, shown):
    assert figure(value) == shown
