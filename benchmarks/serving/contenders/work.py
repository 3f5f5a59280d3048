"""What every contender does between decoding and encoding: one or more readings to their predictions."""

import os
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np

from meter_core.contracts.features import MEASURED
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.contracts.readings import ReadingBatch
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import last_copy

_FIELDS: Final = attrgetter(*MEASURED, "local_hour", "local_day_of_week")
INTERVAL_MINUTES: Final = 60

Values = tuple[float, float, float, str]
"""units_kwh, low_kwh, high_kwh, status."""


class Work:
    """The predictor that the service under test answers with, from the same folder."""

    def __init__(self) -> None:
        found = last_copy(Path(os.environ["METER_HOME"]) / "serving" / REGISTERED_MODELS["reading"])
        assert found, "METER_HOME names no folder with a predictor"
        self._predictor = Predictor.load(found[1])

    def predict(self, readings: Sequence[Any]) -> list[Values]:
        """Return the values of readings: anything with the fields of a snapshot as attributes."""
        *measured, hour, weekday = zip(*map(_FIELDS, readings), strict=True)
        batch = ReadingBatch(
            *(np.array(values, dtype=np.float64) for values in measured),
            local_hour=np.array(hour),
            local_day_of_week=np.array(weekday),
            interval_minutes=np.full(len(readings), INTERVAL_MINUTES),
        )
        found = self._predictor.predict(batch)
        columns = (found.units_kwh, found.low_kwh, found.high_kwh, found.status)
        return list(zip(*(values.tolist() for values in columns), strict=True))
