"""A registered version made anew with another predictor; and versions deleted with their files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from meter_core.contracts.models import DIGEST_TAG, PREDICTOR_FOLDER
from meter_core.registry.delivery import RUN_DIGEST, Retries, deliver, patience, retried
from meter_core.registry.digest import folder_digest
from meter_core.registry.models import VersionInfo
from meter_core.registry.record import Promotion
from meter_core.registry.runs import ARTIFACTS_FOLDER, MODEL_FOLDER, TrainingData, TrainingRun, write_run

OF_PROMOTIONS: Final = frozenset(Promotion("", "", "", "").as_tags())


class Versions:
    """The versions of one registered model, with their files.

    Args:
        tracking_uri: Of the MLflow server.
        name: Registered model.
        retries: For a registry that is away.
    """

    def __init__(self, tracking_uri: str, name: str, retries: Retries) -> None:
        from mlflow import MlflowClient

        self._uri, self._name, self._retries = tracking_uri, name, retries
        self._client = MlflowClient(tracking_uri, tracking_uri)

    def anew(self, version: VersionInfo, save: Callable[[Path], None], suffix: str, folder: Path) -> str:
        """Register a version again with another predictor, all else as it was; return its number.

        Args:
            version: Of this model.
            save: Writes the other predictor into a folder.
            suffix: Added to the name of its run.
            folder: An empty one.
        """
        with patience(self._retries):
            retried(lambda: self._download(version, folder), self._retries)
        predictor = folder / MODEL_FOLDER / PREDICTOR_FOLDER
        save(predictor)
        write_run(folder, self._run(version, folder_digest(predictor), suffix))
        return deliver(folder, self._uri, self._retries).version

    def delete(self, version: VersionInfo) -> None:
        """Delete a version and its model's files. Its run with parameters, figures and plots stays."""
        with patience(self._retries):
            retried(lambda: self._delete(version), self._retries)

    def _download(self, version: VersionInfo, folder: Path) -> None:
        for name in (MODEL_FOLDER, ARTIFACTS_FOLDER):
            (folder / name).mkdir(exist_ok=True)
        self._files(version).download_artifacts("", str(folder / MODEL_FOLDER))
        for entry in self._client.list_artifacts(version.run_id):
            self._client.download_artifacts(version.run_id, entry.path, str(folder / ARTIFACTS_FOLDER))

    def _run(self, version: VersionInfo, digest: str, suffix: str) -> TrainingRun:
        """Return what is said about the version's run, to be said of another."""
        run = self._client.get_run(version.run_id)
        dataset = run.inputs.dataset_inputs[0].dataset
        source, profile = json.loads(dataset.source), json.loads(dataset.profile)
        tags = {name: value for name, value in version.tags.items() if name not in OF_PROMOTIONS}
        own = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
        own.pop(RUN_DIGEST, None)
        return TrainingRun(
            name=f"{run.info.run_name}-{suffix}",
            experiment=self._client.get_experiment(run.info.experiment_id).name,
            model=self._name,
            started_ms=run.info.start_time,
            ended_ms=run.info.end_time or run.info.start_time,
            data=TrainingData(dataset.name, dataset.digest, source["since"], source["until"], profile["num_rows"]),
            params=run.data.params,
            metrics=run.data.metrics,
            tags=own,
            version_tags={**tags, DIGEST_TAG: digest},
            note=self._client.get_model_version(self._name, version.version).description or "",
        )

    def _delete(self, version: VersionInfo) -> None:
        self._files(version).delete_artifacts(PREDICTOR_FOLDER)
        self._client.delete_model_version(self._name, version.version)

    def _files(self, version: VersionInfo) -> Any:
        """Return where the version's model lies."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        place: Any = self._client.get_model_version_download_uri(self._name, version.version)
        return get_artifact_repository(place, tracking_uri=self._uri)
