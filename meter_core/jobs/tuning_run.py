"""A tuning in MLflow: one run, and a run below it for each trial.

Without MLflow the tuning goes on: its trials are kept in the database anyway.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meter_core.contracts.models import EXPERIMENTS
from meter_core.registry.delivery import Retries, patience

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from optuna.trial import FrozenTrial

ONCE: Final = Retries(tries=1)
PARENT_TAG: Final = "mlflow.parentRunId"


@dataclass
class TuningRun:
    """A run that grows with each trial.

    Attributes:
        run_id: In MLflow; None where there is none to tell, or it went away.
    """

    run_id: str | None = None
    _client: "MlflowClient | None" = None
    _experiment: str = ""

    @classmethod
    def begin(cls, tracking_uri: str | None, task: str, study: str) -> "TuningRun":
        """Return a run that has begun; one that tells nobody where MLflow is away."""
        if not tracking_uri:
            return cls()
        from mlflow import MlflowClient

        run = cls(_client=MlflowClient(tracking_uri, tracking_uri))
        run._tell(lambda client: run._create(client, task, study))
        return run

    def trial(self, done: "FrozenTrial") -> None:
        """Tell of a trial that ended: its settings, its score on each fold, and whether it was stopped early."""
        self._tell(lambda client: self._log_trial(client, done))

    def end(self, found: Mapping[str, Any]) -> None:
        """Tell what was found."""
        self._tell(lambda client: self._log_end(client, found))

    def _tell(self, said: "Callable[[MlflowClient], None]") -> None:
        """Say something to MLflow; once it does not answer, nothing more is said."""
        from mlflow.exceptions import MlflowException

        if self._client is None:
            return
        try:
            with patience(ONCE):
                said(self._client)
        except MlflowException:
            self._client = self.run_id = None

    def _create(self, client: "MlflowClient", task: str, study: str) -> None:
        """Make the run, and its experiment where there is none yet."""
        name = f"{EXPERIMENTS[task]}_tuning"
        found = client.get_experiment_by_name(name)
        self._experiment = found.experiment_id if found else client.create_experiment(name)
        run = client.create_run(self._experiment, tags={"task": task, "study": study}, run_name=f"tune {task}")
        self.run_id = run.info.run_id

    def _log_trial(self, client: "MlflowClient", done: "FrozenTrial") -> None:
        """Make the run of a trial."""
        tags = {PARENT_TAG: str(self.run_id), "state": done.state.name.lower()}
        own = client.create_run(self._experiment, tags=tags, run_name=f"trial {done.number + 1}").info.run_id
        for name, value in done.params.items():
            client.log_param(own, name, value)
        for fold, value in done.intermediate_values.items():
            client.log_metric(own, "mean_of_folds", value, step=fold)
        if done.value is not None:
            client.log_metric(own, "score", done.value)
            client.log_metric(str(self.run_id), "trial_score", done.value, step=done.number)
        client.set_terminated(own)

    def _log_end(self, client: "MlflowClient", found: Mapping[str, Any]) -> None:
        """End the run with the best settings."""
        own = str(self.run_id)
        for name, value in found["settings"].items():
            client.log_param(own, name, value)
        for name in ("value", "present", "better_by", "trials", "pruned"):
            client.log_metric(own, name, found[name])
        client.log_text(own, json.dumps(dict(found), indent=1), "tuning.json")
        client.set_terminated(own)
