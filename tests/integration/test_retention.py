"""Months are made ahead; old ones go to files that hold all that was in the tables, and out of the database."""

import csv
import gzip
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from meter_core.contracts.errors import RefusedError, UnavailableError, UsageError
from meter_core.jobs.raw_line import raw_line
from meter_core.jobs.replay import Fix, replay
from meter_core.jobs.retention import make_months, retain
from meter_core.settings import Settings
from meter_core.store import Store, retention
from meter_core.store.contest import METER_LOCK, lock
from tests.integration.postgres_server import WHEEL
from tests.integration.replay_world import World
from tests.integration.replay_world import row as line
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, standing

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

NOW = datetime(2024, 9, 20, tzinfo=UTC)
"""Four whole months before begins May: March and April, where the hand-made deliveries are, are old then."""


@pytest.fixture
def settings(tmp_path, database_url):
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def keep(settings, database_url):
    return lambda months=4, **about: retain(months, "anna", "retention", settings, database_url, now=NOW, **about)


def partitions(database_url: str) -> list[str]:
    listed = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
    return [name for (name,) in ask(database_url, listed)]


def read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def test_months_are_made_ahead_once_and_are_loaded_into(store: Store, database_url):
    made = ["meter_reading_2024_03", "meter_reading_2024_04", "prediction_2024_03", "prediction_2024_04"]
    assert make_months(1, database_url, datetime(2024, 3, 5, tzinfo=UTC)) == made
    assert make_months(1, database_url, datetime(2024, 3, 5, tzinfo=UTC)) == []
    deliver(store, "a", [row(hour, 1.0) for hour in range(4)])
    assert standing(store) == dict.fromkeys(range(4), 1.0)
    assert partitions(database_url) == made
    with pytest.raises(UsageError, match="0 to 120"):
        make_months(-1, database_url)


def test_old_months_go_to_files_whole_and_out_of_the_database(store: Store, database_url, keep, settings):
    deliver(store, "a", [row(0, 1.5), row(3, 2.5), row(24 * 60, 7.0), row(4, None, code="bad_energy")], raw={5: "x,y"})
    deliver(store, "b", [row(3, 3.5)])
    quarantine = "quarantined_reading"
    assert quarantine not in [each.table for each in keep(dry_run=True).archived], "it waits, and has just come"
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE quarantined_reading SET recorded_at = '2024-04-01Z'")
    assert quarantine not in [each.table for each in keep(dry_run=True).archived], "it waits"
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE quarantined_reading SET resolved_at = '2024-04-02Z', resolution = 'replayed'")
    asked = keep(dry_run=True)
    due = [("meter_reading_2024_03", 1), ("meter_reading_2024_04", 1)]
    due += [("meter_reading_history", 1), ("quarantined_reading", 1)]
    assert [(each.table, each.rows, each.file) for each in asked.archived] == [(*each, None) for each in due]
    assert len(partitions(database_url)) == 3
    done = keep()
    assert [(each.table, each.rows) for each in done.archived] == due
    assert partitions(database_url) == ["meter_reading_2024_05"]
    assert standing(store) == {24 * 60: 7.0}
    assert ask(database_url, "SELECT count(*) FROM meter_reading_history") == [(0,)]
    files = {each.table: read(Path(settings.files_root) / each.file) for each in done.archived}
    assert [(each["meter_id"], each["units_kwh"], each["line"]) for each in files["meter_reading_2024_04"]] == [
        ("m1", "3.5", "2")
    ]
    assert files["meter_reading_history"][0]["verdict"] == "superseded"
    assert files["quarantined_reading"][0]["raw_line"] == "x,y"
    told = ask(database_url, "SELECT who, evidence ->> 'rows' FROM intervention ORDER BY id")
    assert told == [("anna", "1")] * 4
    assert keep().archived == []


RESTORE = """
CREATE TABLE meter_reading_2024_04 (LIKE meter_reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
COPY meter_reading_2024_04 FROM STDIN (FORMAT csv, HEADER);
ALTER TABLE meter_reading ATTACH PARTITION meter_reading_2024_04
  FOR VALUES FROM ('2024-04-01 00:00Z') TO ('2024-05-01 00:00Z')
"""
"""As docs/ingestion.md says it."""


