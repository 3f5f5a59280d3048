"""The twelve classic features of the task `reading`, their ranges and constants."""

from typing import Final

FEATURES: Final = (
    "voltage_v",
    "temperature_c",
    "power_factor",
    "load_kw",
    "frequency_hz",
    "local_hour",
    "local_day_of_week",
    "is_weekend",
    "voltage_flag",
    "pf_issue",
    "high_temp",
    "load_intensity",
)
"""Names and order of the columns of a snapshot feature matrix."""

MEASURED: Final = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")
"""What a meter (or a weather station) measures at the start of the interval."""

DERIVED: Final = ("is_weekend", "voltage_flag", "pf_issue", "high_temp", "load_intensity")
"""What is computed from the others, here and nowhere else."""

USUAL_RANGE: Final[dict[str, tuple[float, float]]] = {
    "voltage_v": (180.0, 250.0),
    "temperature_c": (0.0, 50.0),
    "power_factor": (0.7, 1.0),
    "load_kw": (0.0, 5.0),
    "frequency_hz": (49.0, 51.0),
}
"""Inclusive ranges of the classic features. Outside: unusual, which is flagged and never refused."""

POSSIBLE_RANGE: Final[dict[str, tuple[float, float]]] = {
    "voltage_v": (0.0, 1_000_000.0),
    "temperature_c": (-90.0, 70.0),
    "power_factor": (-1.0, 1.0),
    "load_kw": (-1_000_000.0, 1_000_000.0),
    "frequency_hz": (0.0, 70.0),
}
"""Inclusive ranges outside which a value cannot be: a request with one is an error, a stored quantity is blanked."""

VOLTAGE_LOW_V: Final = 180.0
VOLTAGE_HIGH_V: Final = 250.0
PF_ISSUE_BELOW: Final = 0.85
HIGH_TEMP_ABOVE_C: Final = 40.0
FULL_LOAD_KW: Final = 5.0
WEEKEND_FROM: Final = 5
"""First weekend day, Monday being 0."""

RECENT_VALUES: Final = 1_344
"""The most `recent_kwh` values a reading may carry: 56 days of hours."""

BATCH_LIMIT: Final = 10_000
"""The most readings of one `/predict_batch` request."""

QUANTILES: Final = (0.1, 0.5, 0.9)
"""Levels of the published quantiles; `low_kwh` and `high_kwh` are the outer two (80 %)."""
