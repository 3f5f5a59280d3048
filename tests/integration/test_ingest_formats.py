"""Wide files, registers over several deliveries, Parquet and zstd through `ingest`: the accounting and what stands."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from meter_core.cli.main import app
from meter_core.contracts.errors import UsageError
from meter_core.jobs.ingest import ingest
from meter_core.jobs.installations import record_installations
from meter_core.jobs.replay import Fix, replay
from meter_core.settings import Settings
from meter_core.store import COUNTS
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

HOURS = ",".join(f"H{hour:02}" for hour in range(1, 25))
WIDE = """
name: wide
zone: Europe/Paris
interval_minutes: 60
columns: {meter_id: m, reading_ts: d}
wide: {columns: "H{01..24}"}
"""
REGISTERS = """
name: registers
zone: Europe/Paris
interval_minutes: 60
stamp: {marks: end, clock: utc}
columns: {meter_id: m, reading_ts: t, units_kwh: e}
registers: {digits: 4}
multiplier: required
"""
DEVICES = "meter_id,device,valid_from,valid_until,multiplier,register_digits\nA,D1,2020-01-01T00:00:00Z,,2,\n"


@pytest.fixture
def settings(tmp_path, database_url):
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def run(tmp_path, settings, database_url):
    def call(name: str, content: str | bytes, profile: str, **changes: object) -> dict:
        path, source = tmp_path / name, tmp_path / "source.yaml"
        source.write_text(profile)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        changed = settings.model_copy(update=changes)
        figures = ingest([path], str(source), None, changed, database_url).as_dict()
        assert figures["rows"] == sum(figures[name] for name in COUNTS[2:])
        return {name: figures[name] for name in COUNTS if figures[name]} | {
            "codes": sorted({each["what"] for each in figures["files"][0]["findings"]})
        }

    return call


def standing(database_url: str) -> list:
    query = "SELECT meter_id, to_char(reading_ts AT TIME ZONE 'UTC', 'DD HH24'), units_kwh FROM meter_reading"
    return ask(database_url, f"{query} ORDER BY meter_id, reading_ts")


def reads(*rows: tuple) -> str:
    return "m,t,e\n" + "".join(f"{meter},2025-01-{day:02} {hour:02}:00,{value}\n" for meter, day, hour, value in rows)


def test_a_wide_delivery_counts_its_values_and_the_day_of_23_hours(run, database_url):
    spring = ",".join("" if hour == 2 else str(hour) for hour in range(24))
    content = f"m,d,{HOURS}\nA,2025-03-29,{','.join('1' * 24)}\nA,2025-03-30,{spring}\nA,oops\n"
    zstd = pa.Codec("zstd").compress(content.encode(), asbytes=True)
    figures = run("wide.csv.zst", zstd, WIDE, stop_above_share=0.5)
    assert figures.pop("codes") == ["hourless_blank", "wrong_fields"]
    assert figures == {"lines": 3, "rows": 71, "loaded": 47, "quarantined": 24}
    rows = ask(database_url, "SELECT line_from, code, raw_line FROM quarantined_reading")
    assert set(rows) == {(4, "wrong_fields", "A,oops")}
    assert run("wide.csv.zst", zstd, WIDE)["duplicates"] == 71
    stopped = run("stopped.csv", content + "A,again\n" * 3, WIDE)
    assert stopped.pop("codes")[0] == "delivery_stopped"
    assert stopped == {"lines": 6, "rows": 143, "quarantined": 143}


def test_registers_go_on_from_delivery_to_delivery(run, settings, database_url, tmp_path):
    (tmp_path / "devices.csv").write_text(DEVICES)
    assert record_installations(tmp_path / "devices.csv", settings, database_url) == 1
    assert record_installations(tmp_path / "devices.csv", settings, database_url) == 1
    first = run(
        "1.csv", reads(("A", 1, 22, 9990), ("A", 1, 23, 9994), ("B", 1, 23, 5)), REGISTERS, stop_above_share=0.5
    )
    assert first == {
        "lines": 3,
        "rows": 3,
        "loaded": 2,
        "quarantined": 1,
        "codes": ["register_gap", "unknown_multiplier"],
    }
    second = run("2.csv", reads(("A", 2, 0, 9999), ("A", 2, 1, 2), ("A", 2, 4, 20)), REGISTERS)
    assert second == {"lines": 3, "rows": 3, "loaded": 3, "codes": ["register_gap"]}
    assert standing(database_url) == [
        ("A", "01 21", None),  # the first of all
        ("A", "01 22", 8),  # 4 * 2
        ("A", "01 23", 10),  # 9999 - 9994, from the delivery before
        ("A", "02 00", 6),  # over 9999 to 2
        ("A", "02 03", None),  # after a gap
    ]
    zone = ask(database_url, "SELECT meter_id, zone, zone_assumed FROM meter")
    assert zone == [("A", "Europe/Paris", False)]
    before = standing(database_url)
    done = replay("2.csv", Fix(None, None, None, "anna", "again"), settings, database_url)
    assert (done.counts.loaded, done.withdrawn) == (3, 0)
    assert standing(database_url) == before


def test_parquet_is_kept_and_its_rows_are_quarantined_as_json(run, database_url, tmp_path):
    path = tmp_path / "made.parquet"
    table = pa.table({"m": ["A"] * 9 + [None], "t": [f"2025-01-01 0{hour}:00" for hour in range(10)], "e": [0.5] * 10})
    parquet.write_table(table, path)
    profile = REGISTERS.split("registers:")[0] + "format: parquet\n"
    figures = run("day.parquet", path.read_bytes(), profile)
    assert figures == {"lines": 10, "rows": 10, "loaded": 9, "quarantined": 1, "codes": ["missing_meter_id"]}
    ((line, raw),) = ask(database_url, "SELECT line_from, raw_line FROM quarantined_reading")
    assert (line, json.loads(raw)) == (10, {"m": None, "t": "2025-01-01 09:00", "e": 0.5})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", "line 1 lacks meter_id, device, valid_from"),
        (DEVICES + "B,D2,2020-01-01,,,\n", "line 3: valid_from is '2020-01-01'"),
        (DEVICES + "B,D2,2020-01-01T00:00:00Z,,-1,\n", "line 3: multiplier is '-1'"),
        (DEVICES + "B,D2,2020-01-01T00:00:00Z,2019-01-01T00:00:00Z,,\n", "line 3: valid_until 2019.* is not after"),
        (DEVICES + "B,D2,2020-01-01T00:00:00Z,,,,7\n", "line 3: it has more fields"),
    ],
    ids=range(5),
)
def test_a_device_that_cannot_be_is_named_and_nothing_recorded(settings, database_url, tmp_path, content, words):
    path = tmp_path / "devices.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=words):
        record_installations(path, settings, database_url)
    assert ask(database_url, "SELECT count(*) FROM meter_installation") == [(0,)]


def test_the_command_records_devices(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("METER_DATABASE_URL", database_url)
    monkeypatch.setenv("METER_HOME", str(tmp_path / "home"))
    path = Path(tmp_path / "devices.csv")
    path.write_text(DEVICES)
    result = CliRunner().invoke(app, ["installations", str(path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"installations": 1})
    assert ask(database_url, "SELECT device, multiplier FROM meter_installation") == [("D1", 2.0)]
