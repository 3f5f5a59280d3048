"""Wide lines, several energies on a line, and how numbers and times are written. All files are made up."""

import re

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from meter_core.sources import DeliveryReader, Profile, delivery, read_delivery, text_lines

HOURS = [f"H{hour:02}" for hour in range(1, 25)]
WIDE = {
    "name": "wide",
    "zone": "Europe/Paris",
    "interval_minutes": 60,
    "columns": {"meter_id": "m", "reading_ts": "d"},
    "wide": {"columns": "H{01..24}"},
}
LONG = {
    "name": "hourly",
    "zone": "Europe/Paris",
    "interval_minutes": 60,
    "columns": {"meter_id": "m", "reading_ts": "t", "units_kwh": "e"},
}


def wide(**changes):
    return Profile.model_validate({**WIDE, **changes})


def line(day, values, meter="A"):
    return ",".join([meter, day, *("" if value is None else str(value) for value in values)])


def table(*lines, columns=HOURS):
    return "\n".join([",".join(["m", "d", *columns]), *lines]) + "\n"


def read(folder, text, profile):
    path = folder / "delivery.csv"
    path.write_text(text)
    return read_delivery(path, profile)


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def values_at(frame):
    good = frame[frame["code"].isna()]
    return {f"{stamp:%d %H}": value for stamp, value in zip(good["reading_ts"], good["units_kwh"], strict=True)}


def test_a_line_has_the_24_values_of_its_day(tmp_path):
    read_ = read(tmp_path, table(line("2025-01-01", range(24)), line("2025-01-02", range(24))), wide())
    assert (read_.lines, len(read_.frame)) == (2, 48)
    assert read_.frame["line"].tolist() == [2] * 24 + [3] * 24
    assert read_.frame["reading_ts"].tolist() == list(pd.date_range("2024-12-31 23:00", periods=48, freq="h", tz="UTC"))
    assert read_.frame["units_kwh"].tolist() == list(range(24)) * 2
    assert read_.findings == ()


def test_half_hours_by_their_times_in_megawatts(tmp_path):
    names = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(48)]
    profile = wide(wide={"columns": "{00:00..23:30}"}, interval_minutes=30, units={"units_kwh": "MW"})
    frame = read(tmp_path, table(line("2025-07-01", [0.002] * 48), columns=names), profile).frame
    assert len(frame) == 48
    assert frame["units_kwh"].tolist() == pytest.approx([1.0] * 48)
    assert frame["reading_ts"].iloc[-1] == utc("2025-07-01 21:30")


def test_spring_by_the_clock_leaves_a_column_without_its_hour(tmp_path):
    blank = [hour if hour != 2 else None for hour in range(24)]
    read_ = read(tmp_path, table(line("2025-03-30", blank), line("2025-03-30", range(24), "B")), wide())
    of_a = read_.frame[read_.frame["meter_id"] == "A"]
    assert len(of_a) == 23  # the day has 23 hours: the blank of the skipped one is no delivered value
    assert values_at(of_a)["30 00"] == 1  # 01:00 CET
    assert values_at(of_a)["30 01"] == 3  # 03:00 CEST
    of_b = read_.frame[read_.frame["meter_id"] == "B"]
    assert of_b["code"].dropna().tolist() == ["nonexistent_local_time"]
    assert [(each.what, each.where, each.evidence["values"]) for each in read_.findings] == [
        ("hourless_blank", "delivery.csv line 2", 1)
    ]


def test_autumn_by_the_clock_has_the_repeated_hour_once(tmp_path):
    read_ = read(tmp_path, table(line("2025-10-26", range(24))), wide())
    at = values_at(read_.frame)
    assert len(at) == 24
    assert (at["26 00"], at["26 02"]) == (2, 3)  # 02:00 CEST and 03:00 CET
    assert "26 01" not in at
    assert [each.what for each in read_.findings] == ["repeated_hour_gap"]


