"""Rules and verdict, on made-up deliveries (faults) and on measured ones."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.finding import Severity
from meter_core.quality import RULES, Action, Limits, check
from meter_core.sources import load_profile, read_delivery, template_csv

HEADER = template_csv().splitlines()[0]
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(now=NOW, stop_above_share=1)


@pytest.fixture
def frame_of(tmp_path):
    def reader(*lines, profile="canonical", header=HEADER):
        path = tmp_path / "delivery.csv"
        path.write_text("\n".join((header, *lines)) + "\n")
        return read_delivery(path, load_profile(profile)).frame

    return reader


def line(energy="0.4", stamp="2025-01-01T00:00:00Z", rest="230,20,0.95,0.5,50", meter="M1", minutes="60"):
    return f"{meter},{stamp},{minutes},{energy},{rest}"


def test_a_good_delivery_has_no_finding(frame_of):
    verdict = check(frame_of(line()), LIMITS)
    assert (verdict.findings, verdict.quarantined, verdict.stopped) == ((), 0, False)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line(stamp="2090-01-01T00:00:00Z"), "impossible_stamp"),
        (line(stamp="1970-01-01T00:00:00Z"), "impossible_stamp"),
        (line(energy="-0.1"), "negative_energy"),
        (line(energy="1e12"), "impossible_energy"),
        (line(energy="x"), "bad_energy"),
    ],
)
def test_impossible_energy_or_time_is_quarantined(frame_of, bad, code):
    verdict = check(frame_of(line(meter="M2"), bad), LIMITS)
    assert verdict.frame["code"].tolist() == [None, code]
    assert verdict.counts[code] == verdict.quarantined == 1
    finding = next(finding for finding in verdict.findings if finding.what == code)
    assert finding.severity is Severity.ERROR
    assert finding.where == "the delivery line 3"
    assert finding.evidence["lines"] == [3]


def test_a_stamp_of_just_now_is_possible(frame_of):
    frame = frame_of(line(stamp="2026-01-01T00:30:00Z"))
    assert check(frame, LIMITS).quarantined == 0


def test_negative_net_is_valid(frame_of):
    frame = frame_of(line(energy="-0.1"))
    frame["channel"] = "net"
    assert check(frame, LIMITS).quarantined == 0


@pytest.mark.parametrize(
    ("rest", "column", "value"),
    [
        ("-1,20,0.95,0.5,50", "voltage_v", "-1.0"),
        ("230,99,0.95,0.5,50", "temperature_c", "99.0"),
        ("230,20,1.18,0.5,50", "power_factor", "1.18"),
        ("230,20,0.95,0.5,-5", "frequency_hz", "-5.0"),
    ],
)
def test_an_impossible_quantity_is_blanked_with_its_value_and_the_row_stays(frame_of, rest, column, value):
    verdict = check(frame_of(line(rest=rest)), LIMITS)
    assert verdict.quarantined == 0
    assert np.isnan(verdict.frame[column].iloc[0])
    assert verdict.frame["blanked"].iloc[0] == {column: {"code": f"impossible_{column}", "value": value}}


def test_blanks_of_reading_and_of_rules_stand_together(frame_of):
    verdict = check(frame_of(line(rest="?,20,1.18,0.5,50")), LIMITS)
    assert {name: entry["code"] for name, entry in verdict.frame["blanked"].iloc[0].items()} == {
        "voltage_v": "not_a_number",
        "power_factor": "impossible_power_factor",
    }


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("0,20,0.95,0.5,50", "outage"),
        ("260,20,0.95,0.5,50", "unusual_voltage_v"),
        ("230,55,0.95,0.5,50", "unusual_temperature_c"),
        ("230,20,0.5,0.5,50", "unusual_power_factor"),
        ("230,20,0.95,7,50", "unusual_load_kw"),
        ("230,20,0.95,0.5,60", "unusual_frequency_hz"),
    ],
)
def test_the_unusual_is_flagged_and_loaded_as_it_is(frame_of, rest, code):
    frame = frame_of(line(rest=rest))
    verdict = check(frame, LIMITS)
    assert verdict.counts[code] == 1
    assert verdict.quarantined == 0
    pd.testing.assert_frame_equal(verdict.frame, frame)


def test_limits_come_from_the_grid_and_the_fuse(frame_of):
    frame = frame_of(line(rest="120,20,0.95,0.5,60", energy="8", minutes="30"))
    american = Limits(now=NOW, nominal_voltage_v=120, nominal_frequency_hz=60, fuse_kw=16)
    assert check(frame, american).findings == ()
    assert check(frame, Limits(now=NOW, nominal_voltage_v=120, nominal_frequency_hz=60, fuse_kw=15)).counts["over_fuse"]


def test_equal_values_of_one_key_do_not_conflict(frame_of):
    assert check(frame_of(line(), line(), line(energy="")), LIMITS).quarantined == 0


def test_unequal_values_of_one_key_without_an_order_all_go(frame_of):
    verdict = check(frame_of(line(), line(energy="0.5"), line(), line(meter="M2")), LIMITS)
    assert verdict.frame["code"].tolist() == ["conflicting_in_file"] * 3 + [None]


@pytest.mark.parametrize("column", ["quality", "source_version", "available_ts"])
def test_an_order_settles_unequal_values(frame_of, column):
    frame = frame_of(line(), line(energy="0.5"))
    later = {"quality": "validated", "source_version": 1, "available_ts": pd.Timestamp("2025-06-01", tz="UTC")}
    frame.loc[1, column] = later[column]
    assert check(frame, LIMITS).quarantined == 0


def test_values_that_are_equal_in_order_conflict_though_a_better_one_is_there(frame_of):
    frame = frame_of(line(), line(energy="0.5"), line(energy="0.6"))
    frame.loc[2, "quality"] = "validated"
    assert check(frame, LIMITS).frame["code"].tolist() == ["conflicting_in_file"] * 2 + [None]


def test_a_bad_line_does_not_conflict_with_a_good_one(frame_of):
    verdict = check(frame_of(line(), line(energy="-3")), LIMITS)
    assert verdict.frame["code"].tolist() == [None, "negative_energy"]


def test_the_frame_that_was_given_is_left_as_it_is(frame_of):
    frame = frame_of(line(energy="-1", rest="230,20,1.18,0.5,50"))
    before = frame.copy(deep=True)
    check(frame, LIMITS)
    pd.testing.assert_frame_equal(frame, before)


def test_a_delivery_is_stopped_above_the_threshold_and_not_at_it(frame_of):
    lines = [line(meter=f"M{n}") for n in range(8)] + [line(energy="x", meter=f"B{n}") for n in range(2)]
    assert not check(frame_of(*lines), Limits(now=NOW, stop_above_share=0.2)).stopped
    stopped = check(frame_of(*lines), Limits(now=NOW, stop_above_share=0.19), "night.csv")
    assert stopped.stopped_reason is not None
    assert "night.csv was stopped and nothing of it loaded: 2 of 10 values (20.0%)" in stopped.stopped_reason
    assert "bad_energy, the first in line 10" in stopped.stopped_reason


def test_findings_carry_neither_meter_nor_value(frame_of):
    verdict = check(frame_of(line(meter="SECRET-7", energy="-31.4159")), LIMITS, "night.csv")
    text = str([finding.as_dict() for finding in verdict.findings]) + str(verdict.stopped_reason)
    assert verdict.findings
    assert "SECRET-7" not in text
    assert "31.4159" not in text


def test_each_rule_is_declared_once_and_says_what_it_does():
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))
    assert all(len(rule.sentence) > 20 for rule in RULES)
    assert {rule.action for rule in RULES} == set(Action)


def measured(name, profile):
    for folder in (ROOT / "data", ROOT.parent / "shared" / "data"):
        if (folder / name).is_file():
            return read_delivery(folder / name, load_profile(profile)).frame
    return pytest.skip(f"{name} is a development file; put it into {ROOT.parent / 'shared' / 'data'}")


def test_the_fleets_impossible_power_factors_are_blanked():
    verdict = check(measured("ceew_mathura_fleet_hourly_2020-01.csv", "ceew_fleet"), LIMITS)
    assert verdict.counts["impossible_power_factor"] == 20  # README of the file
    assert verdict.frame["power_factor"].max() <= 1
    assert verdict.quarantined == 0


def test_the_outage_is_flagged_and_kept():
    verdict = check(measured("ceew_br29_outage_2020-07-01.csv", "ceew_minutes"), LIMITS)
    assert verdict.counts["outage"] == 2
    assert (verdict.frame["voltage_v"] == 0).sum() == 2


def test_a_home_above_five_kilowatts_and_below_power_factor_07_crashes_nothing():
    verdict = check(measured("uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux"), LIMITS)
    assert verdict.quarantined == verdict.counts["nonexistent_local_time"] == 3
    assert verdict.counts["unusual_load_kw"] == 256
    assert verdict.counts["unusual_power_factor"] == 59
    assert verdict.counts["missing_energy"] == 212
