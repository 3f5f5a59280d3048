"""A meter is erased: afterwards its id stands in no table, no file and no model; everybody else's data is untouched."""

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet
from typer.testing import CliRunner

from meter_core.cli.main import app
from meter_core.contracts.errors import RefusedError, UnavailableError, UsageError
from meter_core.jobs import erase as erasing
from meter_core.jobs.api_keys import add_key, known_keys
from meter_core.jobs.erase import erase
from meter_core.jobs.ingest import ingest
from meter_core.jobs.kept_deliveries import digest_of, keep, restored
from meter_core.jobs.models import promote
from meter_core.jobs.raw_line import raw_line
from meter_core.jobs.replay import Fix, replay
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData as Rows
from meter_core.models.fit import fit_predictor
from meter_core.models.predictor import Predictor
from meter_core.registry.delivery import deliver
from meter_core.registry.digest import folder_digest
from meter_core.registry.rest import Registry
from meter_core.registry.runs import TrainingData, TrainingRun, write_run
from meter_core.store import Store
from tests.integration.mlflow_server import shared_server
from tests.integration.model_world import MODEL, QUICK, new_world
from tests.integration.run_folders import fitted_model
from tests.shipped_sample import sample_table

ID, OTHER = "PT-0815", "PT-08151"
HEADER = "meter_id,reading_ts,interval_minutes,units_kwh,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"


def line(meter: str, hour: int, kwh: object = 1) -> str:
    return f"{meter},2024-02-01T{hour:02}:00:00+00:00,60,{kwh},230,,,,\n"


@pytest.fixture(scope="module")
def predictor():
    """A real one, whose only meter has another name."""
    fitted = fit_predictor(Rows.of(sample_table("2009-08-01", "2009-11-01")), recipes()["linear"]).predictor
    usual = fitted.usual
    both = replace(usual, meter_id=np.array([ID, OTHER]), meter_kw=np.repeat(usual.meter_kw, 2, axis=0))
    return replace(fitted, usual=both)


@pytest.fixture
def world(postgres, tmp_path):
    return new_world(postgres, tmp_path / "home", "test_erase")


def load(world, path: Path, text: str, packed: bool = False, profile: str = "canonical") -> None:
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    ingest([path], profile, "UTC", world.settings, world.connections.database_url)


def fill(world, folder: Path) -> None:
    """Put the meter everywhere: readings, history, quarantine, broken lines, a stopped file, predictions, keys."""
    good = [line(meter, hour) for meter in (ID, OTHER) for hour in range(10)]
    load(world, folder / "day.csv", HEADER + "".join(good) + line(ID, 11, -3) + f"{OTHER};torn;{ID}\n")
    load(world, folder / "fix.csv.gz", HEADER + line(ID, 1, 5) + line(OTHER, 1, 6), packed=True)
    zst = folder / "more.csv.zst"
    zst.write_bytes(pa.compress((HEADER + line(ID, 20) + line(OTHER, 20)).encode(), "zstd", asbytes=True))
    ingest([zst], "canonical", "UTC", world.settings, world.connections.database_url)
    load(world, folder / "bad.csv", HEADER + "".join(line(meter, h, "x") for meter in (ID, OTHER) for h in range(9)))
    load(world, folder / f"{ID}.csv", HEADER + line(ID, 12))
    columns = "{reading_ts: t, units_kwh: kwh}"
    own = folder / "own.yaml"
    own.write_text(
        f"name: own\ncolumns: {columns}\nmeter_id: {ID}\ninterval_minutes: 60\nstamp: {{clock: utc}}\nzone: UTC\n"
    )
    load(world, folder / "own.csv", "t,kwh\n2024-02-01 14:00,1\n", profile=str(own))
    predicted = Path(world.settings.files_root) / "predictions" / "meter_units_predictions.csv"
    predicted.parent.mkdir()
    predicted.write_text(f"meter_id,units_kwh\n{ID},1.5\n{OTHER},{1.5}\n")
    add_key("billing", [ID, OTHER], world.settings)
    add_key("owner", [ID], world.settings)
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO topology VALUES ('feeder 1', %s, now()), (%s, 'feeder 1', now())", [OTHER, ID])
        connection.execute("INSERT INTO meter_installation VALUES (%s, now(), NULL, 'device', 1, 6)", [ID])
    run = world.store.start_prediction_run("reading", MODEL, "1", "sha256:0")
    frame = world.store.readings(meters=[ID, OTHER]).head(12)
    frame = frame.assign(origin_ts=frame["reading_ts"], low_kwh=0.0, high_kwh=9.0, horizon_minutes=60)
    archive = Path(world.settings.files_root) / "archive"
    archive.mkdir()
    with gzip.open(archive / "quarantined_reading_before_2020_01.csv.gz", "wt") as old:
        old.write(f'meter_id,raw_line\n{ID},x\n,"torn {ID}"\n{OTHER},y\n')
    world.store.insert_predictions(run, frame.assign(in_training=False, status="Normal", basis="meter"))


