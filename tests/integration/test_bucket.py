"""All files in a bucket: what METER_FILES_URL=s3://... is, against a real S3 server and a real PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.inbox import ingest_inbox
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.model_world import new_database
from tests.integration.s3_server import s3_server

BUCKET = "readings"
HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz"
GOOD = [f"m1,2024-02-01T{hour:02}:00:00+00:00,60,1.{hour:02},230,20,0.9,1,50" for hour in range(24)]


@pytest.fixture(scope="module")
def bucket(postgres, tmp_path_factory):
    """Environment of an installation without a folder for files, and its bucket."""
    fsspec.filesystem("s3").clear_instance_cache()
    with s3_server(BUCKET) as reached, pytest.MonkeyPatch.context() as patch:
        for name, value in reached.items():
            patch.setenv(name, value)
        known = {
            **os.environ,
            "METER_HOME": str(tmp_path_factory.mktemp("home")),
            "METER_FILES_URL": f"s3://{BUCKET}/meter",
            "METER_DATABASE_URL": new_database(postgres, "test_bucket"),
        }
        files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        yield known, files


@pytest.fixture(scope="module")
def ingested(bucket):
    """The flow's job on an inbox in the bucket: a good file and a broken one."""
    known, files = bucket
    files.pipe_file(f"{BUCKET}/meter/inbox/canonical/day.csv", "\n".join([HEADER, *GOOD, ""]).encode())
    files.pipe_file(f"{BUCKET}/meter/inbox/canonical/broken.csv", b"no,header\n1,2\n")
    assert meter(known, "db", "upgrade").returncode == 0
    settings = Settings(files_url=known["METER_FILES_URL"], database_url=known["METER_DATABASE_URL"])
    return ingest_inbox(settings, known["METER_DATABASE_URL"], lambda _: None).as_dict()


def meter(known, *arguments):
    command = [str(Path(sys.executable).with_name("meter")), *arguments, "--json"]
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False)


def listed(bucket, folder):
    files = bucket[1]
    return sorted(path.removeprefix(f"{BUCKET}/meter/{folder}/") for path in files.find(f"{BUCKET}/meter/{folder}"))


def test_what_lies_in_the_bucket_is_loaded_and_leaves_the_inbox(ingested, bucket):
    assert (ingested["rows"], ingested["loaded"]) == (24, 24)
    assert listed(bucket, "inbox") == []
    assert listed(bucket, "inbox_stopped") == ["canonical/broken.csv", "canonical/broken.csv.reason.txt"]
    assert Store(bucket[0]["METER_DATABASE_URL"]).freshness().loaded == 24


def test_the_delivery_is_kept_in_the_bucket_and_a_line_of_it_is_shown(ingested, bucket):
    assert len(listed(bucket, "deliveries")) == 2, "the good one, and the broken one that was stopped"
    shown = meter(bucket[0], "raw", "day.csv:2")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["text"].rstrip("\n") == GOOD[0]


def test_its_page_stands_in_the_bucket(ingested, bucket):
    assert ingested["data_docs"] == f"s3://{BUCKET}/meter/data_docs/index.html"
    assert "index.html" in listed(bucket, "data_docs")
    assert meter(bucket[0], "data", "completeness").returncode == 0
    assert any(path.startswith("completeness") for path in listed(bucket, "data_docs"))


def test_the_same_again_is_all_duplicates_and_old_months_are_archived_there(ingested, bucket, tmp_path):
    again = tmp_path / "day.csv"
    again.write_text("\n".join([HEADER, *GOOD, ""]))
    done = meter(bucket[0], "ingest", str(again), "--source", "canonical")
    assert json.loads(done.stdout)["duplicates"] == 24, done.stderr
    assert meter(bucket[0], "db", "archive", "--keep-months", "4").returncode == 0
    assert "meter_reading_2024_02.csv.gz" in listed(bucket, "archive")
    assert Store(bucket[0]["METER_DATABASE_URL"]).freshness().newest_reading_ts is None


def test_a_bucket_that_is_away_is_told_and_tried_again(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    away = Settings(home=tmp_path, files_url="s3://elsewhere/meter")
    with pytest.raises(UnavailableError, match="elsewhere/meter cannot be reached") as told:
        ingest_inbox(away, "postgresql://127.0.0.1:9/none", print)
    assert "AWS_ENDPOINT_URL" in str(told.value)
