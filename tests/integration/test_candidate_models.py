"""Every candidate goes to MLflow: what a data scientist loads answers as the predictor that serves."""

import zipfile
from dataclasses import replace

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest

from meter_core.jobs.training_models import model_parts
from meter_core.models.candidates import ahead_recipes, quick, recipes
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.fit_ahead import fit_forecaster
from tests.shipped_sample import sample_table

NEW = sorted(set(KNOWN) - {"linear", "boosting"})


NEED_METER_CORE = ("boosting_fine", "hourly", "segments")
"""As docs/models.md says: their model is of a class of ours."""


def kept(folder):
    """What is built when it is loaded: every type by name."""
    with zipfile.ZipFile(folder / "model.skops") as packed:
        return packed.read("schema.json")


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-07-01"))


@pytest.mark.parametrize("name", [name for name in NEW if "reading" in KNOWN[name].tasks])
def test_a_model_of_readings_loads_from_mlflow_and_answers_as_the_predictor(data, name, tmp_path):
    recipe = recipes(names=[name])[name]
    fitted = fit_predictor(data, replace(recipe, settings=quick(name, recipe.settings, 5)))
    (part, _) = model_parts(fitted)
    part.save(tmp_path / "model")
    rows = np.flatnonzero(~np.isnan(data.matrix[:, -1]))[2_000:2_050]
    frame = pd.DataFrame(data.matrix[rows], columns=list(part.features))
    said = mlflow.sklearn.load_model(str(tmp_path / "model")).predict(frame)
    np.testing.assert_allclose(said, fitted.predictor.history.mean_kw(data.matrix[rows]), rtol=0, atol=1e-5)
    assert (b"meter_core" in kept(tmp_path / "model")) == (name in NEED_METER_CORE)


@pytest.mark.parametrize("name", NEW)
def test_a_model_ahead_loads_from_mlflow_and_says_the_mean_of_its_outline(name, tmp_path):
    table = sample_table("2009-07-01")
    recipe = ahead_recipes(names=[name])[name]
    recipe = replace(recipe, settings=quick(name, recipe.settings, 5))
    fitted = fit_forecaster(table.without_temperature(), recipe, int(table.available_s.max()))
    part = model_parts(fitted)[0]
    part.save(tmp_path / "model")
    frame = pd.DataFrame(part.example, columns=list(part.features))
    expected = fitted.predictor.models.outline(part.example).mean
    said = mlflow.sklearn.load_model(str(tmp_path / "model")).predict(frame)
    np.testing.assert_allclose(said, expected, rtol=0, atol=1e-5)
    assert (b"meter_core" in kept(tmp_path / "model")) == (name in NEED_METER_CORE)
