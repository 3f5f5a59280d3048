"""A champion counts only with a promotion record: the version's tags, or the row in PostgreSQL where that is set."""

from dataclasses import replace

import pytest

from meter_core.registry.digest import folder_digest
from meter_core.store import PromotionRecord, Store
from tests.integration.mlflow_server import shared_server
from tests.integration.postgres_server import WHEEL, postgres_server
from tests.service.champions import MODEL, forget_models, promote, record, register, set_alias
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import running_service


@pytest.fixture
def registry():
    server = shared_server()
    forget_models(server.url)
    return server.url


@pytest.fixture
def exported(predictor, tmp_path):
    """Returns what exports a predictor that answers nothing below `floor_kw`."""

    def export(floor_kw):
        folder = tmp_path / "exported" / "predictor"
        replace(predictor, floor_kw=floor_kw).save(folder)
        return folder

    return export


def answers(service):
    """The version and the number it answers with."""
    answer = service.post("/predict", SATURDAY_EVENING).json()
    return answer.get("model_version"), answer.get("units_kwh")


def notice(service):
    return service.get("/model").json()["notice"]


def test_without_a_record_an_alias_makes_no_champion(registry, exported, tmp_path):
    with running_service(tmp_path / "home", registry) as service:
        # The first: nothing to fall back on, so not ready, and the reason is said.
        first = register(registry, exported(7.0))
        set_alias(registry, first)
        service.wait_for(lambda: service.get("/readyz").status_code == 503)
        service.wait_for(lambda: "no promotion record" in service.post("/predict", SATURDAY_EVENING).json()["detail"])
        assert f"meter promote {first}" in service.post("/predict", SATURDAY_EVENING).json()["detail"]
        record(registry, first)
        service.wait_for(lambda: answers(service) == (first, 7.0))
        assert notice(service) == ""

        # Files that were exchanged after the promotion, digest and all.
        second = register(registry, exported(8.0))
        record(registry, second, digest=folder_digest(exported(9.0)))
        set_alias(registry, second)
        service.wait_for(lambda: "changed after its promotion" in notice(service))
        assert answers(service) == (first, 7.0)
        record(registry, second)
        service.wait_for(lambda: answers(service) == (second, 8.0))


def test_where_there_is_a_database_its_row_decides(registry, exported, tmp_path):
    with postgres_server(WHEEL) as server:
        url = server.new_database("record")
        store = Store(url)
        store.upgrade()
        with running_service(tmp_path / "home", registry, {"METER_DATABASE_URL": url}) as service:
            # Whoever merely reaches MLflow moved the alias and wrote the tags.
            first = promote(registry, exported(7.0))
            service.wait_for(lambda: "no promotion record" in service.post("/predict", SATURDAY_EVENING).text)
            store.record_promotion(row(first, exported(7.0)))
            record(registry, first)  # `meter promote` writes both; a record that changed is looked at again at once
            service.wait_for(lambda: answers(service) == (first, 7.0))

            # The database goes away, and a new champion comes: nobody can say whether it counts.
            server.kill()
            second = promote(registry, exported(8.0))
            service.wait_for(lambda: "cannot be reached" in notice(service))
            assert answers(service) == (first, 7.0)
            assert service.post("/predict", SATURDAY_EVENING).headers["x-model-stale"] == "true"
            assert "s3cret" not in service.log.read_text()

        # A start without the database answers with what was on record when it was fetched.
        with running_service(tmp_path / "home", registry, {"METER_DATABASE_URL": url}) as service:
            service.wait_for(lambda: service.get("/readyz").status_code == 200)
            assert answers(service) == (first, 7.0)
            assert service.get("/model").json()["stale"] is True
            server.start()
            store.record_promotion(row(second, exported(8.0)))
            service.wait_for(lambda: answers(service) == (second, 8.0))
            assert service.get("/model").json()["stale"] is False


def row(version, folder):
    return PromotionRecord(MODEL, version, "promoted", "anna", "seen in review", folder_digest(folder))
