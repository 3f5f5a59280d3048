"""The measured files, read: the figures are those of their README, or counted with other tools (zcat, awk)."""

from pathlib import Path

import pandas as pd
import pytest

from meter_core.sources import load_profile, raw_lines, read_delivery

ROOT = Path(__file__).parents[2]
SHIPPED, DEVELOPMENT = ROOT / "data", ROOT.parent / "shared" / "data"


def measured(name):
    path = next((folder / name for folder in (SHIPPED, DEVELOPMENT) if (folder / name).is_file()), None)
    if path is None:
        pytest.skip(f"{name} is a development file; put it into {DEVELOPMENT}")
    return path


def delivery(name, profile):
    return read_delivery(measured(name), load_profile(profile))


def utc(text):
    return pd.Timestamp(text, tz="UTC")


@pytest.mark.parametrize(
    ("name", "profile", "rows", "impossible_hours"),
    [
        ("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux", 26_670, 3),
        ("uci_sceaux_sample_2007-2009.csv", "uci_sceaux", 3_024, 0),
        ("ceew_bareilly_daily.csv", "ceew_daily", 28_119, 0),
        ("ceew_mathura_fleet_hourly_2020-01.csv", "ceew_fleet", 137, 0),
        ("ceew_br29_outage_2020-07-01.csv", "ceew_minutes", 31, 0),
        ("fontana_10_homes_hourly_2016-17.csv.gz", "fontana", 87_600, 10),
        ("vic_elec_30min_2012-2013.csv.gz", "vic_elec", 35_088, 0),
    ],
)
def test_every_line_is_a_row_and_only_the_hours_that_spring_skips_cannot_be_read(name, profile, rows, impossible_hours):
    read = delivery(name, profile)
    assert read.lines == len(read.frame) == rows
    codes = read.frame["code"].dropna()
    assert codes.tolist() == ["nonexistent_local_time"] * impossible_hours
    assert read.frame["blanked"].isna().all()


def test_the_hours_that_spring_skips_in_the_french_home():
    read = delivery("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux")
    lines = read.frame.loc[read.frame["code"].notna(), "line"]
    texts = raw_lines(measured("uci_sceaux_hourly_2006-2009.csv.gz"), "utf-8", lines)
    stamps = [texts[line].split(",")[1] for line in lines]
    assert stamps == ["2007-03-25 02:00:00", "2008-03-30 02:00:00", "2009-03-29 02:00:00"]


def test_the_repeated_hour_stands_once_and_the_second_is_a_reported_gap():
    read = delivery("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux")
    at = read.frame.set_index("reading_ts")
    assert at.index.is_unique or at.index.dropna().is_unique
    assert utc("2007-10-28 00:00") in at.index  # 02:00 CEST, the first
    assert utc("2007-10-28 01:00") not in at.index  # 02:00 CET, the second
    assert [(finding.what, finding.evidence["values"]) for finding in read.findings] == [("repeated_hour_gap", 3)]


def test_winter_and_summer_stamps_of_the_french_home():
    frame = delivery("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux").frame
    first = frame.iloc[0]
    assert first["reading_ts"] == utc("2006-12-16 17:00")  # 18:00 at UTC+1
    assert (first["units_kwh"], first["load_kw"], first["line"]) == (3.6535, 2.79, 2)
    assert first["available_ts"] == utc("2006-12-16 18:00")
    assert frame["frequency_hz"].isna().all()
    summer = frame[frame["line"] == 1 + 24 * 200]
    assert summer["reading_ts"].iloc[0].tz_convert("Europe/Paris").utcoffset() == pd.Timedelta(hours=2)


def test_indian_days_start_at_half_past_six_utc():
    frame = delivery("ceew_bareilly_daily.csv", "ceew_daily").frame
    assert frame["reading_ts"].iloc[0] == utc("2019-07-09 18:30")  # 2019-07-10 00:00 at +05:30
    assert set(frame["interval_minutes"]) == {1440}
    assert frame["meter_id"].nunique() == 46


def test_the_outage_is_zero_volts_and_stays():
    frame = delivery("ceew_br29_outage_2020-07-01.csv", "ceew_minutes").frame
    assert frame.loc[frame["voltage_v"] == 0, "line"].tolist() == [16, 17]
    assert set(frame["interval_minutes"]) == {3}


def test_mean_megawatts_become_kilowatt_hours_and_the_year_the_real_41_twh():
    frame = delivery("vic_elec_30min_2012-2013.csv.gz", "vic_elec").frame
    assert frame["units_kwh"].iloc[0] == pytest.approx(4382.825174 * 1000 * 0.5, rel=1e-15)
    year = frame[frame["reading_ts"].dt.tz_convert("Australia/Melbourne").dt.year == 2012]
    assert year["units_kwh"].sum() / 1e9 == pytest.approx(41, abs=1)


def test_californian_homes():
    frame = delivery("fontana_10_homes_hourly_2016-17.csv.gz", "fontana").frame
    assert frame["reading_ts"].iloc[0] == utc("2016-08-01 06:00")  # 23:00 at UTC-7
    assert frame["meter_id"].nunique() == 10
