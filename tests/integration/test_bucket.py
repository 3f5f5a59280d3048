"""All files in a bucket: what METER_FILES_URL=s3://... is, against a real S3 server and a real PostgreSQL."""

import fsspec
import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.completeness import completeness
from meter_core.jobs.inbox import ingest_inbox
from meter_core.jobs.ingest import ingest
from meter_core.jobs.raw_line import raw_line
from meter_core.jobs.retention import retain
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.model_world import new_database
from tests.integration.s3_server import s3_server

BUCKET = "readings"
HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz"
GOOD = [f"m1,2024-02-01T{hour:02}:00:00+00:00,60,1.{hour:02},230,20,0.9,1,50" for hour in range(24)]


@pytest.fixture(scope="module")
def settings(postgres, tmp_path_factory):
    """Of an installation without a folder for files: a bucket has them."""
    fsspec.filesystem("s3").clear_instance_cache()
    with s3_server(BUCKET) as reached, pytest.MonkeyPatch.context() as patch:
        for name, value in reached.items():
            patch.setenv(name, value)
        url = new_database(postgres, "test_bucket")
        Store(url).upgrade()
        yield Settings(home=tmp_path_factory.mktemp("home"), files_url=f"s3://{BUCKET}/meter", database_url=url)


@pytest.fixture(scope="module")
def files(settings):
    return fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)


@pytest.fixture(scope="module")
def ingested(settings, files):
    """The flow's job on an inbox in the bucket: a good file and a broken one."""
    files.pipe_file(f"{BUCKET}/meter/inbox/canonical/day.csv", "\n".join([HEADER, *GOOD, ""]).encode())
    files.pipe_file(f"{BUCKET}/meter/inbox/canonical/broken.csv", b"no,header\n1,2\n")
    return ingest_inbox(settings, settings.database_url, lambda _: None).as_dict()


def listed(files, folder):
    return sorted(path.removeprefix(f"{BUCKET}/meter/{folder}/") for path in files.find(f"{BUCKET}/meter/{folder}"))


def test_what_lies_in_the_bucket_is_loaded_and_leaves_the_inbox(ingested, settings, files):
    assert (ingested["rows"], ingested["loaded"]) == (24, 24)
    assert listed(files, "inbox") == []
    assert listed(files, "inbox_stopped") == ["canonical/broken.csv", "canonical/broken.csv.reason.txt"]
    assert Store(settings.database_url).freshness().loaded == 24


def test_the_delivery_is_kept_in_the_bucket_and_a_line_of_it_is_shown(ingested, settings, files):
    assert len(listed(files, "deliveries")) == 2, "the good one, and the broken one that was stopped"
    assert raw_line("day.csv:2", settings, settings.database_url).text.rstrip("\n") == GOOD[0]


def test_its_page_and_the_picture_of_completeness_stand_in_the_bucket(ingested, settings, files):
    assert ingested["data_docs"] == f"s3://{BUCKET}/meter/data_docs/index.html"
    completeness(None, None, settings, settings.database_url)
    assert {"index.html", "completeness/index.html"} <= set(listed(files, "data_docs"))


def test_the_same_again_is_all_duplicates_and_old_months_are_archived_there(ingested, settings, files, tmp_path):
    again = tmp_path / "day.csv"
    again.write_text("\n".join([HEADER, *GOOD, ""]))
    done = ingest([again], "canonical", None, settings, settings.database_url)
    assert done.as_dict()["duplicates"] == 24
    retain(4, "anna", "retention", settings, settings.database_url)
    assert "meter_reading_2024_02.csv.gz" in listed(files, "archive")
    assert Store(settings.database_url).freshness().newest_reading_ts is None


def test_a_bucket_that_is_away_is_told_and_tried_again(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    away = Settings(home=tmp_path, files_url="s3://elsewhere/meter")
    with pytest.raises(UnavailableError, match="elsewhere/meter cannot be reached") as told:
        ingest_inbox(away, "postgresql://127.0.0.1:9/none", print)
    assert "AWS_ENDPOINT_URL" in str(told.value)
