"""The model that forecasts, as the service holds it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bento.asked import Asked
from bento.forecast_answers import forecast_each
from meter_core.features.interval_grid import history_width
from meter_core.models.forecaster import Forecaster
from meter_core.registry.rest import ModelRef


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """A loaded forecaster. A batch holds on to one from first to last.

    Attributes:
        forecaster: computes.
        version: the registry's number of it.
    """

    forecaster: Forecaster
    version: str


def load_forecast_model(ref: ModelRef, folder: Path) -> ForecastModel:
    """Load a forecaster's folder; loading tries it on its golden rows.

    Raises:
        RefusedError: where it does not answer as it did after training.
    """
    return ForecastModel(Forecaster.load(folder), ref.version)


def try_forecast(model: ForecastModel) -> None:
    """Forecast with a model before anyone else is answered with it: its first forecast is the slowest."""
    forecast_each([a_forecast(model)], model.forecaster, model.version)


def a_forecast(model: ForecastModel) -> Asked:
    """Return a forecast that the model can make, of a meter without history."""
    minutes = model.forecaster.intervals[0]
    return Asked("UTC", minutes, 1, 0, np.full(history_width(minutes), np.nan), 0, None)
