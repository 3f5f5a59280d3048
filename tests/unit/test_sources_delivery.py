"""Reading a delivery: bad lines become rows with a code, bad files become errors. All files here are made up."""

import codecs
import gzip
import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_core.contracts.errors import UsageError
from meter_core.sources import (
    Profile,
    UnreadableDeliveryError,
    WrongSourceError,
    load_profile,
    raw_lines,
    read_delivery,
    template_csv,
)

HEADER = template_csv().splitlines()[0]
GOOD_LINE = "M1,2025-02-01T00:00:00+01:00,60,0.412,231.4,3.5,0.97,0.48,50.01"
CANONICAL = load_profile("canonical")
PACKED = gzip.compress(b"m,t,e\n" * 9)


def hourly(**changes):
    declared = {
        "name": "hourly",
        "zone": "Europe/Paris",
        "interval_minutes": 60,
        "columns": {"meter_id": "m", "reading_ts": "t", "units_kwh": "e"},
        **changes,
    }
    return Profile.model_validate(declared)


@pytest.fixture
def read(tmp_path):
    def reader(content, profile=CANONICAL, zone=None, name="delivery.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_delivery(path, profile, zone)

    return reader


@pytest.fixture
def raw(tmp_path):
    return lambda line: raw_lines(tmp_path / "delivery.csv", "utf-8", [line])[line]


def canonical(*lines):
    return "\n".join((HEADER, *lines)) + "\n"


def rows(*pairs):
    return "m,t,e\n" + "".join(f"A,{stamp},{energy}\n" for stamp, energy in pairs)


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_the_template_is_read_without_a_fault(read):
    delivery = read(template_csv(), zone="Europe/Paris")
    assert delivery.frame["code"].isna().all()
    assert delivery.frame["reading_ts"].iloc[0] == utc("2025-01-31 22:00")
    assert np.isnan(delivery.frame["units_kwh"].iloc[2])


def test_the_frame_keeps_its_contract_of_columns_and_types(read):
    kinds = {name: str(kind) for name, kind in read(template_csv()).frame.dtypes.items()}
    assert kinds == {
        "line": "int64",
        "meter_id": "str",
        "channel": "str",
        "reading_ts": "datetime64[us, UTC]",
        "interval_minutes": "int64",
        "units_kwh": "float64",
        "voltage_v": "float64",
        "temperature_c": "float64",
        "power_factor": "float64",
        "load_kw": "float64",
        "frequency_hz": "float64",
        "quality": "str",
        "source_version": "int64",
        "available_ts": "datetime64[us, UTC]",
        "code": "object",
        "blanked": "object",
        "repeated_hour": "bool",
    }


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (0, "", "missing_meter_id"),
        (0, "   ", "missing_meter_id"),
        (1, "2025-02-30T00:00:00Z", "bad_stamp"),
        (1, "2025-02-01T00:00:00", "bad_stamp"),
        (1, "2025", "bad_stamp"),
        (1, "", "bad_stamp"),
        (1, "yesterday", "bad_stamp"),
        (2, "0", "bad_interval"),
        (2, "-60", "bad_interval"),
        (2, "60.5", "bad_interval"),
        (2, "", "bad_interval"),
        (3, "abc", "bad_energy"),
        (3, "nan", "bad_energy"),
        (3, "inf", "bad_energy"),
        (3, "1e999", "bad_energy"),
        (3, "1 234", "bad_energy"),
        (3, "0x10", "bad_energy"),
    ],
)
def test_a_bad_key_time_or_energy_gives_the_row_its_code(read, field, value, code):
    fields = GOOD_LINE.split(",")
    fields[field] = value
    frame = read(canonical(GOOD_LINE, ",".join(fields), GOOD_LINE)).frame
    assert frame["code"].tolist() == [None, code, None]
    assert np.isnan(frame["units_kwh"].iloc[1]) == (code == "bad_energy")
    assert pd.isna(frame["reading_ts"].iloc[1]) == (code == "bad_stamp")


def test_a_bad_quantity_beside_the_energy_is_blanked_and_kept_as_delivered(read):
    frame = read(canonical(GOOD_LINE.replace("231.4", "high").replace("50.01", "?"))).frame
    assert frame["code"].iloc[0] is None
    assert frame["blanked"].iloc[0] == {
        "voltage_v": {"code": "not_a_number", "value": "high"},
        "frequency_hz": {"code": "not_a_number", "value": "?"},
    }
    assert frame[["voltage_v", "frequency_hz"]].isna().all(axis=None)
    assert frame["load_kw"].iloc[0] == 0.48


