"""`meter keys`: a key is shown once, only its hash is kept, and the file is readable by its owner only."""

import hashlib
import json
import stat

import pytest
from typer.testing import CliRunner

from meter_core.cli.main import app
from meter_core.contracts.api_keys import read_keys
from meter_core.contracts.errors import UsageError


@pytest.fixture
def keys_file(tmp_path, monkeypatch):
    file = tmp_path / "folder" / "keys.json"
    monkeypatch.setenv("METER_API_KEYS_FILE", str(file))
    return file


def meter(*words):
    return CliRunner().invoke(app, ["keys", *words])


def test_a_key_is_shown_once_and_kept_as_a_hash(keys_file):
    made = json.loads(meter("add", "billing", "--meter", "M-1", "--meter", "M-2", "--json").stdout)
    assert made["key"] not in keys_file.read_text()
    (kept,) = read_keys(keys_file)
    assert kept.sha256 == hashlib.sha256(made["key"].encode()).hexdigest()
    assert (kept.name, kept.meters) == ("billing", ["M-1", "M-2"])
    assert stat.S_IMODE(keys_file.stat().st_mode) == 0o600


def test_no_two_keys_are_alike_and_each_can_be_taken_away(keys_file):
    keys = {json.loads(meter("add", name, "--json").stdout)["key"] for name in ("one", "two", "three")}
    assert len(keys) == 3
    assert meter("remove", "two").exit_code == 0
    listed = json.loads(meter("list", "--json").stdout)
    assert [key["name"] for key in listed["keys"]] == ["one", "three"]
    assert not any(key in meter("list").stdout for key in keys)


def test_a_name_that_is_taken_or_unknown_is_wrong_use(keys_file):
    meter("add", "one")
    again, unknown = meter("add", "one"), meter("remove", "two")
    assert (again.exit_code, unknown.exit_code) == (2, 2)
    assert "`meter keys remove one`" in again.stderr.replace("\n", "")
    assert "there are: one" in unknown.stderr


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"keys": 5}',
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a", "sha256": "00", "meters": null, "created_at": ""}]}',
        '{"keys": [{"name": "a", "sha256": 5, "meters": null, "created_at": ""}]}',
        '{"keys": [{"name": "a", "sha256": "' + "0" * 64 + '", "meters": [5], "created_at": ""}]}',
    ],
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, content):
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"keys\.json is no file of API keys .*meter keys add"):
        read_keys(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_keys(tmp_path / "none.json")
