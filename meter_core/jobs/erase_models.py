"""A meter out of the registered models: those that know its usual hours by its id."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Final

from meter_core.contracts.errors import MeterError
from meter_core.contracts.models import CHAMPION, DIGEST_TAG, PREDICTOR_FOLDER, REGISTERED_MODELS
from meter_core.embedded.connections import Connections
from meter_core.jobs.promotions import recording
from meter_core.jobs.registered import store_of, tracking_uri
from meter_core.models.predictor import Predictor
from meter_core.registry.delivery import Retries
from meter_core.registry.models import Models, VersionInfo
from meter_core.registry.rest import Registry
from meter_core.registry.runs import MODEL_FOLDER
from meter_core.registry.undelivered import Undelivered
from meter_core.registry.without import Versions
from meter_core.settings import Settings

NAME: Final = REGISTERED_MODELS["reading"]
"""The model whose predictor has a table of meters; that of the hours ahead has none."""
ANSWERS_ALIKE: Final = "predicts as version {version} did, without the usual hours of an erased meter"


def erase_from_models(
    meter_id: str,
    who: str,
    settings: Settings,
    connections: Connections,
    progress: Callable[[str], None],
    retries: Retries = Retries(),  # noqa: B008 - frozen
) -> list[str]:
    """Take a meter out of the registered models; return what became of each version that knew it.

    The champion is registered anew without the meter and promoted, for it is in use; other versions that knew it are
    deleted, and runs that wait for MLflow are forgotten. What the model learnt from its readings beside others' stays:
    coefficients, trees and quantiles of many meters name none.

    Raises:
        UnavailableError: MLflow or PostgreSQL cannot be reached; run the same again.
    """
    uri = tracking_uri(connections)
    models, versions = Models(uri, NAME, retries), Versions(uri, NAME, retries)
    told = list(_out_of_waiting(meter_id, Undelivered(connections.files_url)))
    with tempfile.TemporaryDirectory(prefix="meter-erase-") as scratch, Registry(uri, NAME) as registry:
        for version in models.versions():
            predictor = _predictor(version, registry, Path(scratch))
            if predictor is None or meter_id not in predictor.usual.meter_id.tolist():
                continue
            progress(f"{NAME} version {version.version}: taking the meter out")
            if CHAMPION in version.aliases:
                folder = Path(tempfile.mkdtemp(dir=scratch))
                fresh = versions.anew(version, _without(predictor, meter_id).save, "without-one-meter", folder)
                why = ANSWERS_ALIKE.format(version=version.version)
                models.promote(fresh, who, why, recording(store_of(connections, settings), "promoted"))
                told.append(f"version {version.version} was champion; version {fresh} {why}")
            versions.delete(version)
            told.append(f"version {version.version} deleted")
            for copy in (connections.home / "models").glob(f"{NAME}-{version.version}-*"):
                rmtree(copy, ignore_errors=True)
    return told


def _predictor(version: VersionInfo, registry: Registry, cache: Path) -> Predictor | None:
    """Return a version's predictor; None for one that carries none that could be read."""
    if DIGEST_TAG not in version.tags:
        return None
    try:
        return Predictor.load(registry.fetch(registry.version(version.version), cache))
    except MeterError as error:
        if error.exit_status == 3:
            raise
        return None


def _without(predictor: Predictor, meter_id: str) -> Predictor:
    """Return the predictor without a meter's usual hours: it gets the population's."""
    usual = predictor.usual
    left = usual.meter_id != meter_id
    return replace(predictor, usual=replace(usual, meter_id=usual.meter_id[left], meter_kw=usual.meter_kw[left]))


def _out_of_waiting(meter_id: str, waiting: Undelivered) -> Iterator[str]:
    """Forget training runs that know the meter and were not delivered yet."""
    for name in waiting.names():
        with waiting.opened(name) as folder:
            if folder is None:
                continue
            try:
                predictor = Predictor.load(folder / MODEL_FOLDER / PREDICTOR_FOLDER)
            except MeterError:  # of the other task
                continue
            if meter_id in predictor.usual.meter_id.tolist():
                waiting.remove(name)
                yield f"{name}, which waited for MLflow, forgotten: train again"