def test_lines_with_other_numbers_of_fields_do_not_shift_the_others(read, raw):
    delivery = read(canonical(GOOD_LINE, "M1,2025", GOOD_LINE + ",9", "", GOOD_LINE))
    assert delivery.frame["line"].tolist() == [2, 3, 4, 6]
    assert delivery.frame["code"].tolist() == [None, "wrong_fields", "wrong_fields", None]
    assert delivery.frame["units_kwh"].tolist()[::3] == [0.412, 0.412]
    assert raw(3) == "M1,2025"
    assert delivery.lines == 4


def test_a_file_whose_lines_are_all_broken_is_read_as_that(read):
    frame = read(canonical("M1,2025", "?", ",")).frame
    assert frame["code"].tolist() == ["wrong_fields"] * 3
    assert frame["reading_ts"].isna().all()


def test_a_quote_that_stays_open_swallows_no_other_line(read):
    frame = read(canonical('"M1' + GOOD_LINE[2:], GOOD_LINE, '"M,1"' + GOOD_LINE[2:])).frame
    assert frame["code"].tolist() == ["wrong_fields", None, None]
    assert frame["meter_id"].iloc[2] == "M,1"


def test_line_numbers_hold_for_every_kind_of_line_end_and_a_byte_order_mark(read, raw):
    lines = [HEADER, "", " " + GOOD_LINE, "broken", GOOD_LINE]
    for end in ("\n", "\r\n", "\r"):
        for tail in ("", end):
            delivery = read(codecs.BOM_UTF8 + (end.join(lines) + tail).encode())
            assert delivery.frame["line"].tolist() == [3, 4, 5], repr(end)
            assert raw(4) == "broken"
            assert delivery.frame["code"].tolist() == [None, "wrong_fields", None]


def test_a_carriage_return_inside_a_line_breaks_that_line_only(read):
    frame = read(canonical(GOOD_LINE, GOOD_LINE.replace("60", "6\r0"), GOOD_LINE)).frame
    assert frame["code"].tolist() == [None, "wrong_fields", None]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300))
def test_a_number_is_the_same_double_as_in_json(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("numbers") / "delivery.csv"
    texts = [repr(value) for value in values]
    path.write_text("m,t,e\n" + "".join(f"A,2025-01-01,{text}\n" for text in texts))
    read = read_delivery(path, hourly()).frame["units_kwh"].tolist()
    assert [value.hex() for value in read] == [json.loads(text).hex() for text in texts]


def test_the_digest_is_of_the_file_as_delivered(read):
    packed = gzip.compress(canonical(GOOD_LINE).encode())
    delivery = read(packed, name="delivery.csv.gz")
    assert delivery.file_digest == hashlib.sha256(packed).hexdigest()
    assert delivery.frame["units_kwh"].tolist() == [0.412]


def test_gzip_is_known_by_its_content_and_may_have_several_members(read):
    packed = gzip.compress(canonical(GOOD_LINE).encode()) + gzip.compress((GOOD_LINE + "\n").encode())
    assert read(packed, name="misnamed.csv").lines == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; ask its sender"),
        (b"\n \n", "is empty; ask its sender"),
        (HEADER.encode(), "has a header and no readings"),
        (b"PK\x03\x04rest", "a ZIP archive or an Excel workbook"),
        (b"PAR1rest", "a Parquet file"),
        (HEADER.encode() + b"\nA\0B\n", "line 2 has a zero byte"),
        (HEADER.encode() + b"\n" + "é".encode("latin-1"), "line 2 is not utf-8: byte 0xe9.*encoding:"),
        ("ä".encode("utf-16"), "UTF-16 text; say `encoding: utf-16`"),
        (PACKED[:-8], "cut off: the gzip stream breaks off in line 10"),
        (PACKED[:-8] + bytes(8), "damaged gzip"),
        (b"x,y\n1,2\n", "line 1 lacks meter_id, .* its columns are 'x', 'y'"),
        ((HEADER + ",load_kw").encode() + b"\n1\n", "names the column load_kw more than once"),
        (HEADER.encode() + b"\rA,1\r\n2\n", "line 1, where the .* names belong, .*a carriage return"),
    ],
    ids=range(13),
)
def test_a_file_that_is_broken_as_a_whole_is_refused_with_its_name_and_a_remedy(read, content, words):
    with pytest.raises(UnreadableDeliveryError, match=words) as caught:
        read(content)
    assert caught.value.exit_status == 1
    assert "delivery.csv" in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder(tmp_path):
    with pytest.raises(WrongSourceError, match=r"there is no file .*nothing\.csv") as caught:
        read_delivery(tmp_path / "nothing.csv", CANONICAL)
    assert caught.value.exit_status == 2
    with pytest.raises(WrongSourceError, match="is a folder"):
        read_delivery(tmp_path, CANONICAL)


