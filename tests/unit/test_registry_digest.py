"""Digest of a folder: equal for equal content, different for anything else."""

import hashlib

import pytest

from meter_core.contracts.errors import RefusedError
from meter_core.registry.digest import folder_digest, verify_folder


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_digest_by_hand(tmp_path):
    fill(tmp_path, {"b.json": b"{}", "a/x": b"1"})
    stream = b"\0" * 7 + b"\x03a/x" + b"\0" * 7 + b"\x011" + b"\0" * 7 + b"\x06b.json" + b"\0" * 7 + b"\x02{}"
    assert folder_digest(tmp_path) == "sha256:" + hashlib.sha256(stream).hexdigest()


@pytest.mark.parametrize(
    "other",
    [{"a": b"12", "b": b""}, {"a": b"1"}, {"a": b"1", "c": b"2"}, {"a": b"1", "d/b": b"2"}, {"a": b"", "b": b"12"}],
)
def test_any_difference_shows(tmp_path, other):
    one = fill(tmp_path / "one", {"a": b"1", "b": b"2"})
    assert folder_digest(one) == folder_digest(fill(tmp_path / "same", {"b": b"2", "a": b"1"}))
    assert folder_digest(one) != folder_digest(fill(tmp_path / "two", other))


def test_refusals_name_the_thing_and_the_remedy(tmp_path):
    one = fill(tmp_path / "one", {"a": b"1"})
    verify_folder(one, folder_digest(one), "m version 1")
    with pytest.raises(RefusedError, match=r"m version 1: .*meter rollback"):
        verify_folder(one, "sha256:" + "0" * 64, "m version 1")
    with pytest.raises(RefusedError, match="carries no predictor_digest"):
        verify_folder(one, None, "m version 1")
    with pytest.raises(RefusedError, match="holds no file"):
        folder_digest(tmp_path / "empty")
