"""JSON lines, Parquet and zstd give what CSV gives; what is broken in them is named. All files are made up."""

import datetime
import gzip
import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from meter_core.sources import (
    DeliveryReader,
    Profile,
    UnreadableDeliveryError,
    parquet_records,
    raw_lines,
    read_delivery,
    text_lines,
)

DECLARED = {
    "name": "hourly",
    "zone": "Europe/Paris",
    "interval_minutes": 60,
    "columns": {"meter_id": "m", "reading_ts": "t", "units_kwh": "e", "voltage_v": "v"},
    "quantities": {"voltage_v": "instant"},
}
STAMPS = [f"2025-10-26 0{hour}:00:00" for hour in (0, 1, 2, 2, 3)]
ENERGY = [0.1, 1e-7, None, 123456789.123, 0.30000000000000004]
VOLTS = [230, 231, None, 229, 230]


def profile(kind, **changes):
    return Profile.model_validate({**DECLARED, "format": kind, **changes})


def csv_text():
    rows = zip(STAMPS, ENERGY, VOLTS, strict=True)
    texts = [",".join(["Zähler", *("" if each is None else repr(each).strip("'") for each in row)]) for row in rows]
    return "\n".join(["m,t,e,v", *texts]) + "\n"


def json_text():
    rows = zip(STAMPS, ENERGY, VOLTS, strict=True)
    return "".join(json.dumps(dict(zip("mtev", ("Zähler", *row), strict=True))) + "\n" for row in rows)


def parquet_table():
    stamps = pa.array([datetime.datetime.fromisoformat(stamp) for stamp in STAMPS], pa.timestamp("ms"))
    ids = pa.array(["Zähler"] * 5).dictionary_encode()
    return pa.table({"m": ids, "t": stamps, "e": pa.array(ENERGY), "v": pa.array(VOLTS, pa.int16())})


def written(path, table, **options):
    parquet.write_table(table, path, **options)
    return path


def zstd(content):
    return pa.Codec("zstd").compress(content, asbytes=True)


def test_every_format_gives_the_same_readings(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text())
    (tmp_path / "a.jsonl").write_text(json_text())
    written(tmp_path / "a.parquet", parquet_table())
    expected = read_delivery(tmp_path / "a.csv", profile("csv"))
    assert expected.frame["units_kwh"].tolist()[1::3] == [1e-7, 0.30000000000000004]
    for kind in ("jsonl", "parquet"):
        delivery = read_delivery(tmp_path / f"a.{kind}", profile(kind))
        assert delivery.lines == 5
        assert delivery.frame["line"].tolist() == [1, 2, 3, 4, 5]
        pd.testing.assert_frame_equal(delivery.frame.drop(columns="line"), expected.frame.drop(columns="line"))
        assert delivery.file_digest == hashlib.sha256((tmp_path / f"a.{kind}").read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_in_parts_through_zstd_and_zstd_within_gzip(tmp_path, monkeypatch, kind):
    text = {"csv": csv_text(), "jsonl": json_text()}[kind]
    path = tmp_path / "night"
    path.write_text(text)
    whole = read_delivery(path, profile(kind)).frame
    monkeypatch.setattr(text_lines, "BLOCK", 60)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 7)
    half = len(text.encode()) // 2
    frames = zstd(text.encode()[:half]) + zstd(text.encode()[half:])
    for content in (frames, gzip.compress(frames)):
        path.write_bytes(content)
        reader = DeliveryReader(path, profile(kind))
        parts = [part.frame for part in reader.parts()]
        assert len(parts) > 2
        pd.testing.assert_frame_equal(pd.concat(parts).sort_index(), whole)
        assert reader.file_digest == hashlib.sha256(content).hexdigest()
        assert raw_lines(path, "utf-8", [3])[3] == text.split("\n")[2]