def register(world, folder: Path, predictor: Predictor, number: int) -> str:
    """Register a version as training does."""
    folder = folder / f"run-{number}"
    fitted_model(folder / "model")
    predictor.save(folder / "model" / "predictor")
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "card.md").write_text("a card")
    data = TrainingData("meter_reading", "sha256:" + "ab" * 32, "2008-01-01", "2009-01-01", 300)
    tags = {"predictor_digest": folder_digest(folder / "model" / "predictor"), "recipe": "linear", "promoted": "no"}
    about = {"params": {"alpha": "1"}, "metrics": {"rmse": 0.5}, "tags": {"task": "reading"}, "version_tags": tags}
    write_run(folder, TrainingRun(folder.name, "erasing", MODEL, 1_700_000_000_000, 1_700_000_005_000, data, **about))
    return deliver(folder, world.connections.mlflow_tracking_uri, QUICK).version


def named(world, *also: Path) -> list[str]:
    """Every table's rows and every file, unpacked, in which the id stands."""
    found = []
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        tables = (
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        for (table,) in connection.execute(tables).fetchall():
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            found += [f"{table}: {row}" for (row,) in rows if is_named(row.encode())]
    for root in (world.settings.home, *also):
        for path in filter(Path.is_file, root.rglob("*")):
            content = path.read_bytes()
            unpacked = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
            if is_named(unpacked) or is_named(unpacked.decode("utf-8", "ignore").replace("\0", "").encode()):
                found.append(str(path))
            if is_named(path.name.encode()):
                found.append(f"name of {path}")
    return found


def is_named(content: bytes) -> bool:
    return ID.encode() in content.replace(OTHER.encode(), b"")


def test_erased_everywhere_and_nobody_else(world, tmp_path, predictor):
    fill(world, tmp_path)
    first, second = (register(world, tmp_path, predictor, number) for number in (1, 2))
    promote(second, "anna", "the better one", world.settings, world.connections)
    assert len(named(world)) > 10
    others = world.store.readings(meters=[OTHER])
    done = erase(ID, "anna", "request 7", world.settings, world.connections)
    tables = {"meter_reading": 13, "meter_reading_history": 1, "meter": 1, "topology": 1, "meter_installation": 1}
    assert {name: done.tables[name] for name in tables} == tables
    assert done.tables["prediction"] == 12
    assert (done.files, done.dropped, done.predictions, done.archive, done.keys) == (5, 1, 1, 2, 2)
    assert named(world, shared_server().folder) == []
    assert world.store.readings(meters=[OTHER]).equals(others)
    assert [list(key.meters) for key in known_keys(world.settings)] == [[OTHER], []]
    told = "SELECT who, why FROM intervention WHERE action = 'erased'"
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        assert connection.execute(told).fetchall() == [("anna", "request 7")]
    check_models(world, tmp_path, predictor, {first, second})
    check_files(world)
    again = erase(ID, "anna", "request 7", world.settings, world.connections)
    assert again.nothing


def check_models(world, folder: Path, predictor: Predictor, gone: set[str]) -> None:
    """A champion predicts as before, and knows the other meter alone."""
    versions = world.versions()
    assert not gone & set(versions)
    with Registry(world.connections.mlflow_tracking_uri, MODEL) as registry:
        champion = registry.champion()
        assert champion is not None
        fresh = Predictor.load(registry.fetch(champion, folder / "copies"))
    assert fresh.usual.meter_id.tolist() == [OTHER]
    kept = replace(predictor, usual=fresh.usual)
    kept.save(folder / "expected")
    assert folder_digest(folder / "expected") == champion.predictor_digest
    newest = world.store.promotions(MODEL)[0]
    assert (newest["model_version"], newest["predictor_digest"]) == (champion.version, champion.predictor_digest)
    assert ID not in newest["why"]


def check_files(world) -> None:
    """Kept files go on being found by their lines, and are replayed without the meter."""
    url = world.connections.database_url
    assert raw_line("day.csv:13", world.settings, url).text == line(OTHER, 1).strip()
    assert raw_line("day.csv:3", world.settings, url).text == ""
    done = replay("day.csv", Fix(None, None, None, "anna", "again"), world.settings, url)
    assert (done.counts.rows, done.counts.quarantined) == (10, 0)
    assert set(world.store.readings()["meter_id"]) == {OTHER}


def test_what_broke_off_is_finished_by_the_next(world, tmp_path, monkeypatch):
    load(world, tmp_path / "day.csv", HEADER + line(ID, 1) + line(OTHER, 1))

    def away(*_: object) -> None:
        raise UnavailableError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(erasing.store_of(world.connections, world.settings).__class__, "erase_meter", away)
        with pytest.raises(UnavailableError):
            erase(ID, "anna", "request 7", world.settings, world.connections)
    assert [name for name in named(world) if "deliveries" in name] == []
    assert erase(ID, "anna", "request 7", world.settings, world.connections).tables["meter_reading"] == 1
    assert named(world) == []
    assert raw_line("day.csv:3", world.settings, world.connections.database_url).text == line(OTHER, 1).strip()
    left = [path.name for path in (Path(world.settings.files_root) / "deliveries").iterdir()]
    assert all(name.endswith(".gz") for name in left)


def test_the_reason_may_not_name_the_meter(world):
    with pytest.raises(UsageError, match="without the meter's id"):
        erase(ID, "anna", f"{ID} asked for it", world.settings, world.connections)


def test_nothing_is_erased_unless_somebody_says_yes(world, monkeypatch):
    monkeypatch.setenv("METER_HOME", str(world.settings.home))
    monkeypatch.setenv("METER_DATABASE_URL", world.connections.database_url.get_secret_value())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.connections.mlflow_tracking_uri)
    monkeypatch.delenv("METER_FILES_URL", raising=False)
    refused = CliRunner().invoke(app, ["erase", ID, "--why", "request 7", "--json"])
    assert (refused.exit_code, "--yes" in json.loads(refused.stdout)["error"]) == (2, True)
    done = CliRunner().invoke(app, ["erase", ID, "--why", "request 7", "--yes", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["nothing"]) == (0, True)


def test_files_whose_lines_cannot_be_emptied_are_kept_no_more(world, tmp_path):
    read = {"columns": {"meter_id": "m", "reading_ts": "t", "units_kwh": "e"}, "interval_minutes": 60, "zone": "UTC"}
    stamps = {ID: "2024-03-01 00:00", OTHER: "2024-03-01 00:00"}
    table = pa.table({"m": list(stamps), "t": list(stamps.values()), "e": [1.0, 2.0]})
    parquet.write_table(table, tmp_path / "day.parquet")
    csv = "m,t,e\n" + "".join(f"{meter},{stamp},3\n" for meter, stamp in stamps.items())
    (tmp_path / "day.csv.zst").write_bytes(pa.Codec("zstd").compress(csv.encode(), asbytes=True))
    records = [{"m": meter, "t": stamp, "e": 4} for meter, stamp in stamps.items()]
    (tmp_path / "day.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    for name, form in (("day.parquet", "parquet"), ("day.csv.zst", "csv"), ("day.jsonl", "jsonl")):
        source = tmp_path / f"{form}.yaml"
        source.write_text(yaml.safe_dump({"name": form, "format": form, **read}))
        result = ingest([tmp_path / name], str(source), None, world.settings, world.connections.database_url)
        assert result.as_dict()["rows"] == 2
    reading = "<timePeriod><duration>3600</duration><start>{}</start></timePeriod><value>5</value>"
    blocks = "\n".join(
        f'<entry>\n<link rel="self" href="/UsagePoint/{meter}/MeterReading/1/IntervalBlock/1"/>\n<IntervalBlock>\n'
        f"<IntervalReading>{reading.format(1709200000 - 1709200000 % 3600)}</IntervalReading></IntervalBlock></entry>"
        for meter in stamps
    )
    kind = "<entry><ReadingType><uom>72</uom></ReadingType></entry>"
    (tmp_path / "day.xml").write_text(f"<?xml version='1.0'?>\n<feed>\n{kind}{blocks}</feed>")
    ingest([tmp_path / "day.xml"], "green_button", "UTC", world.settings, world.connections.database_url)
    erased = erase(ID, "anna", "request 8", world.settings, world.connections)
    assert (erased.files, erased.dropped) == (2, 2), "Parquet and XML have no lines that could be emptied"
    assert named(world) == []
    left = raw_line("day.jsonl:2", world.settings, world.connections.database_url)
    assert json.loads(left.text) == records[1]


def test_a_file_that_comes_again_after_an_erasure_is_kept_whole_and_can_be_replayed(world, tmp_path):
    """In another zone it is another delivery; what is kept of the first lacks the erased meter's lines."""
    day, url = tmp_path / "day.csv", world.connections.database_url
    day.write_text(HEADER + "".join(line(meter, hour) for meter in (ID, OTHER) for hour in range(10)))
    ingest([day], "canonical", None, world.settings, url)
    erase(ID, "anna", "asked for", world.settings, world.connections)
    again = ingest([day], "canonical", "Europe/Paris", world.settings, url)
    assert (again.as_dict()["loaded"], again.as_dict()["duplicates"]) == (10, 10)
    first, second = world.store.deliveries()
    with restored(second, world.settings.files_root) as kept:
        assert kept.read_bytes() == day.read_bytes()
    for delivery in (first, second):
        fix = Fix(source=None, zone=None, stop_above=None, who="anna", why="again")
        replay(str(delivery.id), fix, world.settings, url)
    assert sorted(set(world.store.readings()["meter_id"])) == [ID, OTHER]
    assert len(world.store.readings()) == 20


def test_a_short_id_takes_nothing_that_only_contains_it(world, tmp_path):
    source = tmp_path / "mine.yaml"
    source.write_text(
        "name: mine\ncolumns: {meter_id: m, reading_ts: t, units_kwh: e}\ninterval_minutes: 60\nzone: UTC\n"
    )
    rows = [f"{meter},2024-02-17T{hour:02}:00:00,1\n" for meter in ("17", "170") for hour in range(9)]
    load(world, tmp_path / "day-2024-02-17.csv", "m,t,e\n" + "".join(rows) + "170;torn\n", profile=str(source))
    (before,), waiting = world.store.deliveries(), world.store.quarantined_rows()
    assert [each["raw_line"] for each in waiting] == ["170;torn"]
    done = erase("17", "anna", "request of 2017", world.settings, world.connections)
    assert (done.tables["meter_reading"], done.files) == (9, 1)
    (after,) = world.store.deliveries()
    assert (after.file_name, after.declared) == (before.file_name, before.declared)
    assert world.store.quarantined_rows() == waiting
    assert set(world.store.readings()["meter_id"]) == {"170"}


def test_where_the_profile_is_not_known_any_more_the_bytes_are_searched(world, tmp_path):
    load(world, tmp_path / "mine.csv", HEADER + line(ID, 1) + line(OTHER, 1))
    load(world, tmp_path / "others.csv", HEADER + line(OTHER, 2))
    with psycopg.connect(world.connections.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE source_file SET declared = NULL, profile_digest = 'of another version' || id")
    done = erase(ID, "anna", "request 9", world.settings, world.connections)
    assert (done.files, done.dropped, named(world)) == (0, 1, [])
    assert [each.kept_as is None for each in world.store.deliveries()] == [True, False]


def test_what_is_delivered_while_it_is_erased_is_erased_too(world, tmp_path, monkeypatch):
    load(world, tmp_path / "day.csv", HEADER + line(ID, 1) + line(OTHER, 1))
    rewritten = erasing._rewritten

    def deliver_meanwhile(*about):
        monkeypatch.setattr(erasing, "_rewritten", rewritten)
        load(world, tmp_path / "next.csv", HEADER + line(ID, 2) + line(OTHER, 2))
        return rewritten(*about)

    monkeypatch.setattr(erasing, "_rewritten", deliver_meanwhile)
    done = erase(ID, "anna", "request 10", world.settings, world.connections)
    assert (done.tables["meter_reading"], done.files, named(world)) == (2, 2, [])
    replay("next.csv", Fix(None, None, None, "anna", "again"), world.settings, world.connections.database_url)
    assert named(world) == []


def test_a_replay_that_had_begun_does_not_bring_an_erased_meter_back(world, tmp_path, monkeypatch):
    load(world, tmp_path / "day.csv", HEADER + line(ID, 1) + line(OTHER, 1))
    rewriting = Store.rewriting

    def erase_before(store):
        monkeypatch.setattr(Store, "rewriting", rewriting)
        erase(ID, "anna", "request 11", world.settings, world.connections)
        return rewriting(store)

    monkeypatch.setattr(Store, "rewriting", erase_before)
    with pytest.raises(RefusedError, match="run it again"):
        replay("day.csv", Fix(None, None, None, "anna", "again"), world.settings, world.connections.database_url)
    assert named(world) == []


def test_a_kept_file_of_a_killed_ingestion_goes_once_it_is_sure_that_nobody_loads_it(world, tmp_path):
    for name, meter in (("mine.csv", ID), ("others.csv", OTHER)):
        path = tmp_path / name
        path.write_text(HEADER + line(meter, 1))
        keep(path, digest_of(path), world.settings.files_root)
    with pytest.raises(UnavailableError, match="in an hour"):
        erase(ID, "anna", "request 12", world.settings, world.connections)
    kept = list((Path(world.settings.files_root) / "deliveries").glob("*.gz"))
    for path in kept:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert erase(ID, "anna", "request 12", world.settings, world.connections).dropped == 1
    assert (len(kept), sum(path.exists() for path in kept), named(world)) == (2, 1, [])
