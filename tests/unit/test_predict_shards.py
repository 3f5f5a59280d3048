"""Cutting meters into shards and joining what they wrote."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.predict import with_earlier
from meter_core.jobs.predict_shards import Shard, combined, cut, joined, keep_cut, kept_cut, shard_count, tidy


@given(st.integers(1, 200), st.integers(1, 60))
def test_every_meter_is_in_one_shard_and_their_order_stays(meters, count):
    known = [f"m{number:03d}" for number in range(meters)]
    shards = cut("a-run", known, min(meters, count))
    pieces = [[meter for meter in known if each.first <= meter <= each.last] for each in shards]
    assert [meter for piece in pieces for meter in piece] == known
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


@pytest.mark.parametrize(
    ("meters", "parallel", "count"),
    [(0, 4, 1), (1, 4, 1), (11, 4, 4), (2_000, 2, 2), (10_000, 2, 10), (10_000_000, 50, 10_000)],
)
def test_shards_are_no_more_than_meters_no_fewer_than_may_run_and_never_large(meters, parallel, count):
    assert shard_count(meters, parallel) == count


def test_parts_become_the_whole_under_one_header_and_go(tmp_path):
    out = str(tmp_path / "all.csv")
    parts = [Shard("a-run", number, 2, "a", "b").part(out, "7") for number in (1, 2)]
    for part, rows in zip(parts, ("a,1\nb,2\n", "c,3\n"), strict=True):
        (tmp_path / part).write_text("meter_id,kwh\n" + rows)
    joined(parts, out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("all.csv", "meter_id,kwh\na,1\nb,2\nc,3\n")
    ]


def test_a_run_cuts_once_and_leaves_what_other_runs_wrote(tmp_path):
    out = str(tmp_path / "all.csv")
    shards = cut("a-run", ["m1", "m2", "m3"], 2)
    assert kept_cut(out, "a-run") == []
    keep_cut(shards, out)
    assert kept_cut(out, "a-run") == shards
    mine, others = (Path(Shard(run, 1, 2, "m1", "m1").part(out, "7")) for run in ("a-run", "another"))
    for path in (mine, others):
        path.write_text("h\n")
    tidy(out, "a-run")
    assert list(tmp_path.iterdir()) == [others]


def test_of_no_meters_there_is_one_shard_without_any():
    assert cut("a-run", [], 1) == [Shard("a-run", 1, 1, "", "")]


def test_a_second_try_keeps_what_the_first_had_put_into_the_database(tmp_path):
    part = tmp_path / "part"
    rows = {"meter_id": ["007", "007"], "interval_minutes": 60, "reading_ts": ["T1", "T2"], "units_kwh": [0.1, 1 / 3]}
    first = pd.DataFrame({**rows, "status": None, "in_training": False, "model_version": "4"})
    assert with_earlier(first, str(part)) is first
    part.write_text(first.to_csv(index=False))
    assert with_earlier(pd.DataFrame(), str(part)).to_csv(index=False) == part.read_text()
    more = first.assign(reading_ts=["T2", "T3"], units_kwh=[9.0, 3.0])
    both = with_earlier(more, str(part))
    assert dict(zip(both["reading_ts"], both["units_kwh"], strict=True)) == {"T1": 0.1, "T2": 9.0, "T3": 3.0}


def test_a_part_that_is_missing_leaves_the_whole_as_it_was(tmp_path):
    out = tmp_path / "all.csv"
    out.write_text("before")
    with pytest.raises(UnavailableError, match="run it again"):
        joined([str(tmp_path / "gone")], str(out))
    assert out.read_text() == "before"


def test_the_whole_is_what_its_shards_are(tmp_path):
    part = tmp_path / "part"
    part.write_text("h\nx\n")
    empty = {"rows": 0, "min": None, "mean": None, "max": None, "in_training": 0, "out": None, "findings": []}
    some = {"rows": 3, "min": 0.1, "mean": 2.0, "max": 5.0, "in_training": 1, "out": str(part), "findings": ["f"]}
    whole = combined([{**empty, "model_version": "2"}, {**some, "model_version": "2"}], str(tmp_path / "out"))
    assert whole == {**some, "model_version": "2", "out": str(tmp_path / "out")}
    nothing = combined([empty, empty], str(tmp_path / "none"))
    assert (nothing["rows"], nothing["mean"], nothing["out"]) == (0, None, None)