def test_a_month_comes_back_from_its_file(store: Store, database_url, keep, settings):
    deliver(store, "a", [row(hour, hour / 3, voltage_v=230.5) for hour in range(3, 30)])
    before = store.readings()
    (archived,) = keep().archived
    assert len(store.readings()) == 0
    make, copy, attach = RESTORE.split(";")
    with psycopg.connect(database_url) as connection:
        connection.execute(make)
        with gzip.open(Path(settings.files_root) / archived.file) as rows, connection.cursor().copy(copy) as stream:
            stream.write(rows.read())
        connection.execute(attach)
    assert store.readings().equals(before)


def test_what_comes_late_into_an_archived_month_gets_a_file_of_its_own(store: Store, database_url, keep, settings):
    deliver(store, "a", [row(0, 1.0)])
    first = keep().archived[0].file
    deliver(store, "b", [row(1, 2.0)])
    second = keep().archived[0].file
    assert (first, second) == ("archive/meter_reading_2024_03.csv.gz", "archive/meter_reading_2024_03-2.csv.gz")
    assert [each["units_kwh"] for name in (first, second) for each in read(Path(settings.files_root) / name)] == [
        "1",
        "2",
    ]


def test_a_run_that_broke_off_is_gone_on_with(store: Store, database_url, keep, settings, monkeypatch):
    deliver(store, "a", [row(0, 1.0)])

    def broken(*_: object) -> None:
        raise psycopg.OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(retention, "record", broken)
        with pytest.raises(UnavailableError):
            keep()
    assert standing(store) == {0: 1.0}
    assert keep().archived[0].rows == 1
    folder = Path(settings.files_root) / "archive"
    assert [path.name for path in folder.iterdir()] == ["meter_reading_2024_03.csv.gz"]


def test_a_month_that_somebody_reads_is_not_waited_for_without_end(store: Store, database_url, keep, monkeypatch):
    deliver(store, "a", [row(0, 1.0)])
    monkeypatch.setattr(retention, "DETACH_PATIENCE_S", 0.2)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM meter_reading")
        failed: list[BaseException] = []

        def archive() -> None:
            try:
                keep()
            except UnavailableError as error:
                failed.append(error)

        running = threading.Thread(target=archive)
        running.start()
        running.join(20)
    assert ["others were using the table" in str(error) for error in failed] == [True]
    assert standing(store) == {0: 1.0}


def test_the_file_and_its_name_are_on_disk_before_the_month_goes(store: Store, database_url, keep, monkeypatch):
    deliver(store, "a", [row(0, 1.0)])
    synced: list[tuple[bool, bool]] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), "meter_reading_2024_03" in partitions(database_url)))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    keep()
    assert synced == [(False, True), (True, True)]


def test_an_ingestion_is_not_waited_for_without_end(store: Store, database_url, keep, monkeypatch):
    deliver(store, "a", [row(0, 1.0)])
    monkeypatch.setattr(retention, "PATIENCE_S", 0.2)
    with psycopg.connect(database_url) as loading:
        lock(loading, METER_LOCK, [3])
        with pytest.raises(UnavailableError):
            keep()
    assert standing(store) == {0: 1.0}


def test_kept_files_move_along_and_old_deliveries_are_not_replayed(tmp_path, database_url, store_server):
    world = World(tmp_path, database_url)
    world.ingest(world.file("old.csv", line(0, 1)), world.profile())
    done = retain(4, "anna", "retention", world.settings, database_url, now=NOW)
    assert done.deliveries == 1
    assert raw_line("old.csv:2", world.settings, database_url).text == line(0, 1)
    with pytest.raises(RefusedError, match=r"begins before 2024-05-01"):
        replay("old.csv", Fix(world.profile("Wh"), None, None, "anna", "unit"), world.settings, database_url)
    assert ask(database_url, "SELECT kept_as FROM source_file")[0][0].startswith("archive/deliveries/")


def test_what_training_needs_is_not_archived(keep):
    with pytest.raises(UsageError, match="4 or more"):
        keep(3)
