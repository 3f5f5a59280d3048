"""Ingestion in many small parts: what only the whole file shows is found, and the accounting is that of one part."""

from collections import Counter
from pathlib import Path

import pytest

from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
from meter_core.sources import text_lines
from meter_core.store import COUNTS
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.test_ingest_files import HEADER

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)


@pytest.fixture
def run(tmp_path, database_url, monkeypatch):
    """Ingests a file, in parts of a few lines or at once."""

    def call(path: Path, in_parts: bool = True, **changes: object) -> dict:
        with monkeypatch.context() as patch:
            if in_parts:
                patch.setattr(text_lines, "BLOCK", 500)
                patch.setattr("meter_core.sources.unpacking.PIECE", 100)
            settings = Settings(home=tmp_path / "home", database_url=database_url, **changes)
            figures = ingest([path], "canonical", "Europe/Paris", settings, database_url).as_dict()
        assert figures["rows"] == sum(figures[name] for name in COUNTS[2:])
        return figures

    return call


def line(hour: int, kwh: object = 1, meter: str = "m1") -> str:
    return f"{meter},2024-02-{1 + hour // 24:02}T{hour % 24:02}:00:00+00:00,60,{kwh},230,,,,\n"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "delivery.csv"
    path.write_text(HEADER + "".join(lines))
    return path


def parts(figures: dict) -> dict:
    return {name: figures[name] for name in COUNTS[2:] if figures[name]}


def codes(database_url: str) -> list:
    return ask(
        database_url,
        "SELECT line_from, code, raw_line FROM quarantined_reading WHERE resolved_at IS NULL ORDER BY line_from",
    )


def test_values_that_differ_far_apart_are_all_quarantined_with_their_lines(run, tmp_path, database_url):
    day = [line(hour) for hour in range(96)]
    path = written(tmp_path, line(5, 2), line(6), line(7, 7), line(7, 8), *day)
    figures = run(path)
    # hour 5: 2 and 1; hour 6: 1 and 1; hour 7: 7 and 8 in one part, 1 in another
    assert parts(figures) == {"loaded": 94, "duplicates": 1, "quarantined": 5}
    assert codes(database_url) == [
        (2, "conflicting_in_file", line(5, 2).strip()),
        (4, "conflicting_in_file", line(7, 7).strip()),
        (5, "conflicting_in_file", line(7, 8).strip()),
        (11, "conflicting_in_file", line(5).strip()),
        (13, "conflicting_in_file", line(7).strip()),
    ]
    (finding,) = [each for each in figures["files"][0]["findings"] if each["what"] == "conflicting_in_file"]
    assert (finding["evidence"]["count"], finding["evidence"]["lines"]) == (5, [2, 4, 5, 11, 13])
    assert "Accepted, 5 of 100 values quarantined" in Path(figures["data_docs"]).read_text()
    assert ask(database_url, "SELECT count(*), sum(units_kwh) FROM meter_reading") == [(94, 94)]


def test_a_month_that_stands_is_treated_like_a_new_one(run, tmp_path, database_url):
    run(written(tmp_path, line(200)))
    path = written(tmp_path, line(5, 2), line(6), line(7, 7), line(7, 8), *(line(hour) for hour in range(96)))
    assert parts(run(path)) == {"loaded": 94, "duplicates": 1, "quarantined": 5}
    assert Counter(code for _, code, _ in codes(database_url)) == {"conflicting_in_file": 5}


def test_conflicts_far_apart_can_stop_a_delivery(run, tmp_path, database_url):
    path = written(tmp_path, *(line(hour) for hour in range(50)), *(line(hour, 2) for hour in range(10)))
    figures = run(path)
    assert parts(figures) == {"quarantined": 60}
    assert "20 of 60 values" in figures["stopped"]
    assert "conflicting_in_file, the first in line 2" in figures["stopped"]
    assert codes(database_url) == [(2, "delivery_stopped", None)]
    assert ask(database_url, "SELECT count(*) FROM meter_reading") == [(0,)]
    assert parts(run(path, stop_above_share=0.5)) == {"loaded": 40, "quarantined": 20}


def test_a_fault_at_the_end_undoes_all_that_was_on_its_way(run, tmp_path, database_url):
    path = written(tmp_path, *(line(hour) for hour in range(96)))
    path.write_bytes(path.read_bytes() + b"m1,\0")
    figures = run(path)
    assert "line 98 has a zero byte" in figures["stopped"]
    assert parts(figures) == {}
    tables = "SELECT relname FROM pg_class WHERE relname LIKE 'landed%' OR relname LIKE 'meter_reading_20%'"
    assert ask(database_url, tables) == []


def test_another_interval_far_down_is_quarantined_with_its_line(run, tmp_path, database_url):
    run(written(tmp_path, line(50)))
    day = line(50, 3).replace(",60,", ",1440,")
    assert parts(run(written(tmp_path, *(line(hour) for hour in range(48)), day))) == {"loaded": 48, "quarantined": 1}
    assert codes(database_url) == [(50, "interval_conflict", day.strip())]
