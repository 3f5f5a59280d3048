"""Versions in a real registry, put there with MLflow's own client as training and promotion do."""

from datetime import UTC, datetime
from pathlib import Path

from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.registry.digest import folder_digest

MODEL = "meter_consumption_v1"


def client_of(url: str):
    from mlflow import MlflowClient

    return MlflowClient(url)


def forget_models(url: str) -> None:
    """The server is shared by many tests: each begins without a model of any task."""
    client = client_of(url)
    for model in REGISTERED_MODELS.values():
        if client.search_registered_models(f"name = '{model}'"):
            client.delete_registered_model(model)


def register(url: str, folder: Path, digest: str | None = None) -> str:
    """What training does: log the files, register, tag with the digest."""
    client = client_of(url)
    found = client.get_experiment_by_name("service")
    experiment = found.experiment_id if found else client.create_experiment("service")
    run = client.create_run(experiment)
    model = client.create_logged_model(experiment, name="m", source_run_id=run.info.run_id)
    client.log_model_artifacts(model.model_id, str(folder.parent))
    client.finalize_logged_model(model.model_id, "READY")
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    tags = {"predictor_digest": digest or folder_digest(folder)}
    version = client.create_model_version(
        MODEL, f"models:/{model.model_id}", run.info.run_id, tags=tags, model_id=model.model_id
    )
    return version.version


def record(url: str, version: str, digest: str | None = None) -> None:
    """What promotion does before the alias moves, as far as MLflow knows of it."""
    client = client_of(url)
    meant = digest or client.get_model_version(MODEL, version).tags["predictor_digest"]
    tags = {"by": "anna", "why": "seen in review", "at": datetime.now(UTC).isoformat(), "digest": meant}
    for name, value in tags.items():
        client.set_model_version_tag(MODEL, version, f"promoted_{name}", value)


def set_alias(url: str, version: str) -> None:
    client_of(url).set_registered_model_alias(MODEL, "champion", version)


def promote(url: str, folder: Path, digest: str | None = None) -> str:
    """Register a version, record it, make it the champion."""
    version = register(url, folder, digest)
    record(url, version)
    set_alias(url, version)
    return version
