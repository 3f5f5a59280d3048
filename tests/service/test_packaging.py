"""What an image and a bento are made of: only what the service imports, and a champion that counts."""

import json
import os
import re
import subprocess
import sys

import pytest

from bento.build import build, main
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.settings import Settings
from tests.integration.mlflow_server import shared_server
from tests.service.champions import forget_models, promote, record, register, set_alias
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import ROOT, running_service

HEAVY = {"pandas", "mlflow", "mlflow-skinny", "prefect", "great-expectations", "scikit-learn", "sqlmodel", "sqlalchemy"}

WHERE_FROM = """
import json, sys
import bento.service
print(json.dumps({name: module.__file__ for name, module in sys.modules.items()
                  if name.split(".")[0] in ("bento", "meter_core") and module.__file__}))
"""


@pytest.fixture
def settings(tmp_path):
    server = shared_server()
    forget_models(server.url)
    return Settings(home=tmp_path / "home", mlflow_tracking_uri=server.url, database_url=None)


@pytest.fixture
def exported(predictor, tmp_path):
    folder = tmp_path / "exported" / "predictor"
    predictor.save(folder)
    return folder


def test_the_folder_serves_by_itself_with_what_was_the_champion(settings, exported, tmp_path):
    target = tmp_path / "serving folder"
    promote(settings.mlflow_tracking_uri, exported)
    [ref] = build(target, settings)
    done = subprocess.run(
        [sys.executable, "-c", WHERE_FROM], cwd=target, capture_output=True, text=True, timeout=60, check=True
    )
    modules = json.loads(done.stdout)
    assert {"bento.service", "meter_core.models.predictor"} <= set(modules)
    assert [name for name, file in modules.items() if not file.startswith(str(target))] == []
    assert not (target / "meter_core" / "cli").exists()
    assert not (target / "meter_core" / "jobs" / "train.py").exists()
    with running_service(tmp_path / "elsewhere", app=target) as service:
        answer = service.post("/predict", SATURDAY_EVENING)
        assert (answer.json()["model_version"], answer.headers["x-model-stale"]) == (ref.version, "true")
        assert service.get("/").status_code == 200


def test_a_bento_is_made_of_it(settings, exported, tmp_path):
    target = tmp_path / "serving"
    promote(settings.mlflow_tracking_uri, exported)
    build(target, settings)
    env = {**os.environ, "BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-m", "bentoml", "build", "--bentofile", "bento/bentofile.yaml", "--output", "tag"]
    subprocess.run(command, cwd=target, env=env, capture_output=True, timeout=120, check=True)
    [made] = (tmp_path / "bentoml" / "bentos" / "meter_prediction").glob("*/bento.yaml")
    assert list((made.parent / "src" / "packaged").rglob("predictor.npz"))
    wanted = (made.parent / "env" / "python" / "requirements.txt").read_text()
    assert re.search(r"^numpy==\S+ \\\n +--hash=sha256:", wanted, re.MULTILINE)
    dockerfile = (made.parent / "env" / "docker" / "Dockerfile").read_text()
    assert "FROM python:3.11-slim" in dockerfile
    assert "apt-get" not in dockerfile, "BentoML adds compilers to its own base images"


def test_only_a_champion_that_counts_is_packaged(settings, exported, tmp_path):
    with pytest.raises(RefusedError, match="no champion to package; `meter train`"):
        build(tmp_path / "serving", settings)
    version = register(settings.mlflow_tracking_uri, exported)
    set_alias(settings.mlflow_tracking_uri, version)
    with pytest.raises(RefusedError, match="no promotion record"):
        build(tmp_path / "serving", settings)
    record(settings.mlflow_tracking_uri, version)
    build(tmp_path / "serving", settings)
    (exported / "predictor.npz").write_bytes(b"not numbers")
    promote(settings.mlflow_tracking_uri, exported)
    with pytest.raises(UsageError, match="damaged"):
        build(tmp_path / "serving", settings)


def test_a_folder_with_something_else_is_left_alone(settings, tmp_path):
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(UsageError, match="holds something else"):
        build(tmp_path, settings)
    assert (tmp_path / "thesis.txt").read_text() == "the only copy"


def test_the_serving_lock_holds_nothing_heavy():
    lock = (ROOT / "requirements" / "serve.txt").read_text()
    names = set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    assert "numpy" in names
    assert names & HEAVY == set()


def test_without_champion_it_needs_no_registry_and_holds_no_model(tmp_path):
    target = tmp_path / "serving"
    assert main([str(target), "--without-champion"]) == 0
    assert list((target / "packaged").iterdir()) == []
    assert (target / "bento" / "service.py").is_file()
