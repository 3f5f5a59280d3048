"""A run folder told to MLflow: experiment, run, model, registered version. Told twice, it is there once.

Everything a delivery makes is looked for first by what names it: the run by its folder's digest, the model by its run,
the version by its run. So a delivery that broke off anywhere is resumed where it broke off.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.registry.digest import folder_digest
from meter_core.registry.runs import ARTIFACTS_FOLDER, MODEL_FOLDER, TrainingRun, read_run

RUN_DIGEST = "run_digest"
BATCH = 100
"""MLflow takes 100 parameters or tags and 1,000 metrics a request."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How long to try for a registry that is away.

    Attributes:
        tries: How often in all.
        apart_s: Seconds between two tries.
        timeout_s: Seconds each request of a try may take.
    """

    tries: int = 5
    apart_s: float = 5.0
    timeout_s: int = 10


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a run stands in the registry."""

    run_id: str
    version: str


def deliver(
    folder: Path, tracking_uri: str, retries: Retries = Retries(), progress: Callable[[str], None] = lambda _: None
) -> Delivered:
    """Tell MLflow about a run and register its model. The folder stays; whoever calls removes it.

    Raises:
        UnavailableError: where MLflow did not answer in any of the tries.
        RefusedError: where MLflow answered no, or the folder is not whole.
    """
    run, digest = read_run(folder), folder_digest(folder)
    with patience(retries):
        return retried(lambda: _Delivery(tracking_uri, run, digest).tell(folder), retries, progress)


def retried(action: Callable[[], Any], retries: Retries, progress: Callable[[str], None] = lambda _: None) -> Any:
    """Do something that needs MLflow, again while it is away.

    Raises:
        UnavailableError: where it was away in every try.
        RefusedError: where it answered no.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    for attempt in range(1, retries.tries + 1):
        try:
            return action()
        except (MlflowException, RequestException) as error:
            if not _is_away(error):
                raise RefusedError(f"MLflow refused the run: {_first_line(error)}") from error
            progress(f"MLflow does not answer (try {attempt} of {retries.tries})")
            if attempt == retries.tries:
                raise UnavailableError(
                    f"MLflow did not answer in {retries.tries} tries, {retries.apart_s:g} s apart "
                    f"({type(error).__name__}); start it (`meter up`) or set MLFLOW_TRACKING_URI"
                ) from error
            time.sleep(retries.apart_s)
    raise UnavailableError("MLflow was not asked: `tries` must be at least 1")


@contextlib.contextmanager
def patience(retries: Retries) -> Iterator[None]:
    """Make MLflow's client wait as long as `retries` says and no longer: it reads this from the environment."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(retries.timeout_s),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": str(retries.timeout_s),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Delivery:
    """One try: every step finds what an earlier try made."""

    def __init__(self, tracking_uri: str, run: TrainingRun, digest: str) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri, tracking_uri)
        self._run, self._digest = run, digest

    def tell(self, folder: Path) -> Delivered:
        experiment_id = self._experiment()
        run_id = self._run_id(experiment_id)
        self._tell_figures(run_id)
        self._client.log_artifacts(run_id, str(folder / ARTIFACTS_FOLDER))
        model_id = self._model_id(experiment_id, run_id, folder / MODEL_FOLDER)
        version = self._version(run_id, model_id)
        self._client.set_terminated(run_id, "FINISHED", end_time=self._run.ended_ms)
        return Delivered(run_id, version)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._run.experiment)
        if found is None:
            return str(self._client.create_experiment(self._run.experiment))
        if found.lifecycle_stage != "active":
            raise RefusedError(
                f"the experiment {self._run.experiment} was deleted in MLflow; restore it "
                f"(`mlflow experiments restore -x {found.experiment_id}`)"
            )
        return str(found.experiment_id)

    def _run_id(self, experiment_id: str) -> str:
        found = self._client.search_runs([experiment_id], f"tags.{RUN_DIGEST} = '{self._digest}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        tags = {**self._run.tags, RUN_DIGEST: self._digest, "mlflow.note.content": self._run.note}
        made = self._client.create_run(
            experiment_id, start_time=self._run.started_ms, tags=tags, run_name=self._run.name
        )
        return str(made.info.run_id)

    def _tell_figures(self, run_id: str) -> None:
        """Log parameters, metrics and the data. Logged again they change nothing: the metrics' time is the run's."""
        from mlflow.entities import Dataset, DatasetInput, Metric, Param

        params = [Param(name, str(value)) for name, value in self._run.params.items()]
        for start in range(0, len(params), BATCH):
            self._client.log_batch(run_id, params=params[start : start + BATCH])
        metrics = [Metric(name, value, self._run.ended_ms, 0) for name, value in self._run.metrics.items()]
        for start in range(0, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + BATCH])
        data = self._run.data
        source = f'{{"table": "meter_reading", "since": "{data.since}", "until": "{data.until}"}}'
        profile = f'{{"num_rows": {data.rows}}}'
        dataset = Dataset(data.name, data.digest.removeprefix("sha256:")[:36], "postgresql", source, profile=profile)
        self._client.log_inputs(run_id, [DatasetInput(dataset)])

    def _model_id(self, experiment_id: str, run_id: str, folder: Path) -> str:
        """Upload the model where no try finished doing so."""
        from mlflow.entities import LoggedModelOutput

        found = self._client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'", max_results=1)
        model = found[0] if found else self._create_model(experiment_id, run_id)
        if str(model.status) != "READY":
            with tempfile.TemporaryDirectory(prefix="meter-model-") as scratch:
                self._client.log_model_artifacts(model.model_id, str(_addressed(folder, Path(scratch), model, run_id)))
            outputs = self._client.get_run(run_id).outputs
            if not (outputs and outputs.model_outputs):  # named twice, MLflow fails on its own unique key
                self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
            self._client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def _create_model(self, experiment_id: str, run_id: str) -> Any:
        params = {name: str(value) for name, value in self._run.params.items()}
        return self._client.create_logged_model(
            experiment_id,
            name=self._run.model,
            source_run_id=run_id,
            tags={RUN_DIGEST: self._digest, **self._run.version_tags},
            params=params,
            model_type="sklearn",
        )

    def _version(self, run_id: str, model_id: str) -> str:
        for found in self._client.search_model_versions(f"run_id = '{run_id}'"):
            if found.name == self._run.model:
                return str(found.version)
        self._ensure_registered_model()
        made = self._client.create_model_version(
            self._run.model,
            f"models:/{model_id}",
            run_id,
            tags=dict(self._run.version_tags),
            description=self._run.note,
            await_creation_for=0,
            model_id=model_id,
        )
        return str(made.version)

    def _ensure_registered_model(self) -> None:
        from mlflow.exceptions import RestException

        try:
            self._client.create_registered_model(self._run.model)
        except RestException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _addressed(folder: Path, scratch: Path, model: Any, run_id: str) -> Path:
    """Return a copy of the saved model whose MLmodel names its run and its place, as `log_model` writes it."""
    from mlflow.models import Model

    copy = Path(copytree(folder, scratch / MODEL_FOLDER))
    saved = Model.load(str(copy))
    saved.run_id, saved.model_id, saved.artifact_path = run_id, model.model_id, model.artifact_location
    saved.model_uuid = model.model_id
    saved.save(str(copy / "MLmodel"))
    return copy


def _is_away(error: Exception) -> bool:
    """Return whether MLflow gave no answer of its own: no connection, a timeout, a server that starts or fails."""
    from mlflow.exceptions import RestException

    if isinstance(error, RestException):
        return error.get_http_status_code() >= 500
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
