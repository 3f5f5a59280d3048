"""How complete meters are: by local day, also where the clock changes; gaps found; a page that needs no network."""

from datetime import date

import pytest

from meter_core.contracts.errors import UsageError
from meter_core.jobs.completeness import Window, completeness
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL
from tests.integration.store_deliveries import deliver, row

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

SPRING = date(2024, 3, 31)
"""Of 23 hours in Paris; hour 0 of the hand-made deliveries is 24:00 there, where the next day begins."""


@pytest.fixture
def find(tmp_path, database_url):
    settings = Settings(home=tmp_path / "home", database_url=database_url)
    return lambda *days: completeness(*(days or (None, None)), settings, database_url)


def days_of(store: Store, *meters: str) -> dict:
    return Window(store, date(2024, 3, 30), date(2024, 4, 2), store.newest_end()).days_of(meters)


def test_without_readings_there_is_nothing_to_draw(find):
    with pytest.raises(UsageError, match="meter ingest"):
        find()


def test_days_of_23_hours_and_partly_known_ones(store: Store, find):
    whole = [row(hour, 1.0, meter_id="whole") for hour in range(-47, 24)]
    holes = [row(hour, 1.0 if hour % 2 else None, meter_id="holes") for hour in range(-23, 24)]
    late = [row(hour, 1.0, meter_id="late", quality="estimated") for hour in range(6)] + [row(6, 1.0, meter_id="late")]
    deliver(store, "a", [*whole, *holes, *late])
    found = find(date(2024, 3, 30), date(2024, 4, 2))
    by_name = days_of(store, "whole", "holes", "late")
    assert [(str(day), shares.measured) for day, shares in by_name["whole"].days.items()] == [
        ("2024-03-30", 1.0),
        ("2024-03-31", 1.0),
        ("2024-04-01", 1.0),
    ]
    holed = by_name["holes"].days[SPRING]
    assert (holed.measured, holed.missing, holed.kind) == (pytest.approx(12 / 23), pytest.approx(11 / 23), "some")
    assert list(by_name["late"].days) == [date(2024, 4, 1)]
    assert by_name["late"].days[date(2024, 4, 1)].estimated == pytest.approx(6 / 24)
    assert [meter.meter_id for meter in found.meters] == ["late", "holes", "whole"]


def test_an_interval_over_midnight_counts_for_both_days(store: Store, find):
    deliver(store, "a", [row(-25 + 4 * n, 1.0, interval_minutes=240) for n in range(13)])
    window = Window(store, date(2024, 3, 31), date(2024, 4, 2), store.newest_end())
    assert [day.measured for day in window.days_of(["m1"])["m1"].days.values()] == [1.0, 1.0]


def test_gaps_are_listed_with_their_ends(store: Store, find):
    values = [row(hour, 1.0) for hour in (0, 1, 5, 6)] + [row(2, None), row(20, 1.0, meter_id="m2")]
    deliver(store, "a", values)
    told = {meter["meter_id"]: meter["gaps"] for meter in find().as_dict()["meters"]}
    assert told == {
        "m1": [
            {"since": "2024-04-01T00:00:00Z", "until": "2024-04-01T03:00:00Z"},
            {"since": "2024-04-01T05:00:00Z", "until": "2024-04-01T19:00:00Z"},
        ],
        "m2": [],
    }


def test_a_meter_that_fell_silent_before_the_window_is_one_gap(store: Store, find):
    deliver(store, "a", [row(0, 1.0), *(row(hour, 1.0, meter_id="m2") for hour in range(24 * 40))])
    first = find(date(2024, 5, 1), date(2024, 5, 4)).meters[0]
    assert (first.meter_id, first.share, first.gaps, first.longest_gap_hours) == ("m1", 0.0, 1, 72.0)
    days = Window(store, date(2024, 5, 1), date(2024, 5, 4), store.newest_end()).days_of(["m1"])["m1"].days
    assert [day.kind for day in days.values()] == ["none"] * 3


@pytest.mark.parametrize("at_once", [500, 50])
def test_pages_show_the_worst_first_name_no_meter_and_load_nothing(store: Store, find, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("meter_core.jobs.completeness.METERS_AT_ONCE", at_once)
    meters = [f"meter-{number:03}" for number in range(120)]
    deliver(store, "a", [row(h, 1.0, meter_id=m) for n, m in enumerate(meters) for h in range(n % 5, 24)])
    found = find()
    assert [meter.meter_id for meter in found.meters[-24:]] == meters[::5], "these have every hour"
    folder = tmp_path / "home/files/data_docs/completeness"
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "page-2.html"]
    first, second = ((folder / name).read_text() for name in ("index.html", "page-2.html"))
    assert (first.count("<tr>"), second.count("<tr>")) == (101, 21)
    assert found.meters[0].code in first
    assert found.meters[-1].code in second
    assert "meter-" not in first + second
    assert not any(word in first for word in ("http:", "https:", "src="))
    assert 'href="completeness/index.html"' in (folder.parent / "index.html").read_text()


def test_a_window_that_no_picture_holds_is_refused(store: Store, find):
    deliver(store, "a", [row(0, 1.0)])
    with pytest.raises(UsageError, match="1 to 720 days"):
        find(date(2020, 1, 1), date(2024, 1, 1))
    with pytest.raises(UsageError, match="1 to 720 days"):
        find(date(2024, 1, 2), date(2024, 1, 1))
