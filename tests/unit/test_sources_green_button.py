"""Green Button: a feed as NAESB REQ.21 writes it, made up; expected values worked by hand."""

import gzip

import pandas as pd
import pytest

from meter_core.quality import Limits, check
from meter_core.sources import (
    DeliveryReader,
    UnreadableDeliveryError,
    WrongSourceError,
    espi_records,
    load_profile,
    raw_lines,
    read_delivery,
)
from meter_core.sources.recognition import propose

PROFILE = load_profile("green_button")
BASE = "/espi/1_1/resource/Subscription/1/UsagePoint/UP-7"


def entry(href, content, *links):
    related = "".join(f'<link rel="{relation}" href="{target}"/>' for relation, target in links)
    return f'<entry><id>urn:uuid:x</id><link rel="self" href="{href}"/>{related}<content>{content}</content></entry>'


def reading_type(number, **codes):
    names = {"flow": "flowDirection", "power": "powerOfTenMultiplier", "uom": "uom", "kind": "accumulationBehaviour"}
    inner = "".join(f"<{names[name]}>{code}</{names[name]}>" for name, code in codes.items())
    return entry(
        f"/espi/1_1/resource/ReadingType/{number}", f'<ReadingType xmlns="http://naesb.org/espi">{inner}</ReadingType>'
    )


def meter_reading(number, kind):
    content = '<MeterReading xmlns="http://naesb.org/espi"/>'
    return entry(f"{BASE}/MeterReading/{number}", content, ("related", f"/espi/1_1/resource/ReadingType/{kind}"))


def block(number, *readings):
    inner = "".join(
        f"<IntervalReading>{f'<ReadingQuality><quality>{quality}</quality></ReadingQuality>' if quality else ''}"
        f"<timePeriod><duration>{seconds}</duration><start>{start}</start></timePeriod><value>{value}</value></IntervalReading>"
        for start, seconds, value, quality in readings
    )
    content = f'<IntervalBlock xmlns="http://naesb.org/espi">{inner}</IntervalBlock>'
    return entry(f"{BASE}/MeterReading/{number}/IntervalBlock/1", content)


def feed(*entries):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        + "\n".join(entries)
        + "</feed>"
    )


T0 = 1735689600  # 2025-01-01 00:00 UTC
SOLAR_HOME = feed(
    block(1, (T0, 3600, 450, "17"), (T0 + 3600, 3600, 512, "8"), (T0 + 7200, 3600, "", None)),
    meter_reading(1, 11),
    meter_reading(2, 12),
    meter_reading(3, 13),
    reading_type(11, flow=1, power=0, uom=72, kind=4),
    reading_type(12, flow=19, power=3, uom=72, kind=4),
    reading_type(13, flow=1, power=-3, uom=38, kind=12),
    block(2, (T0, 3600, 2, None)),
    block(3, (T0 + 10800, 900, 4_000_000, "0")),
)


@pytest.fixture
def read(tmp_path):
    def reader(text, zone="America/Los_Angeles"):
        path = tmp_path / "usage.xml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_delivery(path, PROFILE, zone)

    return reader


def test_units_powers_of_ten_and_directions(read):
    delivery = read(SOLAR_HOME)
    frame = delivery.frame
    assert (delivery.lines, len(frame)) == (5, 5)
    assert frame["line"].tolist() == [1, 2, 3, 4, 5]
    assert set(frame["meter_id"]) == {"UP-7"}
    assert frame["channel"].tolist() == ["import", "import", "import", "export", "import"]
    # 450 Wh, 512 Wh, nothing, 2 * 10^3 Wh, a mean of 4,000,000 * 10^-3 W over a quarter of an hour
    assert frame["units_kwh"].fillna(-1).tolist() == pytest.approx([0.45, 0.512, -1, 2, 1])
    assert frame["quality"].tolist() == ["validated", "estimated", "measured", "measured", "measured"]
    assert frame["interval_minutes"].tolist() == [60, 60, 60, 60, 15]
    assert frame["reading_ts"].iloc[1] == pd.Timestamp("2025-01-01 01:00Z")
    assert frame["code"].isna().all()


def test_what_cannot_be_an_energy_is_quarantined_with_its_reading(read, tmp_path):
    cases = [{"uom": 119, "power": 0}, {"uom": 72, "kind": 3}, {"uom": 72, "flow": 15, "kind": 4}]
    entries = [each for n, codes in enumerate(cases) for each in (meter_reading(n, n), reading_type(n, **codes))]
    blocks = [block(n, (T0 + 3600 * n, 3600, 7, "0")) for n in range(4)]
    wrong = block(0, ("soon", 3600, 7, "0"), (T0, 90, 7, "0"), (T0, 3600, 7, "99"))
    frame = read(feed(*entries, *blocks, wrong)).frame
    codes = ["bad_energy", "bad_energy", "bad_channel", "bad_energy", "bad_stamp", "bad_interval", "bad_quality"]
    assert frame["code"].tolist()[:4] == codes[:4]
    assert frame["code"].tolist()[4:] == codes[4:]
    text = raw_lines(tmp_path / "usage.xml", "utf-8", [4])[4]
    assert "<espi:value>7</espi:value>" in text
    assert str(T0 + 3 * 3600) in text


def test_in_parts_and_compressed(read, tmp_path, monkeypatch):
    whole = read(SOLAR_HOME).frame
    monkeypatch.setattr(espi_records, "ROWS", 2)
    monkeypatch.setattr("meter_core.sources.unpacking.PIECE", 13)
    path = tmp_path / "usage.xml.gz"
    path.write_bytes(gzip.compress(SOLAR_HOME.encode()))
    parts = list(DeliveryReader(path, PROFILE, "America/Los_Angeles").parts())
    assert [len(part.frame) for part in parts] == [2, 2, 1]
    pd.testing.assert_frame_equal(pd.concat([part.frame for part in parts]), whole)
    assert "512" in parts[0].raw_lines(pd.Series([2]).to_numpy())[0].as_py()


def test_a_feed_with_one_reading_type_needs_no_links(read):
    inner = block(1, (T0, 3600, 450, "0")).replace(f'href="{BASE}/MeterReading/1/IntervalBlock/1"', f'href="{BASE}/x"')
    assert read(feed(reading_type(1, flow=1, uom=72, power=1), inner)).frame["units_kwh"].tolist() == [4.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SOLAR_HOME[:-20], "line 1[01] is no well-formed XML from column .*or cut off"),
        (feed(meter_reading(1, 1)), "has no interval readings"),
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><feed>&a;</feed>', "declares a document type"),
        (SOLAR_HOME.encode("utf-16"), "has zero bytes"),
        ("meter_id,value\n", "line 1 is no well-formed XML"),
    ],
    ids=range(5),
)
def test_a_feed_that_is_broken_as_a_whole_is_refused(read, content, words):
    with pytest.raises(UnreadableDeliveryError, match=words):
        read(content)


def test_the_rules_judge_it_like_any_other_and_inspect_knows_it(read, tmp_path):
    verdict = check(read(SOLAR_HOME).frame, Limits())
    assert {code: count for code, count in verdict.counts.items() if count} == {"missing_energy": 1}
    with pytest.raises(WrongSourceError, match="Green Button by a built-in profile: say --source green_button"):
        propose(tmp_path / "usage.xml")
