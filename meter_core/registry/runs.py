"""A training run as a folder: all that MLflow will be told, on disk first, so that nothing is lost while it is away.

run.json       names, times, parameters, metrics, tags and the data it was trained on; written last
model/         the scikit-learn model as MLflow saves it, with predictor/ beside it
artifacts/     plots, tables, the model card
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meter_core.contracts.errors import RefusedError

RUN_FILE = "run.json"
MODEL_FOLDER = "model"
ARTIFACTS_FOLDER = "artifacts"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run was trained on.

    Attributes:
        name: Of the dataset, as MLflow shows it.
        digest: Of the training rows: equal rows, equal digest.
        since: First interval's start, ISO 8601 UTC.
        until: End of the window, exclusive.
        rows: Number of readings.
    """

    name: str
    digest: str
    since: str
    until: str
    rows: int


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What is said about a run. All plain JSON types.

    Attributes:
        name: Of the run; the name of its folder too.
        experiment: MLflow experiment.
        model: Registered model.
        started_ms: Milliseconds since 1970-01-01 UTC; so `ended_ms`.
        data: What it was trained on.
        params: Name -> value.
        metrics: Name -> figure; one that is not defined is left out by the writer.
        tags: Of the run.
        version_tags: Of the registered version, `predictor_digest` among them.
        note: Markdown that MLflow shows with run and version.
        evidence: What the promotion gate decides on (`meter_core.evaluation.gate_evidence.Evidence` as JSON).
        policy: What was asked of the gate beside its rules (`Policy` there); none in runs from before.
    """

    name: str
    experiment: str
    model: str
    started_ms: int
    ended_ms: int
    data: TrainingData
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    version_tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


def write_run(folder: Path, run: TrainingRun) -> None:
    """Write what is said about a run, last of all: a folder with it is whole.

    Args:
        folder: with `model/` and `artifacts/` already in it.
        run: what to say.
    """
    scratch = folder / f".{RUN_FILE}"
    scratch.write_text(json.dumps(asdict(run), indent=1, sort_keys=True, allow_nan=False))
    scratch.replace(folder / RUN_FILE)


def read_run(folder: Path) -> TrainingRun:
    """Read a run folder.

    Raises:
        RefusedError: where it is not whole.
    """
    try:
        content = json.loads((folder / RUN_FILE).read_text())
        return TrainingRun(**{**content, "data": TrainingData(**content["data"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"{folder} is no whole training run ({type(error).__name__} in {RUN_FILE}); train again and remove it"
        ) from error


def is_whole(folder: Path) -> bool:
    """Return whether a run folder was written to its end."""
    return (folder / RUN_FILE).is_file() and (folder / MODEL_FOLDER / "MLmodel").is_file()


def discard(folder: Path) -> None:
    """Remove a run folder, `run.json` first: what is left after a crash is not taken for a run."""
    (folder / RUN_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
