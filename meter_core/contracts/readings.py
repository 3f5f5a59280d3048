"""The shape of a reading: canonical columns, qualities, and the arrays that features are computed from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CANONICAL_COLUMNS: Final = (
    "meter_id",
    "reading_ts",
    "interval_minutes",
    "units_kwh",
    "voltage_v",
    "temperature_c",
    "power_factor",
    "load_kw",
    "frequency_hz",
)
"""Header of the `canonical` CSV; stamps in ISO 8601 with offset."""

AUXILIARY: Final = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")
"""Quantities beside the energy. A bad one is blanked with its code; bad energy, key or time quarantines the row."""

CHANNELS: Final = ("import", "export", "net", "reactive")
DEFAULT_CHANNEL: Final = "import"

QUALITIES: Final = ("measured", "validated", "edited", "estimated")
"""Quality codes of a value. Their precedence is `QUALITY_RANK`."""

QUALITY_RANK: Final = {"estimated": 0, "measured": 1, "edited": 2, "validated": 3}
"""Higher displaces lower."""

TARGET_QUALITIES: Final = ("measured", "validated", "edited")
"""What targets, lags, profiles and baselines may see."""

PARTS: Final = ("loaded", "superseded", "outranked", "duplicates", "quarantined")
"""What becomes of the delivered values of energy: these add up to `rows`, always."""

COUNTS: Final = ("lines", "rows", *PARTS)
"""The accounting of a delivery."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """n readings as columns: the one shape that training, batch and serving compute features from.

    Attributes:
        voltage_v: (n,) V, NaN where missing; so the next four.
        temperature_c: (n,) degrees Celsius.
        power_factor: (n,) dimensionless.
        load_kw: (n,) kW at the start of the interval.
        frequency_hz: (n,) Hz.
        local_hour: (n,) 0..23 of the meter's local clock at the start of the interval.
        local_day_of_week: (n,) Monday 0.
        interval_minutes: (n,) length of the interval to predict.
        recent_kwh: (n, w) energy of the w intervals before, oldest first, NaN where missing, w <= RECENT_VALUES; None
            without history.
        clock_shift_minutes: (n, d) for each of the d days before: the local clock's UTC offset then minus now, in
            minutes; None where only local hour and day are known (no clock change is assumed then).
        meter_id: (n,) objects, None where unknown; None if unknown for all.
    """

    voltage_v: FloatArray
    temperature_c: FloatArray
    power_factor: FloatArray
    load_kw: FloatArray
    frequency_hz: FloatArray
    local_hour: IntArray
    local_day_of_week: IntArray
    interval_minutes: IntArray
    recent_kwh: FloatArray | None = None
    clock_shift_minutes: IntArray | None = None
    meter_id: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        """Return n."""
        return len(self.local_hour)


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """n predictions as columns, in the order of the readings.

    Attributes:
        units_kwh: (n,) mean energy of the interval, kWh.
        low_kwh: (n,) 10 % quantile; with high_kwh the 80 % range.
        high_kwh: (n,) 90 % quantile.
        usual_low_kwh: (n,) 25 % quantile of what was measured at this local hour and kind of day, NaN without one.
        usual_high_kwh: (n,) 75 % quantile, likewise.
        status: (n,) `Low`, `Normal`, `High` or `Unknown`.
        basis: (n,) `meter`, `population` or None: whose usual the status compares with.
        used_history: (n,) bool: whether the model with history answered.
    """

    units_kwh: FloatArray
    low_kwh: FloatArray
    high_kwh: FloatArray
    usual_low_kwh: FloatArray
    usual_high_kwh: FloatArray
    status: NDArray[np.object_]
    basis: NDArray[np.object_]
    used_history: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return n."""
        return len(self.units_kwh)
