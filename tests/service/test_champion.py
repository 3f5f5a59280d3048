"""The service beside a real MLflow server: none yet, a champion, a better one, broken ones, the registry away."""

import contextlib
import shutil
from dataclasses import replace

import pytest

from meter_core.registry.digest import folder_digest
from tests.integration.mlflow_server import mlflow_server, stop
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import free_port, keep_as_last_copy, running_service

MODEL = "meter_consumption_v1"


def promote(url, folder, digest=None):
    """What training does, with MLflow's own client: log the files, register, tag with the digest, move the alias."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    found = client.get_experiment_by_name("service")
    experiment = found.experiment_id if found else client.create_experiment("service")
    run = client.create_run(experiment)
    model = client.create_logged_model(experiment, name="m", source_run_id=run.info.run_id)
    client.log_model_artifacts(model.model_id, str(folder.parent))
    client.finalize_logged_model(model.model_id, "READY")
    with contextlib.suppress(Exception):  # it exists from the second version on
        client.create_registered_model(MODEL)
    tags = {"predictor_digest": digest or folder_digest(folder)}
    version = client.create_model_version(
        MODEL, f"models:/{model.model_id}", run.info.run_id, tags=tags, model_id=model.model_id
    )
    client.set_registered_model_alias(MODEL, "champion", version.version)
    return version.version


@pytest.fixture
def exported(predictor, tmp_path):
    folder = tmp_path / "exported" / "predictor"
    predictor.save(folder)
    return folder


def test_the_champion_is_followed(predictor, exported, tmp_path):
    with mlflow_server(tmp_path / "mlflow") as registry, running_service(tmp_path / "home", registry.url) as service:

        def version():
            return service.post("/predict", SATURDAY_EVENING).json().get("model_version")

        # None yet: ready, because nothing is missing that exists, and every answer says what to do.
        service.wait_for(lambda: service.get("/readyz").status_code == 200)
        for response in (service.post("/predict", SATURDAY_EVENING), service.get("/model")):
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert "meter train" in response.json()["detail"]

        first = promote(registry.url, exported)
        service.wait_for(lambda: version() == first)
        card = service.get("/model").json()
        assert (card["model_version"], card["stale"], card["notice"]) == (first, False, "")
        assert card["predictor_digest"] == folder_digest(exported)
        before = service.post("/predict", SATURDAY_EVENING).json()["units_kwh"]

        # A better one: another model altogether, seen by what it answers.
        taller = replace(predictor, floor_kw=9.0)
        taller.save(exported)
        second = promote(registry.url, exported)
        service.wait_for(lambda: version() == second)
        assert service.post("/predict", SATURDAY_EVENING).json()["units_kwh"] == 9.0 != before

        # A broken one is refused and reported; the one before goes on answering.
        (exported / "predictor.npz").write_bytes(b"not numbers")
        broken = promote(registry.url, exported)
        service.wait_for(lambda: f"version {broken}" in service.get("/model").json()["notice"])
        assert version() == second
        assert service.get("/readyz").status_code == 200

        # Files that are not those that were registered.
        predictor.save(exported)
        changed = promote(registry.url, exported, digest="sha256:" + "0" * 64)
        service.wait_for(lambda: f"version {changed}" in service.get("/model").json()["notice"])
        assert "changed or damaged" in service.get("/model").json()["notice"]
        assert version() == second

        # The registry away: stale, said so, and still answering.
        stop(registry.process)
        service.wait_for(lambda: service.get("/model").json()["stale"])
        assert "cannot be reached" in service.get("/model").json()["notice"]
        assert version() == second


def test_a_restart_without_the_registry_answers_with_the_last_copy(predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path, version="12")
    with running_service(tmp_path, f"http://127.0.0.1:{free_port()}") as service:
        assert service.get("/readyz").status_code == 200
        assert service.post("/predict", SATURDAY_EVENING).json()["model_version"] == "12"
        assert service.get("/model").json()["stale"] is True


def test_not_ready_while_nobody_knows_whether_there_is_a_champion(predictor, tmp_path):
    """The registry is away and the copy on disk was changed: nothing is served, and that is said."""
    keep_as_last_copy(predictor, tmp_path)
    shutil.copy(tmp_path / "serving" / "current.json", tmp_path / "serving" / "kept" / "added.json")
    with running_service(tmp_path, f"http://127.0.0.1:{free_port()}") as service:
        assert service.get("/livez").status_code == 200
        assert service.get("/readyz").status_code == 503
        response = service.post("/predict", SATURDAY_EVENING)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
