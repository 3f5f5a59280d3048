"""Ingestion of real files: what is kept, loaded and accounted for, and every kind of bad input of the design."""

import gzip
import hashlib
from pathlib import Path

import pytest

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
from meter_core.store import COUNTS, Store
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.shipped_sample import SAMPLE

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

DEVELOPMENT = Path(__file__).parents[3] / "shared" / "data"
HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"


@pytest.fixture
def run(tmp_path, database_url):
    """Ingests files of this test's folder, and returns the JSON keys."""

    def call(*paths: Path, source: str = "canonical", zone: str | None = "Europe/Paris", **changes: object):
        settings = Settings(home=tmp_path / "home", database_url=database_url, **changes)
        result = ingest(list(paths), source, zone, settings, database_url)
        figures = result.as_dict()
        for part in (figures, *figures["files"]):
            assert part["rows"] == sum(part[name] for name in COUNTS[2:])
        assert figures["stopped"] == result.stopped_reason
        assert result.stopped == bool(result.stopped_reason)
        return figures

    return call


def counts(figures: dict) -> dict:
    return {name: figures[name] for name in COUNTS if figures[name]}


def canonical(folder: Path, name: str, broken: int = 0, rows: int = 100) -> Path:
    """Invented readings, the last ones with an energy that is no number."""
    path = folder / name
    lines = [
        f"m{number % 3},2024-02-{1 + number // 24:02}T{number % 24:02}:00:00+01:00,60,"
        f"{'broken' if number >= rows - broken else number / 8},230,,,,\n"
        for number in range(rows)
    ]
    path.write_text(HEADER + "".join(lines))
    return path


def kept_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home/files/deliveries").iterdir())


def test_the_shipped_file(run, database_url, tmp_path):
    figures = run(SAMPLE, source="uci_sceaux", zone=None)
    # 26,670 hours, of which spring skips three (shared data's README)
    assert counts(figures) == {"lines": 26_670, "rows": 26_670, "loaded": 26_667, "quarantined": 3}
    (file,) = figures["files"]
    assert (file["file"], file["stopped"], file["known"]) == (SAMPLE.name, None, False)
    assert Path(figures["data_docs"]).is_file()
    assert [path.read_bytes() for path in kept_files(tmp_path)] == [SAMPLE.read_bytes()]
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    kept = ask(database_url, "SELECT file_digest, kept_as, profile, zone, row_count FROM source_file")
    assert kept == [(digest, f"deliveries/{digest}.gz", "uci_sceaux", "Europe/Paris", 26_670)]
    missing = ask(database_url, "SELECT count(*) FROM meter_reading WHERE units_kwh IS NULL")
    with gzip.open(SAMPLE, "rt") as lines:
        energy = next(lines).strip().split(",").index("units_kwh")
        blank = sum(line.strip().split(",")[energy] == "" for line in lines)
    assert missing == [(blank,)]
    again = run(SAMPLE, source="uci_sceaux", zone=None)
    assert counts(again) == {"lines": 26_670, "rows": 26_670, "duplicates": 26_670}
    assert again["files"][0]["known"]


@pytest.mark.skipif(not DEVELOPMENT.is_dir(), reason="the development files are not beside the repository")
def test_the_file_with_the_temperature_completes_the_one_without(run, database_url):
    run(SAMPLE, source="uci_sceaux", zone=None)
    figures = run(DEVELOPMENT / SAMPLE.name, source="uci_sceaux", zone=None)
    assert counts(figures) == {"lines": 26_670, "rows": 26_670, "duplicates": 26_667, "quarantined": 3}
    with gzip.open(DEVELOPMENT / SAMPLE.name, "rt") as lines:
        header = next(lines).strip().split(",")
        place, stamp = header.index("temperature_c"), header.index("reading_ts")
        rows = [line.strip().split(",") for line in lines]
    skipped = ("2007-03-25T02", "2007-03-25 02", "2008-03-30T02", "2008-03-30 02", "2009-03-29T02", "2009-03-29 02")
    expected = sum(fields[place] != "" and not fields[stamp].startswith(skipped) for fields in rows)
    assert ask(database_url, "SELECT count(temperature_c) FROM meter_reading") == [(expected,)]


def test_a_plain_file_is_kept_compressed(run, tmp_path):
    path = canonical(tmp_path, "plain.csv")
    assert counts(run(path)) == {"lines": 100, "rows": 100, "loaded": 100}
    (kept,) = kept_files(tmp_path)
    assert kept.name == hashlib.sha256(path.read_bytes()).hexdigest() + ".gz"
    assert gzip.decompress(kept.read_bytes()) == path.read_bytes()


def test_one_percent_broken_rows_are_quarantined(run, tmp_path, database_url):
    figures = run(canonical(tmp_path, "some.csv", broken=1))
    assert counts(figures) == {"lines": 100, "rows": 100, "loaded": 99, "quarantined": 1}
    assert "bad_energy" in {finding["what"] for finding in figures["files"][0]["findings"]}
    kept = ask(database_url, "SELECT line_from, code, raw_line FROM quarantined_reading")
    assert kept == [(101, "bad_energy", "m0,2024-02-05T03:00:00+01:00,60,broken,230,,,,")]


