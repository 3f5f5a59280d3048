"""Cumulative registers become energies of their intervals: worked by hand. All files are made up."""

import random
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from meter_core.quality import Limits, check
from meter_core.quality.suite import Suite, suite_frame
from meter_core.sources import DeliveryReader, Profile, UnreadableDeliveryError, read_delivery, registers, text_lines
from meter_core.sources.installed import Installed
from meter_core.sources.part import Part

DECLARED = {
    "name": "registers",
    "zone": "Europe/Paris",
    "interval_minutes": 60,
    "stamp": {"marks": "end"},
    "columns": {"meter_id": "m", "reading_ts": "t", "units_kwh": "e"},
    "registers": {"digits": 4},
}
HEADER = "m,t,e"


class Facts:
    """What a store would know."""

    def __init__(self, devices=(), stored=None):
        self.devices = devices
        self.stored = stored or {}
        self.asked = []

    def installations(self, meters):
        columns = ["meter_id", "valid_from", "valid_until", "device", "multiplier", "register_digits", "fuse_kw"]
        frame = pd.DataFrame([each for each in self.devices if each[0] in meters], columns=columns)
        for name in ("valid_from", "valid_until"):
            frame[name] = pd.DatetimeIndex(pd.to_datetime(frame[name], utc=True, format="ISO8601")).as_unit("us")
        kinds = {"meter_id": "str", "device": "str"}
        return frame.astype({**kinds, **dict.fromkeys(("multiplier", "register_digits", "fuse_kw"), float)})

    def registers(self, wanted):
        keys = [(row.meter_id, row.channel, row.read_ts.isoformat()) for row in wanted.itertuples()]
        self.asked += keys
        found = [self.stored.get(key, (np.nan, "")) for key in keys]
        return pd.DataFrame(found, columns=["value", "device"], index=wanted.index)


def read(folder, lines, facts=None, **changes):
    path = folder / "delivery.csv"
    path.write_text("\n".join(lines) + "\n")
    reader = DeliveryReader(path, Profile.model_validate({**DECLARED, **changes}), None, facts)
    frame = pd.concat([part.frame for part in reader.parts()]).sort_index()
    assert reader.rows == len(frame)
    return frame


def at(*hours_and_values, meter="A", day="2025-01-01"):
    return [HEADER, *(f"{meter},{day} {hour:02}:00,{value}" for hour, value in hours_and_values)]


def energies(frame):
    return [None if np.isnan(value) else value for value in frame["units_kwh"]]


def kept(frame):
    return [(entry or {}).get("register", {}).get("code") for entry in frame["blanked"]]


def test_a_reading_is_the_energy_since_the_one_before(tmp_path):
    frame = read(tmp_path, at((1, 100.5), (2, 101.75), (3, 101.75), (4, 104)))
    assert energies(frame) == [None, 1.25, 0, 2.25]
    assert frame["reading_ts"].iloc[1] == pd.Timestamp("2025-01-01 00:00Z")  # 01:00 to 02:00 in Paris
    assert kept(frame) == ["register_gap", None, None, "register_end"]
    assert frame["blanked"].iloc[0]["register"]["value"] == "100.5"
    assert frame["code"].isna().all()


def test_what_was_followed_is_not_kept_until_the_end_of_a_long_file():
    meters, hours = [f"M{n}" for n in range(20)], 30
    differences = registers.Registers(Profile.model_validate(DECLARED), "file", Installed(None), None)

    def as_texts(lines):
        return pa.array([str(line) for line in lines])

    def hour_by_hour():
        for hour in range(hours):
            index = range(hour * 20, hour * 20 + 20)
            stamps = pd.DatetimeIndex([pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(hours=hour)] * 20)
            columns = {"line": index, "meter_id": pd.array(meters, dtype="str"), "channel": "import"}
            columns |= {"reading_ts": stamps.as_unit("us"), "interval_minutes": 60, "units_kwh": 100.0 + hour}
            nothing = pd.Series([None] * 20, dtype=object, index=index)
            yield Part(pd.DataFrame({**columns, "code": nothing, "blanked": nothing}, index=index), as_texts)

    remembered, found = [], []
    for part in differences.differences(hour_by_hour()):
        remembered.append(sum(map(len, differences._ends)))
        found.append(part.frame.assign(text=part.raw_lines(part.frame["line"].to_numpy()).to_pylist()))
    assert set(remembered) == {20}
    frame = pd.concat(found)
    assert sorted(frame["line"]) == list(range(20 * hours))
    assert frame["text"].tolist() == [str(line) for line in frame["line"]]
    energy = energies(frame)
    assert (energy.count(1.0), energy.count(None)) == (20 * (hours - 1), 20)
    marked = {line: code for line, code in zip(frame["line"], kept(frame), strict=True) if code}
    assert marked == dict.fromkeys(range(20), "register_gap") | dict.fromkeys(
        range(20 * hours - 20, 20 * hours), "register_end"
    )
    for _, series in frame[frame["line"] >= 20].groupby("meter_id"):  # what had to wait came in the order of time
        assert series["line"].is_monotonic_increasing


