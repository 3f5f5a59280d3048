"""The service beside a real MLflow server: none yet, a champion, a better one, broken ones, the registry away."""

import shutil
from dataclasses import replace

import pytest

from meter_core.registry.digest import folder_digest
from tests.integration.mlflow_server import mlflow_server, stop
from tests.service.champions import promote
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import free_port, keep_as_last_copy, running_service


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
        service.wait_for(lambda: f"version {broken} is not used" in service.get("/model").json()["notice"])
        assert version() == second
        assert str(tmp_path) not in service.get("/model").json()["notice"], "folders are nobody's business outside"
        assert service.get("/readyz").status_code == 200
        figures = gauges(service)
        assert figures[f'meter_model_info{{model="meter_consumption_v1",model_version="{second}"}}'] == 1.0
        assert figures[f'meter_model_info{{model="meter_consumption_v1",model_version="{first}"}}'] == 0.0
        assert figures['meter_model_refused{model="meter_consumption_v1"}'] == 1.0

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
        assert service.post("/predict", SATURDAY_EVENING).headers["x-model-stale"] == "true"
        service.wait_for(lambda: gauges(service)['meter_model_stale{model="meter_consumption_v1"}'] == 1.0)
        assert service.log.read_text().count(f"version {broken} is not used") == 1


def gauges(service):
    lines = [line.rpartition(" ") for line in service.get("/metrics").text.splitlines() if line.startswith("meter_mod")]
    return {name: float(value) for name, _, value in lines}


def test_a_restart_without_the_registry_answers_with_the_last_copy(predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path, version="12")
    with running_service(tmp_path, f"http://127.0.0.1:{free_port()}") as service:
        assert service.get("/readyz").status_code == 200
        assert service.post("/predict", SATURDAY_EVENING).json()["model_version"] == "12"
        assert service.get("/model").json()["stale"] is True


def test_not_ready_while_nobody_knows_whether_there_is_a_champion(predictor, tmp_path):
    """The registry is away and the copy on disk was changed: nothing is served, and that is said."""
    keep_as_last_copy(predictor, tmp_path)
    copies = tmp_path / "serving" / "meter_consumption_v1"
    shutil.copy(copies / "current.json", copies / "kept" / "added.json")
    with running_service(tmp_path, f"http://127.0.0.1:{free_port()}") as service:
        assert service.get("/livez").status_code == 200
        assert service.get("/readyz").status_code == 503
        response = service.post("/predict", SATURDAY_EVENING)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