def test_all_rows_broken_stop_the_delivery_and_a_higher_threshold_loads_it(run, tmp_path, database_url):
    path = canonical(tmp_path, "worse.csv", broken=30)
    figures = run(path)
    assert counts(figures) == {"lines": 100, "rows": 100, "quarantined": 100}
    assert "METER_STOP_ABOVE_SHARE" in figures["stopped"]
    ranges = "SELECT line_from, line_to, row_count, code FROM quarantined_reading WHERE resolved_at IS NULL"
    assert ask(database_url, ranges) == [(2, 101, 100, "delivery_stopped")]
    assert ask(database_url, "SELECT count(*) FROM meter_reading") == [(0,)]
    assert counts(run(path)) == counts(figures)
    assert counts(run(path, stop_above_share=0.5)) == {"lines": 100, "rows": 100, "loaded": 70, "quarantined": 30}
    assert [code for *_, code in ask(database_url, ranges)] == ["bad_energy"] * 30


def test_a_stopped_file_does_not_keep_the_others_out(run, tmp_path):
    good, bad = canonical(tmp_path, "good.csv"), tmp_path / "bad.csv"
    bad.write_text(HEADER + "".join(f"x,{n},60,broken,,,,,\n" for n in range(50)))
    figures = run(bad, good)
    assert counts(figures) == {"lines": 150, "rows": 150, "loaded": 100, "quarantined": 50}
    assert [bool(file["stopped"]) for file in figures["files"]] == [True, False]


BROKEN = {
    "empty": b"",
    "header only": HEADER.encode(),
    "binary": bytes(range(256)) * 40,
    "truncated gzip": gzip.compress(HEADER.encode() * 500)[:-30],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_read_is_stopped_and_kept(run, tmp_path, database_url, kind):
    path = tmp_path / "delivery.csv"
    path.write_bytes(BROKEN[kind])
    figures = run(path)
    assert counts(figures) == {}
    assert "delivery.csv" in figures["stopped"]
    assert figures["data_docs"] is None
    assert ask(database_url, "SELECT status, row_count FROM source_file") == [("stopped", 0)]
    assert ask(database_url, "SELECT code, line_from, raw_line FROM quarantined_reading") == [
        ("unreadable_delivery", 0, None)
    ]
    (kept,) = kept_files(tmp_path)
    assert BROKEN[kind] in (kept.read_bytes(), gzip.decompress(kept.read_bytes()) if kind != "truncated gzip" else b"")


@pytest.mark.parametrize(
    ("source", "zone", "said"),
    [
        ("no_such_profile", None, "no_such_profile"),
        ("uci_sceaux", None, "--source canonical"),
        ("canonical", "Europe/Atlantis", "Europe/Atlantis"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_recorded(run, tmp_path, database_url, source, zone, said):
    with pytest.raises(UsageError, match=said) as caught:
        run(canonical(tmp_path, "good.csv"), source=source, zone=zone)
    assert caught.value.exit_status == 2
    assert ask(database_url, "SELECT count(*) FROM source_file") == [(0,)]


def test_a_missing_file_is_told_before_anything_is_loaded(run, tmp_path, database_url):
    with pytest.raises(UsageError, match=r"nowhere\.csv"):
        run(canonical(tmp_path, "good.csv"), tmp_path / "nowhere.csv")
    assert ask(database_url, "SELECT count(*) FROM source_file") == [(0,)]


def test_another_zone_for_known_meters_stops_the_delivery(run, tmp_path, database_url):
    first, second = canonical(tmp_path, "first.csv", rows=30), canonical(tmp_path, "second.csv", rows=31)
    run(first)
    figures = run(second, zone="Asia/Kolkata")
    assert counts(figures) == {"lines": 31, "rows": 31, "quarantined": 31}
    assert "--zone Europe/Paris" in figures["stopped"]
    assert ask(database_url, "SELECT code FROM quarantined_reading") == [("zone_conflict",)]
    assert counts(run(second)) == {"lines": 31, "rows": 31, "loaded": 1, "duplicates": 30}


def test_a_new_database_gets_its_schema(run, store_server, tmp_path):
    url = store_server.new_database("untouched")
    settings = Settings(home=tmp_path / "home", database_url=url)
    result = ingest([canonical(tmp_path, "good.csv")], "canonical", "Europe/Paris", settings, url)
    assert result.as_dict()["loaded"] == 100
    assert len(Store(url).readings()) == 100


def test_files_may_be_kept_in_an_object_store(run, tmp_path):
    import fsspec

    path = canonical(tmp_path, "good.csv")
    figures = run(path, files_url="memory://bucket/meter")
    assert figures["loaded"] == 100
    memory = fsspec.filesystem("memory")
    (kept,) = memory.ls("/bucket/meter/deliveries", detail=False)
    assert gzip.decompress(memory.cat_file(kept)) == path.read_bytes()
    assert memory.exists(figures["data_docs"])


def test_a_place_that_cannot_be_written_is_named(run, tmp_path, database_url):
    (tmp_path / "a file").write_text("where a folder should be")
    with pytest.raises(UnavailableError, match="METER_FILES_URL") as caught:
        run(canonical(tmp_path, "good.csv"), files_url=str(tmp_path / "a file"))
    assert caught.value.exit_status == 3
    assert ask(database_url, "SELECT count(*) FROM source_file") == [(0,)]