def test_the_file_of_another_source_is_wrong_use_and_names_the_right_profile(read):
    with pytest.raises(WrongSourceError, match=r"lacks reading_ts.*--source ceew_daily"):
        read("meter_id,date,units_kwh\nA,2020-01-01,1\n")


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_file_without_a_header_shows_nobodys_readings(read, separator):
    lines = [separator.join((f"METER-77-{n}", f"2025-01-01 0{n}:00", "1.2345", "60")) for n in range(3)]
    with pytest.raises(
        UnreadableDeliveryError, match=r"line 1 holds a reading .* put the line of column names"
    ) as caught:
        read("\n".join(lines) + "\n")
    assert "METER-77" not in str(caught.value)
    assert "1.2345" not in str(caught.value)


def test_columns_in_another_order_and_more_of_them(read):
    frame = read("note,e,t,m\nx,1.5,2025-01-01 00:00,A\n", hourly()).frame
    assert (frame["units_kwh"].iloc[0], frame["meter_id"].iloc[0]) == (1.5, "A")


def test_a_zone_that_is_said_goes_before_the_profiles(read):
    delivery = read(rows(("2025-01-01 00:00", 1)), hourly(), zone="Asia/Kolkata")
    assert delivery.zone == "Asia/Kolkata"
    assert delivery.frame["reading_ts"].iloc[0] == utc("2024-12-31 18:30")


def test_naive_stamps_need_a_zone(read):
    with pytest.raises(WrongSourceError, match="say one, as in --zone Europe/Paris"):
        read(rows(("2025-01-01 00:00", 1)), hourly(zone=None))


def test_an_unknown_zone_is_wrong_use(read):
    with pytest.raises(UsageError, match="'Mars/Olympus' is not an IANA zone"):
        read(canonical(GOOD_LINE), zone="Mars/Olympus")


def test_stamps_with_offset_and_no_zone_are_utcs_with_a_warning(read):
    delivery = read(canonical(GOOD_LINE))
    assert (delivery.zone, delivery.zone_assumed) == ("UTC", True)
    assert [finding.what for finding in delivery.findings] == ["zone_assumed"]


PARIS_AUTUMN = [("2025-10-26 01:00", 1), ("2025-10-26 02:00", 2), ("2025-10-26 02:00", 3), ("2025-10-26 03:00", 4)]
PARIS_AUTUMN_UTC = ["2025-10-25 23:00", "2025-10-26 00:00", "2025-10-26 01:00", "2025-10-26 02:00"]


def hours(frame):
    return [f"{instant:%Y-%m-%d %H:%M}" for instant in frame["reading_ts"]]


def test_a_day_of_25_hours_is_read_in_order(read):
    delivery = read(rows(*PARIS_AUTUMN), hourly())
    assert hours(delivery.frame) == PARIS_AUTUMN_UTC
    assert delivery.findings == ()


def test_a_day_of_25_hours_with_the_newest_first(read):
    assert hours(read(rows(*reversed(PARIS_AUTUMN)), hourly()).frame) == PARIS_AUTUMN_UTC[::-1]


def test_half_hours_of_the_repeated_hour_with_a_bad_line_between(read):
    stamps = ["02:00", "02:30", "oops", "02:00", "02:30", "03:00"]
    frame = read(rows(*((f"2025-10-26 {stamp}", 1) for stamp in stamps)), hourly(interval_minutes=30)).frame
    good = frame[frame["code"].isna()]
    assert [hour[-5:] for hour in hours(good)] == ["00:00", "00:30", "01:00", "01:30", "02:00"]


def test_two_meters_do_not_make_each_other_second(read):
    content = "m,t,e\nA,2025-10-26 02:00,1\nB,2025-10-26 02:00,1\n"
    assert hours(read(content, hourly()).frame) == ["2025-10-26 00:00"] * 2


def test_a_file_pasted_together_twice_gets_no_hour_that_nobody_measured(read):
    day = [("2025-10-26 01:00", 1), ("2025-10-26 02:00", 2), ("2025-10-26 03:00", 4)]
    assert set(hours(read(rows(*day, *day), hourly()).frame)) == {
        "2025-10-25 23:00",
        "2025-10-26 00:00",
        "2025-10-26 02:00",
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("first", "2025-10-26 00:00"), ("second", "2025-10-26 01:00"), ("in_order", "2025-10-26 00:00")],
)
def test_a_single_ambiguous_stamp_goes_by_the_profile(read, rule, expected):
    profile = hourly(stamp={"ambiguous": rule})
    assert hours(read(rows(("2025-10-26 02:00", 1)), profile).frame) == [expected]


def test_an_ambiguous_stamp_can_be_quarantined(read):
    frame = read(rows(("2025-10-26 02:00", 1)), hourly(stamp={"ambiguous": "quarantine"})).frame
    assert frame["code"].tolist() == ["ambiguous_local_time"]


