"""The model that every contender answers with, and measured readings for the batches, both from the shipped sample."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from meter_core.calendar import local_hour_and_weekday
from meter_core.contracts.features import MEASURED
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.predictor import Predictor
from tests.service.service_process import keep_as_last_copy
from tests.shipped_sample import ZONE, sample_table

UNTIL: Final = "2009-01-01"
"""The model is fitted on what lies before; batches are made of what comes after."""


def fitted_model() -> Predictor:
    """Return what training would promote."""
    return fit_predictor(TrainingData.of(sample_table(until=UNTIL)), recipes()["boosting"]).predictor


def keep_model(home: Path) -> None:
    """Fit what training would promote, and leave it where a service without a registry finds it."""
    keep_as_last_copy(fitted_model(), home)


@cache
def measured_readings(count: int) -> list[dict[str, Any]]:
    """Return so many hours of 2009 as requests, from the first on and over again; null where nothing was measured."""
    table = sample_table(since=UNTIL)
    hour, weekday = local_hour_and_weekday(table.ts_s, ZONE)
    columns = [getattr(table, name).tolist() for name in MEASURED] + [hour.tolist(), weekday.tolist()]
    names = (*MEASURED, "local_hour", "local_day_of_week")
    rows = [dict(zip(names, _plain(values), strict=True)) for values in zip(*columns, strict=True)]
    complete = [row for row in rows if row["voltage_v"] is not None and row["load_kw"] is not None]
    return (complete * (count // len(complete) + 1))[:count]


def _plain(values: tuple[float, ...]) -> list[float | None]:
    return [None if value != value else value for value in values]
