"""The command line as a script uses it: exit status, one JSON object on stdout, and errors that name the remedy."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from meter_core.cli.main import app

HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"
ROW = (
    "CLI-1,2024-01-{day:02}T{hour:02}:00:00+00:00,60,0.5,230.0,5.0,0.95,0.5,50.0\n"  # synthetic: only its shape matters
)


@pytest.fixture
def home(tmp_path, monkeypatch, postgres) -> Path:
    """A home of its own on the session's PostgreSQL, and nothing else from outside."""
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "METER_FILES_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METER_DATABASE_URL", postgres)
    return tmp_path


def meter(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def rows(broken: int, whole: int) -> str:
    good = [ROW.format(day=n // 24 + 1, hour=n % 24) for n in range(whole)]
    bad = [
        ROW.format(day=n // 24 + 1, hour=n % 24).replace("0.5,230", "much,230") for n in range(whole, whole + broken)
    ]
    return HEADER + "".join(good + bad)


def delivery(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


BAD = {
    "empty.csv": (b"", 1, "empty"),
    "binary.csv": (bytes(range(256)) * 64, 1, "binary.csv"),
    "header.csv": (HEADER.encode(), 1, "header.csv"),
    "cut.csv.gz": (gzip.compress(rows(0, 200).encode())[:-40], 1, "cut.csv.gz"),
    "broken.csv": (rows(100, 0).encode(), 1, "broken.csv"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_delivery_that_cannot_be_used_is_stopped_and_says_which_file(home, name):
    content, status, said = BAD[name]
    done = meter("ingest", delivery(home, name, content), "--source", "canonical", "--zone", "UTC", "--json")
    assert done.exit_code == status, done.stderr
    answer = json.loads(done.stdout)
    assert answer.get("loaded", 0) == 0
    assert said in json.dumps(answer)


def test_wrong_use_is_exit_status_2_and_names_the_remedy(home):
    done = meter("ingest", home / "nowhere.csv", "--source", "canonical", "--json")
    assert (done.exit_code, "nowhere.csv" in json.loads(done.stdout)["error"]) == (2, True)
    done = meter("ingest", delivery(home, "a.csv", rows(0, 1)), "--source", "cannonical", "--json")
    assert done.exit_code == 2
    assert "canonical" in json.loads(done.stdout)["error"]
    assert meter("ingest", "--source", "canonical").exit_code == 2
    assert meter("no-such-command").exit_code == 2
    assert meter("backfill", "predict", "--from", "2009-02-01", "--until", "2009-01-01").exit_code == 2


def test_a_setting_that_cannot_be_is_named_and_its_value_is_not_shown(home, monkeypatch):
    monkeypatch.setenv("METER_PAGE_PORT", "not-a-port")
    done = meter("status", "--json")
    assert done.exit_code == 2
    error = json.loads(done.stdout)["error"]
    assert error.startswith("METER_PAGE_PORT: ")
    assert "integer" in error
    assert "not-a-port" not in error


def test_one_broken_row_in_a_hundred_is_quarantined_and_the_rest_loaded_once(home):
    path = delivery(home, "mostly.csv", rows(1, 99))
    first = json.loads(meter("ingest", path, "--source", "canonical", "--zone", "UTC", "--json").stdout)
    assert (first["rows"], first["loaded"], first["quarantined"]) == (100, 99, 1)
    assert Path(first["data_docs"]).is_file()
    again = json.loads(meter("ingest", path, "--source", "canonical", "--zone", "UTC", "--json").stdout)
    assert (again["rows"], again["loaded"], again["duplicates"]) == (100, 0, 100)


def test_what_cannot_be_reached_is_exit_status_3_without_the_password(home, monkeypatch):
    monkeypatch.setenv("METER_DATABASE_URL", "postgresql://meter:s3cret-word@127.0.0.1:9/meter")
    done = meter("ingest", delivery(home, "a.csv", rows(0, 2)), "--source", "canonical", "--zone", "UTC", "--json")
    assert done.exit_code == 3
    assert "127.0.0.1" in done.stdout
    assert "s3cret-word" not in done.output


def test_status_of_what_was_never_used_starts_and_writes_nothing(home, monkeypatch):
    monkeypatch.delenv("METER_DATABASE_URL")
    done = meter("status", "--json")
    assert done.exit_code == 0
    checks = json.loads(done.stdout)["checks"]
    assert {"postgres", "mlflow", "prefect", "page", "readings"} <= {check["where"] for check in checks}
    assert not (home / "home").exists()


def test_the_template_is_a_delivery(home):
    template = meter("sources", "template").stdout
    assert template.startswith(HEADER)
    done = meter("ingest", delivery(home, "template.csv", template), "--source", "canonical", "--zone", "Europe/Paris")
    assert done.exit_code == 0, done.output


def test_stdout_of_the_real_command_is_one_json_object(home):
    done = subprocess.run(
        [Path(sys.executable).with_name("meter"), "sources", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "uci_sceaux" in json.loads(done.stdout)["profiles"]


STARTS_A_CHILD = """
import subprocess, sys
from meter_core.cli.output import speaking
asked = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
with speaking(False):
    subprocess.run([sys.executable, "-c", asked], check=True)
"""


def test_what_is_started_in_the_background_can_still_be_stopped(tmp_path):
    script = tmp_path / "starts_a_child.py"
    script.write_text(STARTS_A_CHILD)
    in_background = ["sh", "-c", '"$0" "$1" & wait', sys.executable, str(script)]  # such a shell ignores SIGINT there
    assert subprocess.run(in_background, capture_output=True, text=True, check=True).stdout == "True\n"


COMMANDS = [
    "demo",
    "up",
    "serve",
    "status",
    "ingest",
    "sources",
    "db",
    "train",
    "predict",
    "backtest",
    "models",
    "promote",
    "raw",
    "quarantine",
    "data",
    "estimate",
    "erase",
]


@pytest.mark.parametrize("command", [*COMMANDS, "rollback"])
def test_help_comes_with_an_example(command):
    done = meter(command, "--help")
    assert done.exit_code == 0
    assert f"Example: meter {command}" in " ".join(done.stdout.split())
