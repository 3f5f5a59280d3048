"""Weather in a real PostgreSQL: what was known when, where meters stand, and what the commands say."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UnreachableError, UsageError
from meter_core.contracts.weather import Place, WeatherValues
from meter_core.features.weather import weather_by_place
from meter_core.jobs.runs_page import known, runs_page
from meter_core.jobs.status import status
from meter_core.jobs.stored_weather import stored_weather
from meter_core.jobs.weather import fetch_weather, load_weather, past_days, remove_place, set_place, weather_shown
from meter_core.jobs.weather_freshness import weather_finding
from meter_core.settings import Settings
from meter_core.store import Store
from meter_core.store.weather import WantedWeather
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BEGIN_S = int(BEGIN.timestamp())
FILE = """place,issued_at,valid_at,temperature_c
oslo,2026-01-01T00:00:00Z,2026-01-01T06:00:00Z,1
oslo,2026-01-01T03:00:00Z,2026-01-01T06:00:00Z,2
oslo,,2026-01-01T06:00:00Z,3
bergen,,2026-01-01T06:00:00Z,8
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weather.csv"
    path.write_text(FILE)
    return path


def test_a_file_is_stored_once_and_asked_as_it_was_known(store, database_url, file):
    first, again = (load_weather([file], database_url) for _ in range(2))
    assert (first.values, first.stored, first.places) == (4, 4, ("bergen", "oslo"))
    assert again.stored == 0
    file.write_text(FILE.replace("06:00:00Z,2", "06:00:00Z,2.5"))
    assert load_weather([file], database_url).stored == 1  # the one that was corrected
    at = np.array([BEGIN_S + 6 * 3600])
    for hour, expected in ((0, 1.0), (3, 2.5), (6, 2.5), (7, 3.0)):
        wanted = WantedWeather(["oslo"], known_at=BEGIN + timedelta(hours=hour))
        found = weather_by_place(store.weather(wanted))["oslo"]
        assert found.at(BEGIN_S + hour * 3600, at)[0] == expected
    assert len(store.weather(WantedWeather(["oslo"], stored_at=BEGIN))) == 0  # recorded later
    assert len(store.weather(WantedWeather(["oslo"], until=BEGIN + timedelta(hours=6)))) == 0


def test_meters_stand_at_their_own_place_or_at_the_default(store, database_url, file):
    deliver(store, "a", [row(0, 1.0)])
    (meter,) = store.meter_ids()
    load_weather([file], database_url)
    assert stored_weather(store, [meter], BEGIN_S, BEGIN_S) == {}
    set_place(Place("bergen", 60.4, 5.3, is_default=True), [], database_url)
    at = np.array([BEGIN_S + 6 * 3600])
    seen = stored_weather(store, [meter], BEGIN_S, BEGIN_S)[meter]
    assert seen.at(BEGIN_S + 86_400, at)[0] == 8.0
    set_place(Place("oslo"), [meter], database_url)
    assert stored_weather(store, [meter], BEGIN_S, BEGIN_S)[meter].at(BEGIN_S + 86_400, at)[0] == 3.0
    set_place(Place("oslo", 59.9, 10.7, is_default=True), [], database_url)
    assert [(each.place, each.is_default) for each in store.places()] == [("bergen", False), ("oslo", True)]
    (bergen, oslo) = weather_shown(database_url)["places"]
    assert (bergen["meters"], bergen["observations"], bergen["forecasts"]) == (0, 1, 0)
    assert (oslo["meters"], oslo["observations"], oslo["forecasts"], oslo["fresh"]) == (1, 1, 2, False)
    assert oslo["latitude"] == 59.9


def test_places_that_cannot_be_are_refused(store, database_url):
    with pytest.raises(UsageError, match="both"):
        set_place(Place("x", 1.0), [], database_url)
    with pytest.raises(UsageError, match="latitude 91"):
        set_place(Place("x", 91.0, 0.0), [], database_url)
    with pytest.raises(UsageError, match="1 of the meters are not stored, 'nobody' first"):
        set_place(Place("x"), ["nobody"], database_url)
    assert store.places() == []


def test_the_status_says_how_fresh_the_weather_is_where_meters_stand(store, database_url, file, tmp_path):
    settings = Settings(home=tmp_path, database_url=database_url)
    deliver(store, "a", [row(0, 1.0)])
    assert [each for each in status(settings) if each.where == "weather"] == []
    load_weather([file], database_url)
    set_place(Place("oslo", 59.9, 10.7), ["m1"], database_url)
    (old,) = [each for each in status(settings) if each.where == "weather"]
    assert (old.what, old.severity) == ("stale_weather", "warning")
    assert (
        "newest forecast issued 2026-01-01 03:00 UTC by file weather.csv; without one of the last 24 hours: 1 (oslo)"
        in old.message
    )
    assert "`meter weather fetch` gets it or says why not" in old.message
    fetch_weather(settings, database_url, provider=Provider())
    (fresh,) = [each for each in status(settings) if each.where == "weather"]
    assert (fresh.what, fresh.severity) == ("state", "info")
    assert {place: list(issues) for place, issues in fresh.evidence.items()} == {"oslo": ["test"]}  # none in bergen
    now = datetime.now(UTC)
    assert fresh.message in runs_page([], {}, known(SecretStr(database_url)), now)
    assert weather_finding(store, now + timedelta(days=2)).what == "stale_weather"
    seasonal = tmp_path / "seasonal.csv"
    seasonal.write_text(
        "place,issued_at,valid_at,temperature_c\n"
        f"oslo,{now - timedelta(days=3):%Y-%m-%dT%H}:00:00Z,{now + timedelta(days=46):%Y-%m-%dT%H}:00:00Z,1.0\n"
    )
    load_weather([seasonal], database_url)
    assert weather_finding(store, now).what == "state", "the fresh one is still there"
    set_place(Place("rome"), ["m1"], database_url)
    assert "without any forecast; without one of the last 24 hours: 1 (rome)" in weather_finding(store, now).message


