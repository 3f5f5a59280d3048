"""What is known of readings: as they were at an instant, and whether there is enough of them for training."""

import csv
import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from meter_core.cli.main import app
from meter_core.contracts.errors import UsageError
from meter_core.jobs.known_readings import Asked, known_readings
from meter_core.jobs.sufficiency import DAYS, sufficiency
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, ts

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)


def test_as_known_gives_late_and_corrected_values_when_they_were_known(store: Store, database_url):
    deliver(store, "first", [row(0, 1.0, known=1, quality="estimated"), row(1, 1.1, known=2)])
    deliver(store, "corrected", [row(0, 2.0, known=10)])
    deliver(store, "late", [row(2, 3.0, known=30), row(1, 9.0, known=1)])
    known = {
        hour: [(each["units_kwh"], each["quality"]) for each in known_readings(at(hour), None, database_url).shown(9)]
        for hour in (0, 1, 2, 10, 30)
    }
    assert known == {
        0: [],
        1: [(1.0, "estimated"), (9.0, "measured")],
        2: [(1.0, "estimated"), (1.1, "measured")],
        10: [(2.0, "measured"), (1.1, "measured")],
        30: [(2.0, "measured"), (1.1, "measured"), (3.0, "measured")],
    }
    for hour, expected in known.items():
        found = ask(database_url, "SELECT units_kwh, quality FROM readings_as_known(%s) ORDER BY reading_ts", ts(hour))
        assert found == expected


def at(hour: int) -> Asked:
    return Asked(as_known_at=ts(hour).to_pydatetime())


def test_as_stored_is_the_other_clock(store: Store, database_url):
    deliver(store, "a", [row(0, 1.0)])
    (stored,) = ask(database_url, "SELECT recorded_at FROM source_file")[0]
    deliver(store, "b", [row(0, 2.0, known=0)])  # known before the first, stored after it
    assert [each["units_kwh"] for each in known_readings(Asked(), None, database_url).shown(9)] == [1.0]
    deliver(store, "c", [row(0, 3.0, known=1)])
    assert [each["units_kwh"] for each in known_readings(Asked(), None, database_url).shown(9)] == [3.0]
    then = known_readings(Asked(as_stored_at=stored), None, database_url)
    assert [each["units_kwh"] for each in then.shown(9)] == [1.0]


def test_readings_go_to_a_file_and_unknown_meters_are_named(store: Store, database_url, tmp_path):
    deliver(store, "a", [row(0, 1.0), row(1, None), row(2, 5.0, meter_id="m2")])
    out = tmp_path / "new folder" / "known.csv"
    told = known_readings(Asked(meters=["m1"]), out, database_url).as_dict()
    assert (told["rows"], told["out"], told["readings"]) == (2, str(out), [])
    with out.open(newline="") as lines:
        assert [(each["reading_ts"], each["units_kwh"]) for each in csv.DictReader(lines)] == [
            ("2024-03-31T22:00:00Z", "1.0"),
            ("2024-03-31T23:00:00Z", ""),
        ]
    with pytest.raises(UsageError, match="no reading of m3"):
        known_readings(Asked(meters=["m3"]), None, database_url)
    assert json.dumps(known_readings(Asked(), None, database_url).as_dict())


def test_who_has_enough_for_training_and_why_others_have_not(store: Store, database_url):
    hours = range(DAYS * 24)
    series = {
        "good": [row(hour, 1.0 + hour % 7) for hour in hours],
        "young": [row(hour, 1.0 + hour % 7) for hour in hours[24:]],
        "silent": [row(hour, 1.0 + hour % 7) for hour in hours[: -8 * 24]],
        "holes": [row(hour, 1.0 + hour % 7) for hour in [*hours[:1], *hours[500:]]],
        "stuck": [row(hour, 2.5) for hour in hours],
        "vacant": [row(hour, 0.0) for hour in hours],
        "guessed": [row(hour, 1.0 + hour % 7, quality="estimated") for hour in hours],
        "mixed": [row(hour, 1.0 + hour % 7, interval_minutes=30 if hour > 2000 else 60) for hour in hours],
    }
    deliver(store, "a", [{**each, "meter_id": name} for name, rows in series.items() for each in rows])
    deliver(store, "b", [row(-9_000, 1.0, meter_id="left")])
    found = sufficiency(None, database_url)
    assert (found.until, found.until - found.since) == (ts(len(hours)), timedelta(days=84))
    assert {meter.meter_id: meter.reasons for meter in found.meters} == {
        "good": (),
        "young": ("too_young",),
        "silent": ("silent",),
        "holes": ("incomplete",),
        "stuck": ("flat",),
        "vacant": ("always_zero",),
        "guessed": ("estimated_only",),
        "mixed": ("mixed_intervals",),
        "left": ("no_readings",),
    }
    told = found.as_dict()
    assert (told["sufficient"], told["insufficient"], told["reasons"]["flat"]["meters"]) == (1, 8, 1)


def test_deliveries_are_listed_by_what_they_are_asked_for(store: Store, database_url, tmp_path, monkeypatch):
    deliver(store, "ab" * 32, [row(0, 1.0), row(1, None, code="bad_energy")])
    monkeypatch.setenv("METER_HOME", str(tmp_path))
    monkeypatch.setenv("METER_DATABASE_URL", database_url)
    listed = CliRunner().invoke(app, ["data", "deliveries", "--json"])
    (known,) = json.loads(listed.stdout)["deliveries"]
    assert (known["rows"], known["loaded"], known["quarantined"]) == (2, 1, 1)
    for name in (str(known["delivery"]), known["file"], known["sha256"][:12]):
        assert store.delivery(name).id == known["delivery"]
    assert "abababababab" in CliRunner().invoke(app, ["data", "deliveries"], env={"COLUMNS": "300"}).stdout
    with pytest.raises(UsageError, match="meter data deliveries"):
        store.delivery("other.csv")


def test_a_terminal_gets_the_first_readings_and_no_more_are_read(store: Store, database_url, tmp_path, monkeypatch):
    deliver(store, "a", [row(hour, hour, meter_id=meter) for meter in ("m2", "m1") for hour in range(25)])
    monkeypatch.setenv("METER_HOME", str(tmp_path))
    monkeypatch.setenv("METER_DATABASE_URL", database_url)
    told = CliRunner().invoke(app, ["data", "readings"], env={"COLUMNS": "200"}).stdout
    assert (told.count("measured"), "m2" in told, "more than 20: --out FILE" in told) == (20, False, True)
    told = (
        CliRunner().invoke(app, ["data", "readings", "--until", ts(3).isoformat()[:19]], env={"COLUMNS": "200"}).stdout
    )
    assert (told.count("measured"), "more than" in told) == (6, False)
    assert len(store.readings(as_known_at=ts(48).to_pydatetime(), most=3)) == 3