def test_differences_of_decimals_leave_no_binary_residue(tmp_path):
    frame = read(tmp_path, at((1, "12345.567"), (2, "12345.678")))
    assert energies(frame) == [None, 0.111]


def test_a_gap_is_never_one_giant_interval(tmp_path):
    frame = read(tmp_path, at((1, 100), (2, 101), (6, 109), (7, 110)))
    assert energies(frame) == [None, 1, None, 1]
    assert kept(frame) == ["register_gap", "register_end", "register_gap", "register_end"]


def test_a_blank_or_broken_reading_is_a_gap_for_the_one_after(tmp_path):
    frame = read(tmp_path, at((1, 100), (2, ""), (3, 103), (4, "x"), (5, 105), (6, 106)))
    assert energies(frame) == [None, None, None, None, None, 1]
    assert frame["code"].tolist() == [None, None, None, "bad_energy", None, None]


def test_a_rollover_exceeds_nine_tenths_of_the_range_and_nothing_else_is_one(tmp_path):
    assert energies(read(tmp_path, at((1, 9998.5), (2, 1)))) == [None, 2.5]
    dropped = read(tmp_path, at((1, 9000), (2, 10), (3, 11)))
    assert dropped["code"].tolist() == [None, "register_drop", None]
    assert energies(dropped) == [None, None, 1]
    unknown = read(tmp_path, at((1, 9998.5), (2, 1)), registers={})
    assert unknown["code"].tolist() == [None, "register_drop"]


def test_a_rollover_counts_in_the_unit_of_the_register(tmp_path):
    frame = read(tmp_path, at((1, 9998), (2, 2)), units={"units_kwh": "MWh"})
    assert energies(frame) == [None, 4000]


def test_a_rollover_whose_load_the_fuse_forbids_is_a_drop(tmp_path):
    device = ("A", "2020-01-01 00:00Z", None, "D1", 1, np.nan, 30.0)
    assert read(tmp_path, at((1, 9990), (2, 15)), Facts([device]))["units_kwh"].iloc[1] == 25
    frame = read(tmp_path, at((1, 9960), (2, 15)), Facts([device]))
    assert frame["code"].tolist() == [None, "register_drop"]


def test_a_net_register_may_run_backwards_and_roll_over_either_way(tmp_path):
    frame = read(tmp_path, at((1, 5), (2, 2), (3, 9999), (4, 1)), channel="net")
    assert energies(frame) == [None, -3, -3, 2]
    assert frame["code"].isna().all()


DEVICES = [
    ("A", "2020-01-01 00:00Z", "2025-01-01 01:30Z", "D1", 40.0, 6.0, np.nan),
    ("A", "2025-01-01 01:30Z", None, "D2", 20.0, 8.0, np.nan),
]


def test_an_exchange_on_record_parts_the_registers_and_each_has_its_multiplier(tmp_path):
    facts = Facts(DEVICES)
    lines = at((1, 999_999), (2, 0.5), (3, 7), (4, 8))  # the exchange is at 02:30 in Paris
    frame = read(tmp_path, lines, facts, multiplier="required")
    assert energies(frame) == [None, 60, None, 20]
    assert [entry["register"].get("device") for entry in frame["blanked"] if entry] == ["D1", "D2", "D2"]
    assert frame["code"].isna().all()


def test_an_exchange_that_the_file_tells(tmp_path):
    columns = {**DECLARED["columns"], "device": "d"}
    lines = [
        "m,t,e,d",
        "A,2025-01-01 01:00,10,X",
        "A,2025-01-01 02:00,11,X",
        "A,2025-01-01 03:00,1000,Y",
        "A,2025-01-01 04:00,1001,Y",
    ]
    assert energies(read(tmp_path, lines, columns=columns)) == [None, 1, None, 1]


def test_a_multiplier_that_the_profile_requires_and_nobody_knows(tmp_path):
    lines = [*at((1, 10), (2, 11)), *at((1, 10), (2, 11), meter="B")[1:]]
    facts = Facts(DEVICES)
    required = read(tmp_path, lines, facts, multiplier="required")
    assert required["code"].tolist() == [None, None, "unknown_multiplier", "unknown_multiplier"]
    assert energies(read(tmp_path, lines, facts, multiplier="where_known"))[1::2] == [40, 1]
    assert energies(read(tmp_path, lines, facts))[1::2] == [1, 1]


def test_a_multiplier_holds_for_energies_of_intervals_too(tmp_path):
    frame = read(tmp_path, at((1, 10), (2, 11), (4, 3)), Facts(DEVICES), registers=None, multiplier="required")
    assert energies(frame) == [400, 440, 60]


