"""Public holidays by country and subdivision."""

import numpy as np
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.public_holidays import holiday_calendar, is_holiday


def days(*texts):
    return np.array(texts, dtype="datetime64[D]").astype(np.int64)


def test_holidays_are_those_of_the_subdivision():
    victoria, australia = holiday_calendar("AU", "VIC"), holiday_calendar("AU")
    asked = days("2013-11-05", "2013-12-25", "2013-12-24", "2012-11-06")  # Melbourne Cup Day is Victoria's own
    assert is_holiday(asked, victoria).tolist() == [True, True, False, True]
    assert is_holiday(asked, australia).tolist() == [False, True, False, False]


def test_without_a_country_no_day_is_a_holiday():
    assert not is_holiday(days("2013-12-25"), holiday_calendar(None)).any()


@pytest.mark.parametrize(
    ("country", "subdivision", "words"),
    [("XX", None, "no public holidays are known for 'XX'"), ("AU", "ZZ", "'AU-ZZ'"), (None, "VIC", "its country")],
)
def test_a_place_that_is_not_known_is_refused(country, subdivision, words):
    with pytest.raises(UsageError, match=words):
        holiday_calendar(country, subdivision)
