"""What each feature needs, and from when on that is known: declared here, proven by the leak linter.

A feature that is not listed fails the linter, and so does one that changes with a quantity it does not list.
"""

from collections.abc import Mapping
from typing import Final

from meter_core.contracts.readings import AUXILIARY
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.features.ahead_weather import WEATHER_FEATURES
from meter_core.features.history import HISTORY_FEATURES

ENERGY: Final = "units_kwh"

KNOWN_FROM: Final[Mapping[str, str]] = {
    ENERGY: "its delivery, never before its interval has ended; a correction from its own delivery on",
    **dict.fromkeys(AUXILIARY, "the start of its interval; of a source that delivers interval means, the end"),
}
"""From when on a quantity of an interval may be looked at. What the calendar says is always known."""

READING_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    **{quantity: (quantity,) for quantity in AUXILIARY},
    **dict.fromkeys(("local_hour", "local_day_of_week", "is_weekend"), ()),
    "voltage_flag": ("voltage_v",),
    "pf_issue": ("power_factor",),
    "high_temp": ("temperature_c",),
    "load_intensity": ("load_kw",),
    **dict.fromkeys(HISTORY_FEATURES, (ENERGY,)),
}
"""Quantities that each feature of the task `reading` is computed from; none where the calendar is enough."""

CALENDAR_AHEAD: Final = ("local_hour", "local_weekday", "is_day_off")

AHEAD_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: () if name in CALENDAR_AHEAD else (ENERGY,) for name in AHEAD_FEATURES},
    **dict.fromkeys(WEATHER_FEATURES, ("temperature_c",)),
}
"""Likewise of the task `ahead`: everything but calendar and weather comes from the meter's own energy, the lead time
from where knowledge of it ends."""