def test_stamps_that_mark_the_end(read):
    frame = read(rows(("2025-01-01 01:00", 1)), hourly(stamp={"marks": "end"})).frame
    assert hours(frame) == ["2024-12-31 23:00"]
    assert frame["available_ts"].iloc[0] == utc("2025-01-01 00:00")


def test_utc_stamps_and_other_formats(read):
    profile = hourly(stamp={"clock": "utc", "format": "%d.%m.%Y %H:%M"})
    frame = read(rows(("01.02.2025 03:00", 1), ("2025-02-01 03:00", 1)), profile).frame
    assert frame["reading_ts"].iloc[0] == utc("2025-02-01 03:00")
    assert frame["code"].tolist() == [None, "bad_stamp"]


def test_delimiter_decimal_comma_missing_codes_encoding_and_units(read):
    profile = hourly(delimiter=";", decimal=",", missing=["-999", "n/v"], encoding="latin-1", units={"units_kwh": "Wh"})
    frame = read("m;t;e\nZähler;2025-01-01 00:00;1500,5\nB;2025-01-01;-999\n".encode("latin-1"), profile).frame
    assert frame["meter_id"].iloc[0] == "Zähler"
    assert frame["units_kwh"].iloc[0] == pytest.approx(1.5005)
    assert np.isnan(frame["units_kwh"].iloc[1])
    assert frame["code"].isna().all()


def test_mean_power_becomes_the_energy_of_the_interval(read):
    frame = read(rows(("2025-01-01", 8)), hourly(interval_minutes=15, units={"units_kwh": "kW"})).frame
    assert frame["units_kwh"].tolist() == [2.0]


def test_quality_channel_version_and_delivery_time_from_columns(read):
    columns = {"meter_id": "m", "reading_ts": "t", "units_kwh": "e", "quality": "q", "channel": "c"}
    columns |= {"source_version": "v", "available_ts": "a"}
    profile = hourly(columns=columns, quality_codes={"A": "measured", "E": "estimated"}, delivery_delay_minutes=90)
    lines = [
        "A,2025-01-01 00:00,1,E,net,3,2025-01-02 00:00",
        "A,2025-01-01 00:00,1,,,,",
        "A,2025-01-01 00:00,1,X,net,1,",
        "A,2025-01-01 00:00,1,A,sideways,1,",
        "A,2025-01-01 00:00,1,A,net,1.5,",
        "A,2025-01-01 00:00,1,A,net,1,soon",
    ]
    frame = read("m,t,e,q,c,v,a\n" + "\n".join(lines), profile).frame
    assert frame["code"].tolist() == [None, None, "bad_quality", "bad_channel", "bad_version", "bad_available_ts"]
    assert frame.loc[0, ["quality", "channel", "source_version"]].tolist() == ["estimated", "net", 3]
    assert frame["available_ts"].iloc[0] == utc("2025-01-01 23:00")
    assert frame.loc[1, ["quality", "channel", "source_version"]].tolist() == ["measured", "import", 0]
    assert frame["available_ts"].iloc[1] == utc("2025-01-01 01:30")  # 23:00Z, an hour, 90 minutes of delay


def test_temperature_in_fahrenheit_and_power_factor_in_percent(read):
    profile = Profile.model_validate(
        hourly().model_dump(mode="json")
        | {
            "columns": {**hourly().columns, "temperature_c": "f", "power_factor": "p"},
            "quantities": {"temperature_c": "instant", "power_factor": "instant"},
            "units": {"temperature_c": "F", "power_factor": "%"},
        }
    )
    frame = read("m,t,e,f,p\nA,2025-01-01,1,212,95\nA,2025-01-01,1,32,100\n", profile).frame
    assert frame["temperature_c"].tolist() == pytest.approx([100, 0])
    assert frame["power_factor"].tolist() == pytest.approx([0.95, 1])


def test_columns_that_stay_unread_are_named_and_a_profile_that_reads_more_is_proposed(tmp_path):
    path = tmp_path / "home.csv"
    path.write_text(
        "meter_id,reading_ts,units_kwh,interval_min,voltage_v,temperature_c,power_factor,load_kw,frequency_hz\n"
        "H-1,2017-01-01 00:00:00,0.5,60,230,,0.9,0.4,\n"
    )
    (finding,) = read_delivery(path, load_profile("fontana")).findings
    assert (finding.what, finding.severity) == ("columns_unread", "warning")
    assert "'load_kw'" in finding.message
    assert finding.message.endswith("with --source ceew_fleet or uci_sceaux: was that meant?")
    assert read_delivery(path, load_profile("uci_sceaux")).findings == ()
