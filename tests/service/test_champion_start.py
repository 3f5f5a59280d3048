"""Where a start finds its model: the registry, the last copy, what was packaged; and a registry that hangs."""

import os
import signal
import socket
import threading
from shutil import copytree, ignore_patterns

import pytest

from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import ROOT, free_port, keep_as_last_copy, keep_copy, running_service


@pytest.fixture
def app(predictor, tmp_path):
    """The service in a folder of its own with a packaged model beside it, as an image has it."""
    folder = tmp_path / "app"
    copytree(ROOT / "bento", folder / "bento", ignore=ignore_patterns("__pycache__"))
    keep_copy(predictor, folder / "packaged", version="21")
    return folder


@pytest.fixture
def hanging():
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        kept = []
        threading.Thread(target=_accept, args=(listener, kept), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", kept


def _accept(listener, kept):
    try:
        while True:
            kept.append(listener.accept())
    except OSError:
        return


def test_the_packaged_model_answers_last_and_says_so(app, predictor, tmp_path):
    for uri in (None, f"http://127.0.0.1:{free_port()}"):
        with running_service(tmp_path / "home", uri, app=app) as service:
            assert service.get("/readyz").status_code == 200
            answer = service.post("/predict", SATURDAY_EVENING)
            assert (answer.json()["model_version"], answer.headers["x-model-stale"]) == ("21", "true")
            card = service.get("/model").json()
            assert card["stale"] is True
            assert "the packaged model answers" in card["notice"]
    keep_as_last_copy(predictor, tmp_path / "home", version="22")
    with running_service(tmp_path / "home", uri, app=app) as service:
        assert service.post("/predict", SATURDAY_EVENING).json()["model_version"] == "22"
        assert "the last copy answers" in service.get("/model").json()["notice"]


def test_a_damaged_last_copy_leaves_it_to_the_packaged_model(app, predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path / "home", version="22")
    (tmp_path / "home" / "serving" / "meter_consumption_v1" / "kept" / "predictor.npz").write_bytes(b"damaged")
    with running_service(tmp_path / "home", f"http://127.0.0.1:{free_port()}", app=app) as service:
        assert service.post("/predict", SATURDAY_EVENING).json()["model_version"] == "21"


def test_a_registry_that_hangs_holds_up_neither_start_nor_requests_nor_the_end(app, hanging, tmp_path):
    url, connections = hanging
    with running_service(tmp_path / "home", url, app=app) as service:
        assert service.post("/predict", SATURDAY_EVENING).json()["model_version"] == "21"
        seen = len(connections)
        connections[-1][0].close()
        service.wait_for(lambda: len(connections) > seen)
        os.kill(service.process.pid, signal.SIGTERM)
        service.process.wait(9)  # the answer that was just asked for would be waited for 10 s
        assert len(connections) == seen + 1, "it was still waiting"
