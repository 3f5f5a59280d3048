"""What the embedded page is told."""

from pathlib import Path

from meter_core.embedded.connections import Connections
from meter_core.embedded.home import Home
from meter_core.embedded.page_server import PageServer
from meter_core.settings import Settings


def test_a_file_of_keys_is_that_of_the_callers_folder_though_the_service_runs_in_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=tmp_path / "home", grpc_port=0, api_keys_file=Path("keys.json"))
    server = PageServer(Home(settings.home, "0123"), settings, Connections(settings.home, settings.files_root))
    assert server.variables(1)["METER_API_KEYS_FILE"] == str(tmp_path / "keys.json")
    assert server.folder() != tmp_path
