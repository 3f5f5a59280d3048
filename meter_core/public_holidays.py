"""Public holidays by country and subdivision, as the `holidays` package knows them, offline."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import IntArray

NO_HOLIDAYS: Final = ""
"""Calendar of a meter of which nobody said where it stands."""

_EPOCH_YEAR: Final = 1970


def holiday_calendar(country: str | None, subdivision: str | None = None) -> str:
    """Return the name of a calendar: `AU-VIC`, `AU`, or none where no country is given.

    Args:
        country: ISO 3166-1 code of two letters.
        subdivision: of it, as the `holidays` package spells it.

    Raises:
        UsageError: where there is no such country or subdivision, or a subdivision without a country.
    """
    if not country:
        if subdivision:
            raise UsageError(f"subdivision {subdivision!r} without its country; say the country too, like AU")
        return NO_HOLIDAYS
    calendar = f"{country}-{subdivision}" if subdivision else country
    _dates_of(calendar, 2020)
    return calendar


def is_holiday(date: IntArray, calendar: str) -> NDArray[np.bool_]:
    """Return whether dates are public holidays of a calendar.

    Args:
        date: any shape, days since 1970-01-01.
        calendar: as `holiday_calendar` names it.
    """
    if calendar == NO_HOLIDAYS or not date.size:
        return np.zeros(date.shape, dtype=bool)
    first, last = (
        int(np.datetime64(int(day), "D").astype("datetime64[Y]").astype(int)) for day in (date.min(), date.max())
    )
    known = [_dates_of(calendar, _EPOCH_YEAR + year) for year in range(first, last + 1)]
    return np.isin(date, np.concatenate(known))


@lru_cache(maxsize=2_000)
def _dates_of(calendar: str, year: int) -> IntArray:
    """Return the holidays of one year, in days since 1970-01-01."""
    import holidays  # half a second, and most deployments name no country

    country, _, subdivision = calendar.partition("-")
    try:
        named = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
    except NotImplementedError as error:
        raise UsageError(
            f"no public holidays are known for {calendar!r}; say a country by two letters and a subdivision of it, "
            "like AU and VIC, or leave them out"
        ) from error
    return np.array(sorted(named), dtype="datetime64[D]").astype(np.int64)