def test_a_place_is_removed_with_its_weather_but_not_from_under_meters(store, database_url, file):
    deliver(store, "a", [row(0, 1.0), row(0, 1.0, meter_id="other")])
    load_weather([file], database_url)
    set_place(Place("bergen", is_default=True), [], database_url)
    set_place(Place("oslo"), ["m1"], database_url)
    with pytest.raises(UsageError, match="there is no place 'rome'; there are: bergen, oslo"):
        remove_place("rome", False, database_url)
    for name in ("oslo", "bergen"):
        with pytest.raises(UsageError, match=f"place '{name}' has meters that stand there, 1, .*--and-leave"):
            remove_place(name, False, database_url)
    assert len(store.weather(WantedWeather(["oslo", "bergen"]))) == 4
    assert remove_place("oslo", True, database_url) == {"place": "oslo", "meters": 1, "temperatures": 3}
    assert store.place_of_meters() == {"m1": "bergen", "other": "bergen"}
    assert remove_place("bergen", True, database_url) == {"place": "bergen", "meters": 2, "temperatures": 1}
    assert (store.places(), store.place_of_meters()) == ([], {})
    assert stored_weather(store, ["m1"], BEGIN_S, BEGIN_S) == {}


def test_only_the_meters_that_are_named_are_looked_up(store, database_url, monkeypatch):
    deliver(store, "a", [row(0, 1.0), row(0, 1.0, meter_id="other")])
    monkeypatch.delattr(Store, "meter_ids")  # all of a fleet
    with pytest.raises(UsageError, match="1 of the meters are not stored, 'nobody' first"):
        set_place(Place("oslo"), ["m1", "nobody"], database_url)
    assert (store.places(), store.place_of_meters()) == ([], {})
    assert set_place(Place("oslo"), ["m1"], database_url)["meters"] == 1


class Provider:
    """Stands for a provider: knows oslo, has no answer for dark, refuses pole; for sea there is no way to it."""

    def forecast(self, place):
        if place.place != "oslo":
            kind = {"dark": UnavailableError, "pole": UsageError, "sea": UnreachableError}[place.place]
            raise kind(f"not of {place.place}")
        now_s = int(datetime.now(UTC).timestamp())
        valid_s = now_s + 3600 * np.arange(3)
        return WeatherValues(
            "test",
            np.full(3, place.place, dtype=object),
            valid_s,
            np.full(3, now_s),
            np.zeros(3, dtype=bool),
            np.ones(3),
        )


def test_a_provider_that_fails_for_some_places_leaves_the_others(store, database_url):
    settings = Settings()
    nothing = fetch_weather(settings, database_url, provider=Provider())
    assert (nothing.places, nothing.values) == ((), 0)
    set_place(Place("dark", 0.0, 0.0), [], database_url)
    alone = fetch_weather(settings, database_url, provider=Provider())
    assert (alone.places, alone.failed) == ((), {"dark": "not of dark"})
    set_place(Place("oslo", 59.9, 10.7), [], database_url)
    set_place(Place("pole", 90.0, 0.0), [], database_url)
    found = fetch_weather(settings, database_url, provider=Provider())
    assert (found.places, found.stored) == (("oslo",), 3)
    assert found.failed == {"dark": "not of dark", "pole": "not of pole"}
    assert weather_shown(database_url)["places"][1]["fresh"]


def test_no_more_places_are_asked_for_where_there_is_no_way(store, database_url):
    for number, name in enumerate(("sea", "sky", "zoo")):  # the provider does not even know the last two
        set_place(Place(name, float(number), 0.0), [], database_url)
    found = fetch_weather(Settings(), database_url, provider=Provider())
    assert found.failed == dict.fromkeys(("sea", "sky", "zoo"), "not of sea")


def test_days_that_are_none_are_refused_before_any_place_is_asked():
    with pytest.raises(UsageError, match="is none; say a later --until"):
        past_days(date(2026, 1, 2), date(2026, 1, 2))


def test_the_database_refuses_what_cannot_be(store, database_url, file):
    load_weather([file], database_url)
    with pytest.raises(Exception, match="weather_temperature"):
        ask(database_url, "UPDATE weather SET temperature_c = 'NaN' RETURNING 1")
    with pytest.raises(Exception, match="weather_place_coordinates"):
        ask(database_url, "UPDATE weather_place SET latitude = 5 RETURNING 1")
