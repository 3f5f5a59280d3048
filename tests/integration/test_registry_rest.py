"""The lean client against a real MLflow server: champion, download, digest, and what it says of what is missing."""

import json
import shutil

import pytest

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.registry.digest import folder_digest
from meter_core.registry.rest import ModelRef, Registry, last_copy, remember
from tests.integration.mlflow_server import free_port, shared_server


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture
def predictor(tmp_path):
    folder = tmp_path / "source" / "predictor"
    (folder / "trees").mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({"made": "by hand"}))
    (folder / "trees" / "left nodes.npy").write_bytes(bytes(range(256)) * 5000)
    return folder


def register(server, name, predictor, digest=None):
    """What data scientists do by hand with MLflow's own client, so that the code under test is not its own witness."""
    from mlflow import MlflowClient
    from mlflow.exceptions import RestException

    client = MlflowClient(server.url)
    experiment = client.get_experiment_by_name("rest")
    experiment_id = experiment.experiment_id if experiment else client.create_experiment("rest")
    run = client.create_run(experiment_id)
    model = client.create_logged_model(experiment_id, name="m", source_run_id=run.info.run_id)
    client.log_model_artifacts(model.model_id, str(predictor.parent))
    client.finalize_logged_model(model.model_id, "READY")
    try:
        client.create_registered_model(name)
    except RestException as error:
        assert error.error_code == "RESOURCE_ALREADY_EXISTS"  # noqa: PT017 - anything else fails the test
    tags = {"predictor_digest": digest or folder_digest(predictor)}
    version = client.create_model_version(
        name, f"models:/{model.model_id}", run.info.run_id, tags=tags, model_id=model.model_id
    )
    client.set_registered_model_alias(name, "champion", version.version)
    return version.version, run.info.run_id


def test_none_yet_is_not_an_error(server, predictor):
    with Registry(server.url, "never_registered") as registry:
        assert registry.champion() is None
    register(server, "no_challenger", predictor)
    with Registry(server.url, "no_challenger") as registry:
        assert registry.champion("challenger") is None


def test_champion_is_downloaded_verified_and_found_again_when_the_registry_is_away(server, predictor, tmp_path):
    version, run_id = register(server, "whole", predictor)
    cache = tmp_path / "cache with space"
    with Registry(server.url, "whole") as registry:
        ref = registry.champion()
        folder = registry.fetch(ref, cache)
    assert (ref.version, ref.run_id) == (version, run_id)
    assert (folder / "trees" / "left nodes.npy").read_bytes() == bytes(range(256)) * 5000
    assert json.loads((folder / "card.json").read_text()) == {"made": "by hand"}
    assert last_copy(cache) is None, "nobody has said yet that it can be used"
    remember(cache, ref, folder)
    assert last_copy(cache) == (ref, folder)
    assert not list(cache.glob(".incoming-*"))


def test_a_verified_copy_is_not_downloaded_again_and_a_damaged_one_is(server, predictor, tmp_path):
    register(server, "again", predictor)
    with Registry(server.url, "again") as registry:
        ref = registry.champion()
        folder = registry.fetch(ref, tmp_path / "cache")
        remember(tmp_path / "cache", ref, folder)
        inode = (folder / "card.json").stat().st_ino
        assert (registry.fetch(ref, tmp_path / "cache") / "card.json").stat().st_ino == inode
        (folder / "card.json").write_text("{}")
        with pytest.raises(RefusedError, match="changed or damaged"):
            last_copy(tmp_path / "cache")
        assert json.loads((registry.fetch(ref, tmp_path / "cache") / "card.json").read_text()) == {"made": "by hand"}


def test_files_that_are_not_the_registered_ones_are_refused(server, predictor, tmp_path):
    register(server, "changed", predictor, digest="sha256:" + "0" * 64)
    register(server, "untagged", predictor, digest="none")
    for name, words in (("changed", "changed or damaged"), ("untagged", "carries no predictor_digest")):
        with Registry(server.url, name) as registry, pytest.raises(RefusedError, match=words):
            registry.fetch(registry.champion(), tmp_path / "cache")
    assert last_copy(tmp_path / "cache") is None
    assert [path for path in (tmp_path / "cache").glob("*") if path.is_dir()] == []


def test_a_version_without_a_predictor_is_refused(server, predictor, tmp_path):
    shutil.move(predictor, predictor.with_name("elsewhere"))
    digest = folder_digest(predictor.with_name("elsewhere"))
    register(server, "bare", predictor, digest)
    with Registry(server.url, "bare") as registry, pytest.raises(RefusedError, match="no predictor/ folder"):
        registry.fetch(registry.champion(), tmp_path / "cache")


def test_old_copies_are_forgotten(server, predictor, tmp_path):
    used = None
    for number in range(5):
        (predictor / "card.json").write_text(json.dumps({"number": number}))
        register(server, "many", predictor)
        with Registry(server.url, "many") as registry:
            ref = registry.champion()
            newest = registry.fetch(ref, tmp_path / "cache")
        if used is None:  # the others prove to be broken, one after the other
            used = newest
            remember(tmp_path / "cache", ref, newest)
    kept = list((tmp_path / "cache").glob("many-*"))
    assert {newest, used} <= set(kept)
    assert len(kept) == 3 + 1


def test_a_registry_that_is_away_is_said_so():
    away = Registry(f"http://nobody:hidden@127.0.0.1:{free_port()}", timeout_s=2)
    with away as registry, pytest.raises(UnavailableError, match="cannot be reached") as caught:
        registry.champion()
    assert "hidden" not in str(caught.value)


def test_an_address_that_is_no_mlflow_server_is_said_so(server):
    with Registry(f"{server.url}/static-files", "x") as registry, pytest.raises(UnavailableError):
        registry.champion()
    with pytest.raises(UnavailableError, match="sqlite"):
        Registry("sqlite:///mlflow.db")


def test_a_version_that_vanished_is_unavailable(server, tmp_path):
    ref = ModelRef("never_registered", "7", "", "sha256:" + "2" * 64)
    with Registry(server.url, "never_registered") as registry, pytest.raises(UnavailableError, match="404"):
        registry.fetch(ref, tmp_path / "cache")