def test_parquet_in_parts_and_as_it_is_kept(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet", parquet_table(), row_group_size=3)
    whole = read_delivery(path, profile("parquet")).frame
    monkeypatch.setattr(parquet_records, "ROWS", 2)
    kept = tmp_path / "kept.gz"
    kept.write_bytes(gzip.compress(path.read_bytes()))
    for place in (path, kept):
        parts = list(DeliveryReader(place, profile("parquet")).parts())
        assert max(len(part.frame) for part in parts) <= 2
        pd.testing.assert_frame_equal(pd.concat([part.frame for part in parts]).sort_index(), whole)
        assert json.loads(parts[0].raw_lines(np.array([2]))[0].as_py())["e"] == 1e-7
        assert json.loads(raw_lines(place, "utf-8", [4])[4]) == {
            "m": "Zähler",
            "t": "2025-10-26 02:00:00",
            "e": 123456789.123,
            "v": 229,
        }


def test_instants_with_a_zone_in_parquet(tmp_path):
    table = parquet_table()
    zoned = table.set_column(1, "t", pa.array(range(5), pa.timestamp("ns", "Asia/Kolkata")))
    path = written(tmp_path / "a.parquet", zoned)
    frame = read_delivery(path, profile("parquet", stamp={"clock": "offset"})).frame
    assert frame["reading_ts"].iloc[0] == pd.Timestamp("1970-01-01", tz="UTC")
    with pytest.raises(UnreadableDeliveryError, match=r"'t' have a zone .*say `stamp: \{clock: offset\}`"):
        read_delivery(path, profile("parquet"))
    with pytest.raises(UnreadableDeliveryError, match=r"have no zone .*clock: local or utc"):
        read_delivery(written(path, table), profile("parquet", stamp={"clock": "offset"}))


def test_what_parquet_calls_no_number_is_missing_and_text_is_judged(tmp_path):
    table = pa.table(
        {"m": ["A"] * 3, "t": ["2025-01-01"] * 3, "e": [float("nan"), float("inf"), 2.5], "v": ["1", "x", "\0"]}
    )
    frame = read_delivery(written(tmp_path / "a.parquet", table), profile("parquet")).frame
    assert frame["code"].tolist() == [None, "bad_energy", None]
    assert np.isnan(frame["units_kwh"].iloc[0])
    assert frame["blanked"].iloc[1] == {"voltage_v": {"code": "not_a_number", "value": "x"}}
    assert frame["blanked"].iloc[2]["voltage_v"]["value"] == "\\0"


def test_names_with_dots_reach_into_json_objects(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"meter": {"id": 7}, "t": "2025-01-01", "reading": {"kwh": {"value": "1,5"}}}\n')
    columns = {"meter_id": "meter.id", "reading_ts": "t", "units_kwh": "reading.kwh.value"}
    frame = read_delivery(path, profile("jsonl", columns=columns, quantities={}, decimal=",")).frame
    assert frame.loc[0, ["meter_id", "units_kwh"]].tolist() == ["7", 1.5]


def test_lines_that_are_no_json_object_do_not_shift_the_others(tmp_path):
    good = '{"m":"A","t":"2025-01-01","e":1,"v":null}'
    lines = [
        good,
        good[:-1],
        "",
        "[1]",
        '{"m":"A\\ud800","t":"2025-01-01","e":[1],"v":true}',
        good.replace("1}", "NaN}"),
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    frame = read_delivery(path, profile("jsonl")).frame
    assert frame["line"].tolist() == [1, 2, 4, 5, 6]
    assert frame["code"].tolist() == [None, "not_json", "not_json", "bad_energy", None]
    assert frame["blanked"].iloc[3] == {"voltage_v": {"code": "not_a_number", "value": "true"}}
    assert raw_lines(path, "utf-8", [2])[2] == lines[1]


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("csv", zstd(csv_text().encode() * 9)[:-9], "is cut off: it breaks off in line 1;"),
        ("csv", zstd(b"")[:4] + b"\xff" * 40, "damaged zstd"),
        ("csv", b"PAR1rest", "a Parquet file; say `format: parquet`"),
        ("jsonl", csv_text().encode(), "no line that is a JSON object.*say `format: csv`"),
        ("jsonl", b'[{"m": 1}]', "no line that is a JSON object"),
        ("jsonl", b"", "is empty"),
        ("jsonl", b'{"m": 1, "t": 2, "v": 4}', "lacks e, .*its columns are 'm', 't', 'v'. Correct the profile, or"),
        ("parquet", csv_text().encode(), "is no Parquet file.*say `format: csv`"),
        ("parquet", b"PAR1 and nothing else", "damaged or cut off Parquet"),
    ],
    ids=range(9),
)
def test_a_file_that_is_broken_as_a_whole_is_refused_with_a_remedy(tmp_path, kind, content, words):
    path = tmp_path / "delivery"
    path.write_bytes(content)
    with pytest.raises(UnreadableDeliveryError, match=words):
        read_delivery(path, profile(kind))


def test_a_parquet_file_without_rows_or_with_lists_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UnreadableDeliveryError, match="has columns and no rows"):
        read_delivery(written(path, parquet_table().slice(0, 0)), profile("parquet"))
    lists = parquet_table().set_column(2, "e", pa.array([[1.0]] * 5))
    with pytest.raises(UnreadableDeliveryError, match="the column 'e' is list"):
        read_delivery(written(path, lists), profile("parquet"))