def test_days_by_what_has_elapsed(tmp_path):
    profile = wide(wide={"columns": "H{01..24}", "counts": "elapsed"})
    spring = [*range(23), None]
    lines = [
        line("2025-03-30", spring),
        line("2025-03-30", range(24), "B"),
        line("2025-10-26", range(24)),
        line("x", range(24)),
    ]
    read_ = read(tmp_path, table(*lines), profile)
    of_a = values_at(read_.frame[read_.frame["line"] == 2])
    assert (len(of_a), of_a["30 01"], of_a["30 21"]) == (23, 2, 22)
    assert read_.frame.loc[read_.frame["line"] == 3, "code"].dropna().tolist() == ["outside_day"]
    autumn = values_at(read_.frame[read_.frame["line"] == 4])
    assert (autumn["26 01"], autumn["26 21"]) == (3, 23)
    assert "26 22" not in autumn
    assert (read_.frame.loc[read_.frame["line"] == 5, "code"] == "bad_stamp").sum() == 24
    assert {each.what: each.where[-6:] for each in read_.findings} == {
        "hourless_blank": "line 2",
        "day_longer_than_line": "line 4",
    }


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
@pytest.mark.parametrize("counts", ["clock", "elapsed"])
def test_a_day_at_the_end_of_time_cannot_be_read(tmp_path, zone, counts):
    days = [line(day, range(24)) for day in ("0001-01-01", "9999-12-31", "2025-01-01")]
    how = wide(zone=zone, wide={**WIDE["wide"], "counts": counts})
    assert read(tmp_path, table(*days), how).frame["code"].tolist() == ["bad_stamp"] * 48 + [None] * 24


def test_a_25th_column_for_the_long_day(tmp_path):
    profile = wide(wide={"columns": "H{01..25}", "counts": "elapsed"})
    lines = [line("2025-10-26", range(25)), line("2025-10-27", [*range(24), None])]
    read_ = read(tmp_path, table(*lines, columns=[*HOURS, "H25"]), profile)
    assert len(read_.frame) == 49
    assert values_at(read_.frame)["26 22"] == 24


def test_a_broken_wide_line_counts_its_24_values_and_parts_are_the_whole(tmp_path, monkeypatch):
    days = pd.date_range("2025-10-20", periods=14).strftime("%Y-%m-%d")
    lines = [line(day, range(24), meter) for meter in ("A", "B") for day in days]
    text = table(*lines[:5], "A,2025", *lines[5:])
    whole = read(tmp_path, text, wide())
    assert (whole.frame["code"] == "wrong_fields").sum() == 24
    monkeypatch.setattr(delivery, "VALUES_AT_ONCE", 50)
    monkeypatch.setattr(text_lines, "BLOCK", 500)
    reader = DeliveryReader(tmp_path / "delivery.csv", wide())
    parts = [part.frame for part in reader.parts()]
    assert max(map(len, parts)) <= 50
    pd.testing.assert_frame_equal(pd.concat(parts).sort_index(), whole.frame)
    assert (reader.lines, reader.rows) == (29, 29 * 24)
    assert reader.findings == whole.findings


def test_energies_of_several_channels_on_a_line(tmp_path):
    columns = {"meter_id": "m", "reading_ts": "t", "voltage_v": "v"}
    profile = Profile.model_validate(
        {**LONG, "columns": columns, "channels": {"import": "in", "net": "n"}, "quantities": {"voltage_v": "instant"}}
    )
    read_ = read(tmp_path, "m,t,in,n,v\nA,2025-01-01 00:00,2,-1.5,230\nA,2025-10-26 02:00,,1,x\nA\n", profile)
    frame = read_.frame
    assert (read_.lines, len(frame)) == (3, 6)
    assert frame["channel"].tolist() == ["import", "net"] * 3
    assert frame["units_kwh"].tolist()[:2] == [2, -1.5]
    assert frame["voltage_v"].notna().tolist() == [True, *[False] * 5]
    assert [bool(entry) for entry in frame["blanked"]] == [False, False, True, False, False, False]
    assert frame["code"].tolist() == [None, None, None, None, "wrong_fields", "wrong_fields"]


@pytest.mark.parametrize(
    ("said", "text", "value"),
    [
        ({"decimal": ","}, "1,5", 1.5),
        ({"decimal": ","}, "1.5", None),
        ({"decimal": ",", "thousands": "."}, "1.234,5", 1234.5),
        ({"decimal": ",", "thousands": "."}, "-1.234.567", -1234567),
        ({"decimal": ",", "thousands": "."}, "12.34", None),
        ({"decimal": ".", "thousands": " "}, "1 234.5", 1234.5),
        ({"decimal": ".", "thousands": "'"}, "1234", 1234),
        ({}, "1,234", None),
    ],
)
def test_decimal_signs_and_groups_of_digits(tmp_path, said, text, value):
    profile = Profile.model_validate({**LONG, "delimiter": ";", **said})
    frame = read(tmp_path, f"m;t;e\nA;2025-01-01;{text}\n", profile).frame
    assert frame["code"].tolist() == [None if value is not None else "bad_energy"]
    assert frame["units_kwh"].iloc[0] == value or (value is None and np.isnan(frame["units_kwh"].iloc[0]))


