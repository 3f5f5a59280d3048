"""Lines that Arrow reads into numbers at once give what lines give that are taken apart with care. All made up."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_core.sources import DeliveryReader, Profile, csv_records, read_delivery
from meter_core.sources.columns import plain_columns

PROFILES = {
    "points": {},
    "commas": {"delimiter": ";", "decimal": ","},
    "missing codes": {"missing": ["-999", "NA"]},
    "versions": {"columns": {"source_version": "v"}},
    "commas and versions": {"delimiter": ";", "decimal": ",", "columns": {"source_version": "v"}},
}
TOKENS = [
    "1",
    "0.5",
    ".5",
    "5.",
    "-2",
    "+3",
    "1e3",
    "1E-2",
    "1,5",
    "1.5",
    " 4",
    "4 ",
    "\t4",
    "nan",
    "NaN",
    "inf",
    "-inf",
]
TOKENS += [
    "1e999",
    "1e-400",
    "0x10",
    "1_0",
    "-999",
    " -999",
    "NA",
    "",
    " ",
    '"7"',
    '"',
    "abc",
    "1 2",
    "\u00a05",
    "\u0661",
    "--1",
]
PLAIN = st.sampled_from(["1", "0.25", "-2", "17.125", "", "-999"])
STAMPS = [f"2025-02-0{day}T00:00:00" for day in (1, 2, 3)] + ["", "oops", " 2025-02-04T00:00:00 ", "2025-02-05"]
ENDS = ["\n", "\r\n", "\r"]


def profile(name: str) -> Profile:
    changes = PROFILES[name]
    columns = {"meter_id": "m", "reading_ts": "t", "units_kwh": "e", "voltage_v": "u"}
    return Profile.model_validate(
        {
            "name": "made",
            "zone": "UTC",
            "interval_minutes": 60,
            "quantities": {"voltage_v": "instant"},
            **changes,
            "columns": columns | changes.get("columns", {}),
        }
    )


def lines(number: st.SearchStrategy) -> st.SearchStrategy:
    fields = st.tuples(st.sampled_from(["a", " b", ""]), st.sampled_from(STAMPS), number, number, number)
    return st.lists(fields | st.just(("",)) | st.just(("a", "too few")), min_size=1, max_size=8)


@pytest.mark.parametrize("name", PROFILES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_plain_lines_are_read_as_with_care(tmp_path_factory, name, data):
    how = profile(name)
    rows = data.draw(lines(PLAIN) | lines(st.sampled_from(TOKENS)))
    end = data.draw(st.sampled_from(ENDS))
    text = end.join(
        how.delimiter.join(row) for row in [("m", "t", "e", "u", "v"), ("a", STAMPS[0], "1", "", ""), *rows]
    )
    path = tmp_path_factory.mktemp("plain", numbered=True) / "delivery.csv"
    path.write_bytes(text.encode())
    quick = read_delivery(path, how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "plain_columns", lambda *_: None)
        careful = read_delivery(path, how)
    pd.testing.assert_frame_equal(quick.frame, careful.frame, check_exact=True)
    assert quick.lines == careful.lines


@pytest.mark.parametrize("neighbour", ["a;2025-02-02T00:00:00;1,5;;1", '"a";2025-02-02T00:00:00;1,5;;1'])
def test_a_version_is_read_alike_whatever_its_neighbours(tmp_path, neighbour):
    path = tmp_path / "delivery.csv"
    path.write_text(f"m;t;e;u;v\na;{STAMPS[0]};1,5;;3,0\na;{STAMPS[2]};1,5;;3.0\n{neighbour}\n")
    frame = read_delivery(path, profile("commas and versions")).frame
    assert frame["source_version"].tolist() == [3, 0, 1]
    assert frame["code"].tolist() == [None, "bad_version", None]


VERSIONS = {
    "9223372036854775807": 2**63 - 1,
    "-9223372036854775808": -(2**63),
    "20241124120000123": 20241124120000123,
    "20241124120000124": 20241124120000124,
    "9223372036854775808": None,
    "-9223372036854775809": None,
    "1e19": None,
    "99999999999999999999999999": None,
    "5e18": 5 * 10**18,
}


@pytest.mark.parametrize("quoted", ["{}", '"{}"'])
def test_a_version_is_exact_or_refused_however_long(tmp_path, quoted):
    path = tmp_path / "delivery.csv"
    lines = [f"a,2025-02-01T00:00:00,1.5,,{quoted.format(version)}" for version in VERSIONS]
    path.write_text("\n".join(["m,t,e,u,v", *lines, ""]))
    part, *_ = DeliveryReader(path, profile("versions")).parts()
    frame = part.frame
    assert frame["source_version"].tolist() == [value or 0 for value in VERSIONS.values()]
    refused = frame["code"] == "bad_version"
    assert refused.tolist() == [value is None for value in VERSIONS.values()]
    assert part.raw_lines(frame.loc[refused, "line"].to_numpy()).to_pylist() == lines[4:8]


@pytest.mark.parametrize(
    ("line", "is_plain"),
    [
        ("a,t,1.5,230,2", True),
        ("a,t,,,", True),
        ("a,t,1.5,230,2\r", False),
        ("a,t,1.5,230", False),
        ("a,t,1.5,nan,2", False),
        ("a,t,1.5,1e999,2", False),
        ('a,"t",1.5,230,2', False),
    ],
)
def test_which_lines_are_plain(line, is_plain):
    found = plain_columns(line.encode(), 1, ["m", "t", "e", "u", "v"], profile("points"))
    assert (found is not None) == is_plain
