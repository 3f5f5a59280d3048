"""Run folders as training writes them, with a quickly fitted model and a predictor of two files made by hand."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from meter_core.registry.digest import folder_digest
from meter_core.registry.runs import TrainingData, TrainingRun, write_run
from meter_core.registry.sklearn_model import save_sklearn


def fitted_model(folder: Path):
    """A fitted model, its features, and the folder MLflow saved it in: to be saved once, for it takes a second."""
    rng = np.random.default_rng(7)
    features = pd.DataFrame({"load_kw": rng.random(300), "local_hour": rng.integers(0, 24, 300)})
    model = HistGradientBoostingRegressor(max_iter=5).fit(features, features["load_kw"] * 2)
    save_sklearn(model, features.head(3), folder)
    return model, features, folder


def fill(folder: Path, fitted, model="m", note="A run.", evidence=None, **version_tags):
    """Write a run as training does."""
    copytree(fitted[2], folder / "model")
    predictor = folder / "model" / "predictor"
    predictor.mkdir()
    (predictor / "predictor.json").write_text(json.dumps({"for": model, "note": note}))
    (predictor / "trees.npz").write_bytes(bytes(range(200)))
    (folder / "artifacts" / "plots").mkdir(parents=True)
    (folder / "artifacts" / "plots" / "residuals.png").write_bytes(b"\x89PNG by hand")
    tags = {"predictor_digest": folder_digest(predictor), "recipe": "boosting_history", **version_tags}
    write_run(
        folder,
        TrainingRun(
            name=folder.name,
            experiment="delivery",
            model=model,
            started_ms=1_700_000_000_000,
            ended_ms=1_700_000_005_000,
            data=TrainingData("meter_reading", "sha256:" + "ab" * 32, "2008-01-01", "2009-01-01", 300),
            params={f"param_{n}": "1" for n in range(150)},
            metrics={"rmse": 0.5, "baseline/mean/rmse": 0.8},
            tags={"task": "reading"},
            version_tags=tags,
            note=note,
            evidence=evidence or {},
        ),
    )
    return folder
