"""A file read in parts gives what it gives when it is read at once, wherever it is cut. All files are made up."""

import gzip
import random

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.sources import DeliveryReader, Profile, UnreadableDeliveryError, raw_lines, text_lines

AUTUMN = [f"2025-10-26 0{hour}:{minute:02}" for hour in (1, 2, 2, 3) for minute in (0, 30)]
"""Half hours of the night in which Paris has 02:00 to 03:00 twice."""
COLUMNS = {"meter_id": "m", "reading_ts": "t", "units_kwh": "e", "channel": "c", "available_ts": "a"}
PROFILE = Profile.model_validate({"name": "halves", "zone": "Europe/Paris", "interval_minutes": 30, "columns": COLUMNS})


def lines(order):
    """Two meters, two channels, with stamps that cannot be read, a repetition, and delivery times in the same night."""
    rows = [
        f"{meter},{stamp},{number / 8},{channel},{AUTUMN[(number * 3) % 8]}"
        for meter in ("A", "Zähler")
        for channel in ("import", "")
        for number, stamp in enumerate([*AUTUMN[:5], "oops", *AUTUMN[5:], "2025-10-27 00:00", *AUTUMN[2:4]])
    ]
    if order == "by time":
        rows.sort(key=lambda row: row.split(",")[1])
    if order == "newest first":
        rows.reverse()
    if order == "shuffled":
        random.Random(7).shuffle(rows)
    return ["m,t,e,c,a", *rows[:9], "too,few", "", *rows[9:]]


def read(path, encoding="utf-8"):
    reader = DeliveryReader(path, PROFILE.model_copy(update={"encoding": encoding}))
    parts = list(reader.parts())
    raw = {}
    for part in parts:
        lines = part.frame["line"].to_numpy()
        raw |= dict(zip(lines.tolist(), part.raw_lines(lines).to_pylist(), strict=True))
    told = (reader.lines, reader.first_line, reader.last_line, reader.file_digest, reader.findings)
    return pd.concat([part.frame for part in parts]).sort_index(), raw, told, len(parts)


@pytest.mark.parametrize("order", ["by meter", "by time", "newest first", "shuffled"])
@pytest.mark.parametrize("block", [40, 1000])
def test_parts_are_the_whole(tmp_path, monkeypatch, order, block):
    path = tmp_path / "night.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines(order)).encode()))
    whole, raw, told, _ = read(path)
    monkeypatch.setattr(text_lines, "BLOCK", block)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 5)
    pieced, raw_pieced, told_pieced, parts = read(path)
    assert parts > 3
    pd.testing.assert_frame_equal(pieced, whole)
    assert (raw_pieced, told_pieced) == (raw, told)
    assert raw == {number: text for number, text in enumerate(lines(order), 1) if text and number > 1}
    assert raw_lines(path, "utf-8", [2, 11]) == {number: lines(order)[number - 1] for number in (2, 11)}
    if order in ("by meter", "newest first"):
        assert pd.Timestamp("2025-10-26 01:30Z") in set(whole["reading_ts"])  # 02:30 CET, the second


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_parts_in_other_encodings_and_line_ends(tmp_path, monkeypatch, encoding, end):
    path = tmp_path / "night.csv"
    path.write_bytes((end.join(lines("by meter")) + end).encode(encoding))
    whole, raw, *_ = read(path, encoding)
    monkeypatch.setattr(text_lines, "BLOCK", 131)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 37)
    pieced, raw_pieced, *_ = read(path, encoding)
    pd.testing.assert_frame_equal(pieced, whole)
    assert raw_pieced == raw
    assert "Zähler" in set(whole["meter_id"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("\n".join(lines("by meter")).encode() + b"\nA\0", "line 52 has a zero byte"),
        (
            "\n".join(lines("by meter")).encode() + "\né".encode("latin-1"),
            "line 52 is not utf-8: byte 0xe9 at 2288;",
        ),
        (gzip.compress("\n".join(lines("by meter")).encode())[:-9], "breaks off in line 5"),
    ],
    ids=["zero byte", "encoding", "cut off"],
)
def test_a_fault_far_down_is_found_in_its_line(tmp_path, monkeypatch, content, words):
    path = tmp_path / "night.csv"
    path.write_bytes(content)
    monkeypatch.setattr(text_lines, "BLOCK", 100)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 50)
    with pytest.raises(UnreadableDeliveryError, match=words):
        read(path)


def test_the_memory_of_a_part_does_not_grow_with_the_file(tmp_path, monkeypatch):
    path = tmp_path / "night.csv"
    path.write_text("m,t,e,c,a\n" + "A,2025-01-01 00:00,1,,\n" * 5000)
    monkeypatch.setattr(text_lines, "BLOCK", 2300)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 100)
    sizes = [len(part.frame) for part in DeliveryReader(path, PROFILE).parts()]
    assert sum(sizes) == 5000
    assert max(sizes) <= 2 * np.median(sizes[:-1])


def test_a_line_that_is_not_there(tmp_path):
    path = tmp_path / "night.csv"
    path.write_text("m,t,e,c,a\n")
    with pytest.raises(UsageError, match=r"night\.csv has lines 1 to 1, not 7"):
        raw_lines(path, "utf-8", [7])