def test_a_delivery_goes_on_where_an_earlier_one_ended(tmp_path):
    stored = {("A", "import", "2024-12-31T23:00:00+00:00"): (99.5, "")}
    facts = Facts(stored=stored)
    frame = read(tmp_path, [*at((1, 100.5), (2, 102)), *at((1, 7), meter="B")[1:]], facts)
    assert energies(frame) == [1, 1.5, None]
    assert sorted(facts.asked) == [
        ("A", "import", "2024-12-31T23:00:00+00:00"),
        ("B", "import", "2024-12-31T23:00:00+00:00"),
    ]
    elsewhere = Facts(stored={("A", "import", "2024-12-31T22:00:00+00:00"): (99.5, "")})
    assert energies(read(tmp_path, at((1, 100.5), (2, 102)), elsewhere)) == [None, 1.5]


def test_equal_and_contradicting_readings_of_one_time(tmp_path):
    equal = read(tmp_path, at((1, 10), (2, 12), (2, 12), (3, 13)))
    assert energies(equal) == [None, 2, 2, 1]
    contradicting = check(read(tmp_path, at((1, 10), (2, 12), (2, 15), (3, 17), (4, 18))), Limits())
    assert contradicting.frame["code"].tolist() == [None, "conflicting_in_file", "conflicting_in_file", None, None]
    assert energies(contradicting.frame)[3:] == [None, 1]


@pytest.mark.parametrize("order", ["by meter", "by time", "newest first", "shuffled"])
def test_parts_are_the_whole_in_any_order(tmp_path, monkeypatch, order):
    """Two meters over the night in which Paris has 02:00 to 03:00 twice, with a gap, on the local clock."""
    hours = ["00:00", "01:00", "02:00", "02:00", "03:00", "04:00", "07:00", "08:00"]
    rows = [
        f"{meter},2025-10-26 {hour},{100 + number * number}"
        for meter in ("A", "B")
        for number, hour in enumerate(hours)
    ]
    expected = {"A": [None, 1, 3, 5, 7, 9, None, 13], "B": [None, 1, 3, 5, 7, 9, None, 13]}
    if order == "by time":
        rows = [row for pair in zip(rows[:8], rows[8:], strict=True) for row in pair]
    if order == "newest first":
        rows.reverse()
    if order == "shuffled":  # the repeated hour keeps its order, or nobody could tell
        fixed = [row for row in rows if "02:00" in row]
        others = [row for row in rows if "02:00" not in row]
        random.Random(3).shuffle(others)
        rows = [*others[:5], *fixed, *others[5:]]
    whole = read(tmp_path, [HEADER, *rows])
    monkeypatch.setattr(text_lines, "BLOCK", 60)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 11)
    pieced = read(tmp_path, [HEADER, *rows])
    for frame in (whole, pieced):
        good = frame.sort_values(["meter_id", "reading_ts"])
        assert {meter: energies(some) for meter, some in good.groupby("meter_id")} == expected
        marks = ["register_gap", None, None, None, None, "register_end", "register_gap", "register_end"]
        assert {meter: kept(some) for meter, some in good.groupby("meter_id")} == {"A": marks, "B": marks}


def test_import_and_export_registers_on_one_line(tmp_path):
    lines = ["m,t,in,out", "A,2025-01-01 01:00,10,5", "A,2025-01-01 02:00,12,5.5"]
    columns = {"meter_id": "m", "reading_ts": "t"}
    frame = read(tmp_path, lines, columns=columns, channels={"import": "in", "export": "out"})
    assert energies(frame) == [None, None, 2, 0.5]


def test_registers_that_hardly_follow_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(registers, "HELD_MOST", 5)
    lines = at(*((hour, hour) for hour in range(1, 24)))
    with pytest.raises(UnreadableDeliveryError, match="of 23 register values 23 have none before them by one interval"):
        read(tmp_path, lines, interval_minutes=15)


def test_rules_and_suite_say_the_same_of_registers(tmp_path):
    frame = read(tmp_path, at((1, 100), (2, 101), (3, ""), (6, 109), (7, 100)))
    verdict = check(frame, Limits())
    counts = {code: count for code, count in verdict.counts.items() if count}
    assert counts == {"register_drop": 1, "register_gap": 2, "missing_energy": 1}
    result = Suite(Limits()).run(suite_frame(frame, verdict.frame))
    assert {each.code: each.unexpected for each in result.outcomes if each.unexpected} == counts


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stamp": {"marks": "start"}}, "it is read when its interval ends; say `marks: end`"),
        ({"units": {"units_kwh": "kW"}}, "a register counts energy, not kW"),
        ({"registers": {"digits": 0}}, "registers.digits"),
        ({"registers": None, "columns": {**DECLARED["columns"], "device": "d"}}, "say `registers: {}`"),
        ({"multiplier": "maybe"}, "multiplier"),
        (
            {"columns": {"meter_id": "m", "reading_ts": "d"}, "wide": {"columns": "H{01..24}"}, "stamp": {}},
            "no register",
        ),
    ],
)
def test_what_a_profile_of_registers_cannot_say(changes, words):
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate({**DECLARED, **changes})
    assert re.search(words, str(caught.value)), caught.value


def test_read_whole_without_a_store(tmp_path):
    path = tmp_path / "delivery.csv"
    path.write_text("\n".join(at((1, 1), (2, 3))) + "\n")
    assert energies(read_delivery(path, Profile.model_validate(DECLARED)).frame) == [None, 2]