@pytest.mark.parametrize(
    ("unit", "kwh"), [("Wh", 0.6), ("kWh", 600), ("MWh", 6e5), ("W", 0.15), ("kW", 150), ("MW", 1.5e5)]
)
def test_energy_and_mean_power_of_a_quarter_of_an_hour(tmp_path, unit, kwh):
    profile = Profile.model_validate({**LONG, "interval_minutes": 15, "units": {"units_kwh": unit}})
    assert read(tmp_path, "m,t,e\nA,2025-01-01,600\n", profile).frame["units_kwh"].iloc[0] == pytest.approx(kwh)


def test_stamps_that_count_since_1970(tmp_path):
    text = "m,t,e\nA,1735689600,1\nA,1735689600000,2\nA,soon,3\n"
    of_seconds = Profile.model_validate({**LONG, "stamp": {"format": "unix", "clock": "utc"}})
    frame = read(tmp_path, text, of_seconds).frame
    assert frame["reading_ts"].iloc[0] == utc("2025-01-01")
    assert frame["code"].tolist() == [None, "bad_stamp", "bad_stamp"]
    of_milliseconds = Profile.model_validate({**LONG, "stamp": {"format": "unix_ms", "clock": "utc"}})
    assert read(tmp_path, text, of_milliseconds).frame["reading_ts"].iloc[1] == utc("2025-01-01")


def test_day_and_time_of_day_in_columns_of_their_own_below_a_title(tmp_path):
    text = "Export of Monday\n\nm;day;clock;e\nA;1.2.2025;00:15;1\nA;;00:30;2\n"
    columns = {"meter_id": "m", "reading_ts": "clock", "units_kwh": "e"}
    stamp = {"date": "day", "format": "%d.%m.%Y %H:%M"}
    said = {"columns": columns, "stamp": stamp, "delimiter": ";", "skip_lines": 1}
    frame = read(tmp_path, text, Profile.model_validate({**LONG, **said})).frame
    assert frame["reading_ts"].iloc[0] == utc("2025-01-31 23:15")
    assert frame["code"].tolist() == [None, "bad_stamp"]
    assert frame["line"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wide": {"columns": "H{01..23}"}}, "23 columns of 60 minutes are 23 hours"),
        ({"wide": {"columns": "H{01..25}"}}, "with counts: elapsed up to 25"),
        ({"wide": {"columns": "H01-H24"}}, "'H01-H24' is no pattern; write H{01..24}"),
        ({"wide": {"columns": ["x"] * 24}}, "x stands there more than once"),
        ({"stamp": {"marks": "end"}}, "the stamp of a line is its day"),
        ({"columns": {**WIDE["columns"], "units_kwh": "e"}}, "wide: the energy stands there or under units_kwh"),
        ({"channels": {"import": "a"}}, "wide: the energy stands there or under channels"),
        ({"columns": {**WIDE["columns"], "load_kw": "p"}, "quantities": {"load_kw": "instant"}}, "cannot say load_kw"),
        (
            {"columns": {**WIDE["columns"], "interval_minutes": "i"}, "interval_minutes": None},
            "cannot say interval_minutes of its intervals.*say interval_minutes: of all",
        ),
        ({"wide": None}, "`channels:` where a line has several energies, or `wide:`"),
        ({"wide": None, "channels": {"inport": "a"}}, "'inport' cannot be; allowed: import"),
        ({"thousands": "."}, r"thousands: '\.' is the decimal sign"),
        ({"stamp": {"format": "unix"}}, "say `clock: utc` under stamp"),
    ],
    ids=range(13),
)
def test_what_a_profile_cannot_say_is_named_with_its_remedy(changes, words):
    with pytest.raises(ValidationError) as caught:
        wide(**changes)
    message = str(caught.value)
    assert re.search(words, message), message


def test_profiles_written_before_these_keys_came_keep_their_digest():
    assert Profile.model_validate(LONG).digest == "f9221a711058b5e502db6c528caf03ab273b8025743e077ad1133924f5fa7e32"
    assert Profile.model_validate({**LONG, "thousands": "'"}).digest != Profile.model_validate(LONG).digest
