"""Shared by the service's tests: a predictor fitted on the shipped sample, and one service that answers with it."""

import pytest

from meter_core.features.readings import ReadingTable
from meter_core.models.candidates.boosting import Boosting
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.recipes import Recipe
from meter_core.sources import load_profile, read_delivery
from tests.integration.postgres_server import WHEEL, postgres_server
from tests.service.forecast_world import keep_forecaster, load_fontana, quick_forecaster
from tests.service.measured_hours import SAMPLE
from tests.service.service_process import keep_as_last_copy, running_service

RECIPE = Recipe("boosting", "history", Boosting.reading | {"max_iter": 40})
"""The champion's recipe with fewer trees: what is tested here does not depend on how good it is."""


@pytest.fixture(scope="session")
def training_data():
    delivery = read_delivery(SAMPLE, load_profile("uci_sceaux"))
    frame = delivery.frame[delivery.frame["reading_ts"] >= "2009-01-01"]
    return TrainingData.of(ReadingTable.of(frame, delivery.zone))


@pytest.fixture(scope="session")
def predictor(training_data):
    scores = {
        "metrics": {"rmse": 0.46},
        "candidates": {"boosting": {"rmse": 0.46, "snapshot_only": {"rmse": 0.48}}, "linear": {"rmse": 0.55}},
        "baselines": {"mean": {"rmse": 0.84}, "blend": {"rmse": 0.5}},
        "skill": {"rmse": 0.08},
    }
    return fit_predictor(training_data, RECIPE, about=scores).predictor


@pytest.fixture(scope="session")
def service(predictor, tmp_path_factory):
    """A service on the last copy on disk, without a registry."""
    home = tmp_path_factory.mktemp("home with space")
    keep_as_last_copy(predictor, home)
    with running_service(home) as running:
        yield running


@pytest.fixture(scope="session")
def forecaster():
    return quick_forecaster()


@pytest.fixture(scope="session")
def meter_database():
    """A PostgreSQL of its own with the shipped homes; tests may stop and start it."""
    with postgres_server(WHEEL) as server:
        load_fontana(server.url())
        yield server


@pytest.fixture(scope="session")
def known(predictor, forecaster, meter_database, tmp_path_factory):
    """A service with both models and that database."""
    home = tmp_path_factory.mktemp("known")
    keep_as_last_copy(predictor, home)
    keep_forecaster(forecaster, home)
    with running_service(home, settings={"METER_DATABASE_URL": meter_database.url()}) as running:
        yield running
