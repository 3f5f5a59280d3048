"""`meter sources inspect`: profiles for files nobody described. The files are made up, but for the measured ones."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from meter_core.cli.main import app
from meter_core.contracts.errors import UsageError
from meter_core.jobs.inspect_source import inspect_source
from meter_core.sources import UnreadableDeliveryError, load_profile, read_delivery
from meter_core.sources.recognition import propose

ROOT = Path(__file__).parents[2]
SHIPPED, DEVELOPMENT = ROOT / "data", ROOT.parent / "shared" / "data"
STAMPS = pd.date_range("2025-03-28", "2025-04-01", freq="15min", inclusive="left")
NIGHT = STAMPS[(STAMPS < "2025-03-30 02:00") | (STAMPS >= "2025-03-30 03:00")]
"""Four days of Central Europe, without the hour that spring skips."""
ENERGY = np.random.default_rng(1).gamma(2, 80, len(STAMPS)).round(1)


def written(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def said(profile):
    return profile.model_dump(mode="json", exclude_unset=True, exclude={"name", "description"})


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux"),
        ("fontana_10_homes_hourly_2016-17.csv.gz", "fontana"),
        ("uci_sceaux_sample_2007-2009.csv", "uci_sceaux"),
        ("ceew_bareilly_daily.csv", "ceew_daily"),
        ("ceew_mathura_fleet_hourly_2020-01.csv", "ceew_fleet"),
        ("ceew_br29_outage_2020-07-01.csv", "ceew_minutes"),
        ("vic_elec_30min_2012-2013.csv.gz", "vic_elec"),
    ],
)
def test_the_measured_files_are_read_as_by_the_profiles_that_people_wrote_for_them(name, profile):
    path = next((folder / name for folder in (SHIPPED, DEVELOPMENT) if (folder / name).is_file()), None)
    if path is None:
        pytest.skip(f"{name} is a development file; put it into {DEVELOPMENT}")
    by_hand = load_profile(profile)
    proposal = propose(path, by_hand.zone)
    assert profile in proposal.built_in
    ours, theirs = (read_delivery(path, each).frame for each in (proposal.profile, by_hand))
    same = ["reading_ts", "interval_minutes", "code", "voltage_v", "temperature_c", "power_factor", "load_kw"]
    if profile == "vic_elec":  # MW, which the name does not say, and no meter
        assert "much for a home" in proposal.unsure["units.units_kwh"]
        assert "one name for all lines" in proposal.unsure["meter_id"]
    else:
        same += ["meter_id", "units_kwh"]
    filled = [column for column in same if theirs[column].notna().any()]
    pd.testing.assert_frame_equal(ours[filled], theirs[filled])


def test_a_german_export_with_a_title_two_columns_of_time_and_the_clock_change(tmp_path):
    rows = [
        f"{meter};{at:%d.%m.%Y};{at:%H:%M};{str(value).replace('.', ',')};{229 + n % 3},5;{'W' if n % 9 else 'E'}"
        for meter in ("DE0001", "DE0002")
        for n, (at, value) in enumerate(zip(NIGHT, ENERGY, strict=False))
    ]
    text = "Lastgang Süd;;;;;\n\nZählpunkt;Datum;Uhrzeit;Verbrauch [Wh];Spannung [V];Status\n" + "\n".join(rows) + "\n"
    path = written(tmp_path, "lastgang.csv", text, "latin-1")
    found = inspect_source(path, save=tmp_path / "süd.yaml")
    assert said(found.proposal.profile) == {
        "encoding": "latin-1",
        "skip_lines": 2,
        "delimiter": ";",
        "zone": "Europe/Berlin",
        "stamp": {"date": "Datum", "format": "%d.%m.%Y %H:%M", "clock": "local"},
        "columns": {
            "reading_ts": "Uhrzeit",
            "meter_id": "Zählpunkt",
            "quality": "Status",
            "units_kwh": "Verbrauch [Wh]",
            "voltage_v": "Spannung [V]",
        },
        "decimal": ",",
        "quality_codes": {"E": "estimated", "W": "measured"},
        "interval_minutes": 15,
        "units": {"units_kwh": "Wh"},
        "quantities": {"voltage_v": "interval_mean"},
    }
    assert set(found.proposal.unsure) == {"encoding", "quality_codes", "quantities", "zone", "stamp.marks"}
    assert "'Lastgang Süd" in found.proposal.unsure["encoding"]
    assert (found.lines, found.values, found.quarantined) == (760, 760, {})
    assert found.rows["units_kwh"].iloc[0] == pytest.approx(ENERGY[0] / 1000)
    assert found.rows["reading_ts"].iloc[0].isoformat() == "2025-03-28T00:00:00+01:00"
    assert load_profile(tmp_path / "süd.yaml").digest == found.proposal.profile.digest
    with pytest.raises(UsageError, match=r"süd\.yaml exists already"):
        inspect_source(path, save=tmp_path / "süd.yaml")


def test_wide_lines_with_a_total_beside_them(tmp_path):
    names = ",".join(f"H{hour:02}" for hour in range(1, 25))
    lines = [f"S1,2025-01-{day:02},{','.join(['0.5'] * 24)},12" for day in range(1, 20)]
    proposal = propose(written(tmp_path, "wide.csv", f"site_id,date,{names},total\n" + "\n".join(lines)))
    assert proposal.profile.wide.model_dump() == {"columns": "H{01..24}", "counts": "clock"}
    assert proposal.profile.interval_minutes == 60
    assert proposal.unread == ("total",)
    assert "wide.counts" in proposal.unsure


def test_half_hours_in_columns_named_by_their_time(tmp_path):
    names = "\t".join(f"{half // 2:02}:{half % 2 * 30:02}" for half in range(48))
    lines = ["\t".join(["61020", f"{day}/07/2025", *["0.5"] * 48]) for day in range(1, 20)]
    profile = propose(written(tmp_path, "wide.tsv", f"NMI\tDay\t{names}\n" + "\n".join(lines))).profile
    assert (profile.delimiter, profile.wide.columns, profile.interval_minutes) == ("\t", "{00:00..23:30}", 30)
    assert profile.stamp.format == "%d/%m/%Y"


def test_a_register_is_told_from_energies(tmp_path):
    counted = (12_000 + ENERGY[:200].cumsum() / 1000).round(3)
    for values, is_register in ((counted, True), (ENERGY[:200] / 1000, False)):
        rows = [f"A,{at.isoformat()}+01:00,{value}" for at, value in zip(STAMPS[:200], values, strict=True)]
        path = written(tmp_path, "reads.csv", "meter_id,read_time,value_kwh\n" + "\n".join(rows))
        profile = propose(path).profile
        assert (profile.registers is not None) == is_register
        assert (profile.stamp.marks == "end") == is_register
        assert read_delivery(path, profile).frame["units_kwh"].iloc[1:].max() < 1


def test_json_lines_with_two_directions_and_unix_time(tmp_path):
    records = [
        {
            "device": {"serial": f"X{meter}"},
            "ts": 1735689600 + 900 * n,
            "energy": {"import_wh": int(ENERGY[n]), "export_wh": 0},
        }
        for meter in (1, 2)
        for n in range(100)
    ]
    proposal = propose(written(tmp_path, "iot.jsonl", "".join(json.dumps(each) + "\n" for each in records)))
    assert said(proposal.profile) == {
        "format": "jsonl",
        "stamp": {"clock": "utc", "format": "unix"},
        "columns": {"reading_ts": "ts", "meter_id": "device.serial"},
        "interval_minutes": 15,
        "channels": {"import": "energy.import_wh", "export": "energy.export_wh"},
        "units": {"units_kwh": "Wh"},
    }


def test_parquet_with_instants(tmp_path):
    path = tmp_path / "london.parquet"
    stamps = pd.date_range("2025-07-01", periods=50, freq="30min", tz="Europe/London")
    pd.DataFrame({"lclid": "L1", "tstp": stamps, "kwh_hh": ENERGY[:50] / 1000}).to_parquet(path)
    profile = propose(path).profile
    assert (profile.format, profile.stamp.clock, profile.interval_minutes) == ("parquet", "offset", 30)
    assert profile.columns == {"reading_ts": "tstp", "meter_id": "lclid", "units_kwh": "kwh_hh"}


@pytest.mark.parametrize(
    ("form", "days", "is_tied"),
    [("%m/%d/%Y %I:%M %p", 3, False), ("%d/%m/%Y %H:%M", 3, False), ("%d/%m/%Y %H:%M", 1, True)],
)
def test_day_and_month_are_told_apart_by_the_order_of_the_days(tmp_path, form, days, is_tied):
    stamps = pd.date_range("2025-06-01 00:15", periods=96 * days, freq="15min")
    rows = [f"M1,{at.strftime(form)},0.5" for at in stamps[: -1 if days == 1 else None]]
    proposal = propose(written(tmp_path, "us.csv", "Meter Number,Interval End,Usage (kWh)\n" + "\n".join(rows)))
    assert ("stamp.format" in proposal.unsure) == is_tied
    assert is_tied or proposal.profile.stamp.format == form
    assert proposal.profile.stamp.marks == "end"
    assert "stamp.marks" not in proposal.unsure


def test_grouped_digits_missing_texts_and_mean_power(tmp_path):
    values = ["1 234,5", "n/a", *["1 000,0"] * 30]
    rows = [f"123;2025-07-01T{n // 2:02}:{n % 2 * 30:02}:00+02:00;{value}" for n, value in enumerate(values)]
    path = written(tmp_path, "fr.csv", "PRM;Horodate;Puissance (W)\n" + "\n".join(rows))
    profile = propose(path).profile
    assert (profile.decimal, profile.thousands, profile.missing) == (",", " ", ("n/a",))
    frame = read_delivery(path, profile, "Europe/Paris").frame
    assert frame["units_kwh"].iloc[0] == pytest.approx(1.2345 / 2)
    assert frame["code"].isna().all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("A,2025-01-01 00:00,0.5\nA,2025-01-01 01:00,0.6\n", "has no line of column names: line 1 holds values"),
        (
            "meter,time,kWh,V\nA,2025-01-01 00:00,0.5,230,\nA,2025-01-01 01:00,0.6,231,\n",
            "line 1 names 4 columns, and most lines below have 5 fields",
        ),
        ("meter,time,kWh\n", "has a header and no readings"),
        ("a,b\n1,2\n", "no column holds a time in a form that is known; its columns are 'a', 'b'"),
        ("t,b\n2025-01-01 00:00,x\n", "no column holds numbers that could be energy"),
        ("\n\n", "is empty"),
        ("PK\x03\x04", "a ZIP archive or an Excel workbook"),
        ('{"a": \n 1}\n', "begins like JSON and no line of it is an object"),
    ],
    ids=range(8),
)
def test_a_file_for_which_no_profile_can_be_proposed_says_why(tmp_path, content, words):
    with pytest.raises(UnreadableDeliveryError, match=words):
        propose(written(tmp_path, "odd.csv", content))


def test_the_command_is_read_by_people_and_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    rows = "\n".join(f"A,2025-01-01 {hour:02}:00,0.{hour:02}" for hour in range(24))
    path = written(tmp_path, "home.csv", f"meter_id,reading_ts,units_kwh\n{rows}\n")
    shown = CliRunner().invoke(app, ["sources", "inspect", str(path)])
    assert shown.exit_code == 0
    for words in (
        "Recognised in home.csv",
        "Unsure",
        "Proposed profile",
        "UTC, for nobody said the zone",
        "24 values of 24",
    ):
        assert words in shown.stdout
    machine = CliRunner().invoke(app, ["sources", "inspect", str(path), "--zone", "Europe/Paris", "--json"])
    found = json.loads(machine.stdout)
    assert (found["zone"], found["profile"]["zone"], found["saved"]) == ("Europe/Paris", "Europe/Paris", None)
    assert found["rows"][1]["reading_ts"] == "2025-01-01T01:00:00+01:00"
    assert "zone" not in found["unsure"]
    missing = CliRunner().invoke(app, ["sources", "inspect", str(tmp_path / "gone.csv")])
    assert missing.exit_code == 2
