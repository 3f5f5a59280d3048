"""What cannot be started says who, what and the remedy, and leaves nothing behind."""

import errno
import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import Need, running, services
from meter_core.embedded.kinds import KINDS
from meter_core.embedded.ports import any_free
from meter_core.embedded.web_server import WebServer


def text_of_failure(settings, *needs: Need) -> str:
    with pytest.raises(UnavailableError) as caught, services(settings, needs):
        pass
    assert caught.value.exit_status == 3
    return str(caught.value)


def test_the_home_is_a_file(tmp_path, embedded_settings):
    (tmp_path / "home").write_text("not a folder")
    text = text_of_failure(embedded_settings(tmp_path / "home"), Need.POSTGRES)
    assert str(tmp_path / "home") in text
    assert "belongs to" in text
    assert "Set METER_HOME to a folder" in text


def test_the_home_cannot_be_made(embedded_settings):
    text = text_of_failure(embedded_settings(Path("/proc/meter")), Need.POSTGRES)
    assert "/proc/meter cannot be written" in text
    assert "/proc (dr-xr-xr-x) belongs to root" in text
    assert "Set METER_HOME to a folder" in text


def test_the_disk_of_the_home_is_full(tmp_path, embedded_settings, monkeypatch):
    """A stand-in for a full disk: the home on one is tried by hand, as it takes a mount."""

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_text", full)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").touch()
    text = text_of_failure(embedded_settings(tmp_path), Need.POSTGRES)
    assert f"METER_HOME: {tmp_path / 'postgres' / 'pg_hba.conf'} cannot be written (No space left on device)" in text
    assert "Free some space there" in text


def test_the_disk_of_the_home_is_read_only(tmp_path, embedded_settings):
    """/sys is a file system that nobody can write a file to, root included."""
    text = text_of_failure(embedded_settings(Path("/sys/kernel/meter")), Need.MLFLOW)
    assert "METER_HOME: /sys/kernel/meter cannot be written" in text


def test_the_port_is_taken(tmp_path, embedded_settings):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = text_of_failure(embedded_settings(tmp_path, mlflow_port=port), Need.MLFLOW)
    me = psutil.Process()
    assert f"MLflow cannot listen on 127.0.0.1:{port}" in text
    assert f"{me.name()} (pid {os.getpid()})" in text
    assert "METER_MLFLOW_PORT" in text


def test_one_failure_stops_what_started_beside_it(tmp_path, cluster_template, embedded_settings):
    shutil.copytree(cluster_template, tmp_path / "postgres")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        settings = embedded_settings(tmp_path, mlflow_port=holder.getsockname()[1])
        text = text_of_failure(settings, Need.POSTGRES, Need.MLFLOW)
    assert "MLflow cannot listen" in text
    assert running(settings) == []
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])]


def test_a_free_port_is_snatched_before_the_server_listens(tmp_path, embedded_settings, monkeypatch):
    """The server ends with «address in use»; where any port will do, the next one is tried."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        offered = iter([holder.getsockname()[1], any_free("127.0.0.1")])
        monkeypatch.setattr("meter_core.embedded.ports.any_free", lambda _: next(offered))
        settings = embedded_settings(tmp_path)
        monkeypatch.setitem(KINDS, Need.MLFLOW, TinyServer)
        with services(settings, {Need.MLFLOW}) as connections:
            answer = httpx.get(f"{connections.mlflow_tracking_uri}/", trust_env=False)
            assert answer.status_code == 200


class TinyServer(WebServer):
    """Stands for a server that takes long to start: Python's own, with the same life."""

    need = Need.MLFLOW
    title = "MLflow"
    port_setting = "mlflow_port"
    health_path = "/"

    def command(self, port: int | None) -> list[str]:
        return [sys.executable, "-m", "http.server", str(port), "--bind", self.host]


def test_a_server_that_dies_is_not_tried_again_and_again(tmp_path, embedded_settings, monkeypatch):
    class Dying(TinyServer):
        def command(self, port: int | None) -> list[str]:
            return [sys.executable, "-c", "print('out of luck'); raise SystemExit(1)"]

    monkeypatch.setitem(KINDS, Need.MLFLOW, Dying)
    text = text_of_failure(embedded_settings(tmp_path), Need.MLFLOW)
    log = tmp_path / "logs" / "mlflow.log"
    assert text == f"MLflow ended while it was starting. The end of its log, {log}:\n  out of luck"
    assert log.read_text() == "out of luck\n"


def test_an_unknown_address(tmp_path, embedded_settings):
    text = text_of_failure(embedded_settings(tmp_path, host="no.such.host.invalid", mlflow_port=5999), Need.MLFLOW)
    assert "METER_HOST is 'no.such.host.invalid'" in text


def test_services_that_are_set_from_outside_are_not_started(tmp_path, embedded_settings):
    settings = embedded_settings(
        tmp_path / "home",
        database_url=SecretStr("postgresql://u:secret@db.example/meter"),
        mlflow_tracking_uri="http://mlflow.example",
        prefect_api_url="http://prefect.example/api",
        files_url="s3://bucket/meter",
    )
    with services(settings, {Need.POSTGRES, Need.MLFLOW, Need.PREFECT}) as connections:
        environment = connections.environment()
        assert running(settings) == []
    assert not (tmp_path / "home").exists(), "nothing is embedded, so nothing is needed on this disk"
    assert "secret" not in repr(connections)
    assert environment["METER_DATABASE_URL"] == "postgresql://u:secret@db.example/meter"
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow.example"
    assert environment["PREFECT_API_URL"] == "http://prefect.example/api"
    assert environment["METER_FILES_URL"] == "s3://bucket/meter"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert connections.prefect_ui_url == "http://prefect.example"


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path, embedded_settings):
    settings = embedded_settings(tmp_path)
    main = threading.main_thread().ident

    def interrupt(text: str) -> None:
        import signal

        if "starting" in text:
            signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), services(settings, {Need.POSTGRES}, progress=interrupt):
        raise AssertionError("it went on")
    assert running(settings) == []
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])]
