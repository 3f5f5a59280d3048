"""Source profiles: the built-in ones, what a YAML file may say, and how it is told what is wrong."""

import re
from pathlib import Path

import pytest

from meter_core.contracts.readings import CANONICAL_COLUMNS
from meter_core.sources import (
    Kind,
    Profile,
    Stamp,
    WrongSourceError,
    load_profile,
    profile_names,
    read_delivery,
    template_csv,
)
from meter_core.sources.profile import MAPPABLE

GOOD = """
name: nightly
zone: Europe/Paris
meter_id: METER-1
interval_minutes: 60
columns: {reading_ts: Zeit, units_kwh: Wert, load_kw: Leistung}
quantities: {load_kw: interval_mean}
"""


def written(tmp_path, text):
    path = tmp_path / "nightly.yaml"
    path.write_text(text)
    return path


def problem(tmp_path, text):
    with pytest.raises(WrongSourceError) as caught:
        load_profile(written(tmp_path, text))
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_every_file_of_the_design_has_its_profile():
    expected = {"canonical", "uci_sceaux", "ceew_daily", "ceew_fleet", "ceew_minutes", "fontana", "vic_elec"}
    assert set(profile_names()) >= expected
    assert profile_names()[0] == "canonical"
    assert all(load_profile(name).name == name and load_profile(name).description for name in profile_names())


def test_the_fleet_says_that_its_load_is_an_interval_mean():
    assert load_profile("ceew_fleet").quantities["load_kw"] is Kind.INTERVAL_MEAN
    assert load_profile("uci_sceaux").quantities["load_kw"] is Kind.INSTANT


def test_the_template_has_the_canonical_header():
    assert template_csv().splitlines()[0] == ",".join(CANONICAL_COLUMNS)


def test_a_profile_from_a_file(tmp_path):
    profile = load_profile(written(tmp_path, GOOD))
    assert (profile.zone, profile.columns["units_kwh"]) == ("Europe/Paris", "Wert")


def test_the_digest_changes_with_what_decides_the_reading_and_not_with_the_words(tmp_path):
    digest = load_profile(written(tmp_path, GOOD)).digest
    assert load_profile(written(tmp_path, GOOD + "description: other words\n")).digest == digest
    assert load_profile(written(tmp_path, GOOD + "units: {units_kwh: Wh}\n")).digest != digest


def test_numbers_as_missing_codes_are_the_text_of_the_file(tmp_path):
    assert load_profile(written(tmp_path, GOOD + "missing: [-999, NA]\n")).missing == ("-999", "NA")


def test_an_unknown_name_gets_the_nearest_and_all():
    with pytest.raises(WrongSourceError, match=r"no source profile 'uci_seaux'; did you mean uci_sceaux\?.*vic_elec"):
        load_profile("uci_seaux")


def test_a_yaml_file_that_is_not_there(tmp_path):
    with pytest.raises(WrongSourceError, match=r"gone\.yaml: No such file"):
        load_profile(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name: nightly", "name: nightly\n  zone: ["), "line 3 is not YAML"),
        (("Europe/Paris", "Europe/Pariss"), "'Europe/Pariss' is not an IANA zone"),
        (("{load_kw: interval_mean}", "{}"), "load_kw is mapped, so say load_kw: instant"),
        (("meter_id: METER-1\n", ""), "meter_id: say it once"),
        (("units_kwh: Wert, ", ""), "units_kwh is not mapped"),
        (("zone:", "zones:"), "zones: there is no such key"),
        (("load_kw: Leistung", "load_kW: Leistung"), "columns: 'load_kW' cannot be; allowed: meter_id"),
        (("interval_minutes: 60", "interval_minutes: -5"), "interval_minutes: .*-5"),
        (("name: nightly", "units: {units_kwh: kwh}\nname: nightly"), "'kwh' cannot be; allowed: kWh, Wh, MWh"),
        (("name: nightly", "encoding: utf9\nname: nightly"), "encoding 'utf9' is not known"),
        (("name: nightly", "quality: guessed\nname: nightly"), "'guessed' cannot be; allowed: measured"),
    ],
)
def test_what_is_wrong_is_named_with_field_and_value(tmp_path, change, words):
    message = problem(tmp_path, GOOD.replace(*change))
    assert re.search(words, message), message


def test_a_yaml_file_that_is_something_else(tmp_path):
    assert "is not a source profile" in problem(tmp_path, "- one\n- two\n")


def test_the_example_of_the_documentation_reads_its_file(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "source-profiles.md").read_text()
    lines, yaml = re.findall(r"^```\w*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[:2]
    (tmp_path / "delivery.csv").write_text(lines, encoding="latin-1")
    frame = read_delivery(tmp_path / "delivery.csv", load_profile(written(tmp_path, yaml))).frame
    assert frame["code"].isna().all()
    assert frame["reading_ts"].iloc[0].isoformat() == "2025-01-31T23:00:00+00:00"  # the quarter before 00:15 at UTC+1
    assert frame["available_ts"].iloc[0].isoformat() == "2025-02-01T05:15:00+00:00"  # six hours after its end
    assert frame["units_kwh"].tolist()[0] == pytest.approx(0.1035)
    assert frame["quality"].tolist() == ["measured", "estimated"]


def test_every_other_example_of_the_documentation_reads_its_file_too(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "source-profiles.md").read_text()
    examples = re.findall(r"^```\n([^`]*?)^```\n\n(?:[^`\n]+\n\n)?^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert "telemetry" in [yaml.split()[1] for _, yaml in examples]
    for content, yaml in examples:
        (tmp_path / "delivery").write_text(content)
        delivery = read_delivery(tmp_path / "delivery", load_profile(written(tmp_path, yaml)))
        assert delivery.frame["code"].isna().all(), yaml
        assert delivery.frame["units_kwh"].notna().any()


def test_the_documentation_lists_every_key_and_every_column():
    page = (Path(__file__).parents[2] / "docs" / "source-profiles.md").read_text()
    keys = {*Profile.model_fields, *(f"stamp.{name}" for name in Stamp.model_fields), *MAPPABLE} - {"stamp"}
    assert not [key for key in keys if f"`{key}`" not in page]
