"""Runs told to a real MLflow: once, whole, resumed where they broke off, and kept while it is away."""

import contextlib
import json
import socket
import threading
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.registry.delivery import Retries, deliver
from meter_core.registry.digest import folder_digest
from meter_core.registry.models import Models
from meter_core.registry.rest import Registry
from meter_core.registry.runs import read_run
from meter_core.registry.sklearn_model import save_sklearn
from meter_core.registry.undelivered import Undelivered
from tests.integration.mlflow_server import free_port, shared_server
from tests.integration.run_folders import fill, fitted_model

QUICK = Retries(tries=2, apart_s=0.05, timeout_s=10)
BY_HAND = ("anna", "seen in review", lambda _: None)
"""Who, why, and no record beside the registry: the jobs keep that (test_promotion_record.py)."""


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fitted_model(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def run(tmp_path, fitted, request):
    folder = tmp_path / "reading-20090101T000000"
    folder.mkdir()
    return fill(folder, fitted, model=request.node.name.replace("[", "_").replace("]", ""))


def test_a_delivered_run_is_what_data_scientists_expect(server, run, fitted, tmp_path, capfd):
    said = read_run(run)
    done = deliver(run, server.url, QUICK)
    assert capfd.readouterr().out == "", "stdout belongs to `--json`"
    client = MlflowClient(server.url)
    found = client.get_run(done.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.end_time - found.info.start_time == 5_000
    assert len(found.data.params) == 150
    assert found.data.metrics == {"rmse": 0.5, "baseline/mean/rmse": 0.8}
    assert found.data.tags["mlflow.note.content"] == "A run."
    assert [source.dataset.name for source in found.inputs.dataset_inputs] == ["meter_reading"]
    assert [entry.path for entry in client.list_artifacts(done.run_id, "plots")] == ["plots/residuals.png"]
    client.set_registered_model_alias(said.model, "champion", done.version)
    mlflow.set_tracking_uri(server.url)
    uri = f"models:/{said.model}@champion"
    estimator, features, _ = fitted
    assert np.array_equal(mlflow.sklearn.load_model(uri).predict(features), estimator.predict(features))
    generic = mlflow.pyfunc.load_model(uri)
    with_a_gap = features.head(2).astype(float)
    with_a_gap.iloc[0, 0] = np.nan
    assert np.array_equal(generic.predict(with_a_gap), estimator.predict(with_a_gap))
    assert generic.metadata.run_id == done.run_id
    assert generic.metadata.get_input_schema().input_names() == ["load_kw", "local_hour"]
    assert list(generic.input_example.columns) == ["load_kw", "local_hour"]
    with Registry(server.url, said.model) as registry:
        folder = registry.fetch(registry.champion(), tmp_path / "cache")
    assert folder_digest(folder) == folder_digest(run / "model" / "predictor")


def count(server, model):
    client = MlflowClient(server.url)
    experiment = client.get_experiment_by_name("delivery").experiment_id
    models = [found for found in client.search_logged_models([experiment]) if found.name == model]
    runs = {found.source_run_id for found in models}
    return len(runs), len(models), len(client.search_model_versions(f"name = '{model}'"))


STEPS = [
    "create_run",
    "log_inputs",
    "log_artifacts",
    "create_logged_model",
    "log_model_artifacts",
    "log_outputs",
    "finalize_logged_model",
    "create_registered_model",
    "create_model_version",
    "set_terminated",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_delivery_that_broke_off_anywhere_is_resumed(server, run, monkeypatch, step):
    """MLflow did what it was asked, and the connection broke before it said so."""
    whole, broken = getattr(MlflowClient, step), []

    def breaks_once(*args, **kwargs):
        if broken:
            return whole(*args, **kwargs)
        broken.append(step)
        whole(*args, **kwargs)
        raise MlflowException("connection broke")

    monkeypatch.setattr(MlflowClient, step, breaks_once)
    with pytest.raises(UnavailableError):
        deliver(run, server.url, Retries(tries=1))
    first = deliver(run, server.url, QUICK)
    assert deliver(run, server.url, QUICK) == first
    assert broken == [step]
    assert count(server, read_run(run).model) == (1, 1, 1)
    assert len(MlflowClient(server.url).get_metric_history(first.run_id, "rmse")) == 1


def test_a_registry_that_comes_back_between_two_tries_gets_the_run(server, run):
    """The server is there all the time; the port that training knows opens after the first try."""
    port, opened = free_port(), []

    def open_port(_):
        if not opened:
            opened.append(forward(port, server.url))

    done = deliver(run, f"http://127.0.0.1:{port}", QUICK, open_port)
    opened[0].close()
    assert done.version == "1"


def forward(port, url):
    """Pass connections on to a server: what a proxy in front of it does."""
    target = ("127.0.0.1", int(url.rpartition(":")[2]))
    listener = socket.create_server(("127.0.0.1", port))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                inward, _ = listener.accept()
                outward = socket.create_connection(target)
                for source, sink in ((inward, outward), (outward, inward)):
                    threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def pump(source, sink):
    with contextlib.suppress(OSError), source, sink:
        while block := source.recv(1 << 16):
            sink.sendall(block)


def test_a_registry_that_is_away_is_tried_as_often_as_said(run):
    tries = []
    with pytest.raises(UnavailableError, match="in 3 tries"):
        deliver(run, f"http://127.0.0.1:{free_port()}", Retries(3, 0.01, 2), tries.append)
    assert len(tries) == 3


def test_a_registry_that_hangs_is_given_up_after_the_timeout(run):
    """A port that accepts and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            deliver(run, f"http://127.0.0.1:{listener.getsockname()[1]}", Retries(1, 0.01, 1))
        assert time.monotonic() - begun < 60, "MLflow's own retries (minutes) were not switched off"


def test_what_mlflow_refuses_is_not_retried(server, run):
    client = MlflowClient(server.url)
    found = client.get_experiment_by_name("refused")
    client.delete_experiment(found.experiment_id if found else client.create_experiment("refused"))
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, "experiment": "refused"}))
    with pytest.raises(RefusedError, match="was deleted in MLflow; restore it"):
        deliver(run, server.url, QUICK)


def test_runs_wait_under_undelivered_and_only_whole_ones(tmp_path, fitted):
    for root in (str(tmp_path / "files with space"), f"memory://{tmp_path.name}/files"):
        waiting = Undelivered(root)
        assert waiting.names() == []
        with waiting.writing("b-second") as folder:
            fill(folder, fitted)
            digest = folder_digest(folder)
        with waiting.writing("a-first") as folder:
            fill(folder, fitted)
        with pytest.raises(ZeroDivisionError), waiting.writing("c-broken"):
            raise ZeroDivisionError
        assert waiting.names() == ["a-first", "b-second"]
        with waiting.opened("b-second") as folder:
            assert folder_digest(folder) == digest
        waiting.remove("b-second")
        assert waiting.names() == ["a-first"]
        with waiting.opened("b-second") as folder:
            assert folder is None


def test_undelivered_that_cannot_be_written_says_where(tmp_path):
    (tmp_path / "files").write_text("a file where the folder should be")
    waiting = Undelivered(str(tmp_path / "files"))
    with pytest.raises(UnavailableError, match=r"cannot be written to .*files"), waiting.writing("x"):
        pass


def test_two_that_deliver_the_same_run_at_once_deliver_it_once(server, tmp_path, fitted):
    waiting = Undelivered(str(tmp_path / "files"))
    with waiting.writing("reading-1") as folder:
        fill(folder, fitted, model="at_once")
    outcomes = []

    def sync():
        with waiting.opened("reading-1") as found:
            outcomes.append(None if found is None else deliver(found, server.url, QUICK).version)
            if found is not None:
                waiting.remove("reading-1")

    threads = [threading.Thread(target=sync) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes, key=str) == ["1", None]
    assert count(server, "at_once") == (1, 1, 1)


def test_aliases_move_and_return(server, tmp_path, fitted):
    models = Models(server.url, "aliases")
    assert models.versions() == []
    assert models.by_alias() is None
    for number in range(3):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        deliver(fill(folder, fitted, model="aliases", note=f"number {number}"), server.url, QUICK)
    assert [found.version for found in models.versions()] == ["3", "2", "1"]
    with pytest.raises(RefusedError, match="no champion before the first one"):
        models.rollback(*BY_HAND)
    assert models.promote("1", *BY_HAND).previous is None
    with pytest.raises(RefusedError, match="no champion before 1"):
        models.rollback(*BY_HAND)
    models.challenge("2")
    change = models.promote("2", *BY_HAND)
    assert (change.previous, change.version) == ("1", "2")
    assert change.digest == models.versions()[1].tags["predictor_digest"]
    assert models.by_alias("challenger") is None
    assert models.promote("2", *BY_HAND).previous == "2"
    MlflowClient(server.url).set_registered_model_alias("aliases", "champion", "3")  # by hand, past this product
    assert models.promote("1", *BY_HAND).previous == "3"
    assert [models.rollback(*BY_HAND).version for _ in range(3)] == ["3", "2", "1"]
    assert models.by_alias().version == "1"
    with pytest.raises(RefusedError):
        models.rollback(*BY_HAND)


def test_what_cannot_be_promoted(server, tmp_path, fitted):
    folder = tmp_path / "run"
    folder.mkdir()
    deliver(fill(folder, fitted, model="not_promotable"), server.url, QUICK)
    models = Models(server.url, "not_promotable")
    models.tag("1", {"predictor_digest": "unknown"})
    with pytest.raises(RefusedError, match="carries no predictor_digest"):
        models.promote("1", *BY_HAND)
    with pytest.raises(Exception, match="has no version 9; it has 1") as caught:
        models.promote("9", *BY_HAND)
    assert caught.value.exit_status == 2


def test_a_model_of_unreviewed_types_is_refused(tmp_path):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    class Homemade(RBF):
        pass

    features = pd.DataFrame({"a": [0.0, 1.0]})
    model = GaussianProcessRegressor(kernel=Homemade()).fit(features, [0.0, 1.0])
    with pytest.raises(RefusedError, match=r"nobody reviewed: .*Homemade"):
        save_sklearn(model, features, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_rollback_takes_the_champion_before_even_if_a_promotion_broke_off(server, tmp_path, fitted, monkeypatch):
    """The connection breaks between alias and stack."""
    models = Models(server.url, "broken_off")
    for number in range(2):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        deliver(fill(folder, fitted, model="broken_off", note=f"number {number}"), server.url, QUICK)
    models.promote("1", *BY_HAND)

    def breaks(*_):
        raise MlflowException("connection broke")

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "set_registered_model_tag", breaks)
        with pytest.raises(UnavailableError):
            models.promote("2", *BY_HAND)
    assert models.by_alias().version == "2"
    assert models.rollback(*BY_HAND).version == "1"
