"""A meter's id is found as a whole word, in text and in bytes, and never inside another."""

import gzip
import re

import pytest

from meter_core.contracts.naming import names
from meter_core.jobs import kept_lines

NAMED = ["17,1", "a 17", '"17"', "17.csv", "x;17;y"]
OTHERS = ["170,1", "M-17,1", "day-2024-02-17.csv", "17-b", "117", "1_17"]


def test_only_a_whole_word_names_a_meter():
    assert [text for text in NAMED + OTHERS if names("17").search(text)] == NAMED
    assert names("a.b").search("axb") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_bytes_name_a_meter_wherever_it_stands(tmp_path, encoding):
    path = tmp_path / "delivery"
    for text in NAMED + OTHERS:
        path.write_bytes(gzip.compress(f"m,x\n{text}\n".encode(encoding)))
        assert kept_lines.holds("17", path, encoding) == (text in NAMED), text
    path.write_bytes("17".encode(encoding))
    assert kept_lines.holds("17", path, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_edge_of_a_piece_is_no_edge_of_a_word(monkeypatch, tmp_path, encoding):
    path = tmp_path / "delivery"
    path.write_bytes(b"x")
    for text in ("....17....", "....170...", "...M-17..."):
        content = text.encode(encoding)
        for cut in range(1, len(content)):
            pieces = [content[:cut], content[cut:]]
            monkeypatch.setattr(
                kept_lines, "DeliveredBytes", lambda _, pieces=pieces: type("Cut", (), {"unpacked": lambda _: pieces})()
            )
            assert kept_lines.holds("17", path) == bool(re.search(r"\.17\.", text)), (text, cut)
