"""What each day does by itself: the same again does nothing twice."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meter_core.jobs.upkeep import upkeep
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, standing

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

NOW = datetime(2024, 9, 20, tzinfo=UTC)
AHEAD = [f"{table}_2024_{month}" for table in ("meter_reading", "prediction") for month in ("09", "10", "11")]
OLD = 0
"""Hour of the hand-made deliveries in a month that is old at that time; the newer lies in August."""
NEW = 24 * 150


@pytest.fixture
def day(store: Store, tmp_path, database_url):
    deliver(store, "a", [row(OLD, 1.5), row(NEW, 2.5)])
    return lambda **more: upkeep(Settings(home=tmp_path, database_url=database_url, **more), database_url, now=NOW)


def test_months_are_made_ahead_and_completeness_is_drawn_and_nothing_goes_unless_asked(day, store):
    done = day()
    assert (sorted(done.made), done.archived) == (AHEAD, ())
    assert "<svg" in Path(done.page).read_text()
    assert (day().made, standing(store)) == ([], {OLD: 1.5, NEW: 2.5})


def test_old_months_are_archived_once_and_who_did_it_is_on_record(day, store, database_url):
    done = day(keep_months=4)
    assert [(each.table, each.rows) for each in done.archived] == [("meter_reading_2024_03", 1)]
    assert standing(store) == {NEW: 2.5}
    assert day(keep_months=4).archived == []
    assert ask(database_url, "SELECT DISTINCT who, why FROM intervention") == [("upkeep", "METER_KEEP_MONTHS=4")]


def test_months_are_counted_from_the_newest_reading_where_the_feed_stopped(store, tmp_path, database_url):
    deliver(store, "a", [row(OLD, 1.5), row(NEW, 2.5)])
    years_later = datetime(2031, 9, 20, tzinfo=UTC)
    done = upkeep(Settings(home=tmp_path, database_url=database_url, keep_months=5), database_url, now=years_later)
    assert (done.archived, standing(store)) == ([], {OLD: 1.5, NEW: 2.5})


def test_an_empty_database_has_nothing_to_draw(store, tmp_path, database_url):
    assert upkeep(Settings(home=tmp_path, database_url=database_url), database_url, now=NOW).page is None
