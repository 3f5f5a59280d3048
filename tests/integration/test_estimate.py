"""Missing values are estimated only when somebody asks: with method and quality, from now on, unseen by training."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from meter_core.contracts.errors import UsageError
from meter_core.features.readings import ReadingTable
from meter_core.jobs.estimate import Window, estimate
from meter_core.settings import Settings
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, row, standing, ts

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

WEEKS = 4 * 7 * 24


@pytest.fixture
def run(tmp_path, database_url):
    settings = Settings(home=tmp_path / "home", database_url=database_url)

    def call(first: int = 0, last: int = WEEKS, **about: object):
        window = Window(ts(first).to_pydatetime(), ts(last).to_pydatetime(), None, timedelta(days=7))
        return estimate(window, settings, database_url, **about)

    return call


def usage(hour: int) -> float:
    """Of a workday's hour as much as its number, ten times that on weekends; hour 0 begins a Monday in Paris."""
    return (hour % 24 + 1) * (10 if hour // 24 % 7 >= 5 else 1)


def test_short_gaps_by_a_line_and_longer_ones_by_like_days(store: Store, run, database_url):
    line, day, weekend = {30, 31}, set(range(200, 212)), set(range(13 * 24, 13 * 24 + 6))
    gone = line | day | weekend
    deliver(store, "a", [row(hour, usage(hour)) for hour in range(WEEKS) if hour not in gone])
    before = datetime.now(UTC)
    done = run()
    assert (done.gaps, done.estimates, done.left) == (3, {"interpolated": 2, "like_days": 18}, 0)
    values = standing(store)
    assert [values[hour] for hour in sorted(line)] == pytest.approx([6 + 3 / 3, 6 + 2 * 3 / 3])
    assert {hour: values[hour] for hour in day | weekend} == {hour: usage(hour) for hour in day | weekend}
    frame = store.readings()
    estimated = frame[frame["quality"] == "estimated"]
    assert set(estimated["source"]) == {"estimate_interpolated", "estimate_like_days"}
    assert len(estimated) == 20
    assert (estimated["available_ts"] >= before.replace(microsecond=0)).all()
    assert np.isnan(ReadingTable.of(frame).units_kwh).sum() == 20, "training must not see them"
    kept = "SELECT loaded, kept_as IS NOT NULL FROM source_file WHERE profile LIKE 'estimate_%' ORDER BY loaded"
    assert ask(database_url, kept) == [(2, True), (18, True)]


def test_again_there_is_nothing_to_estimate_and_a_measured_value_displaces(store: Store, run):
    deliver(store, "a", [row(hour, usage(hour)) for hour in range(WEEKS) if hour != 50] + [row(50, None)])
    assert run().estimates == {"interpolated": 1, "like_days": 0}
    assert run().files == []
    deliver(store, "late", [row(50, 77.0)])
    assert (standing(store)[50], standing(store, "quality")[50]) == (77.0, "measured")


def test_what_cannot_be_known_stays_open(store: Store, run):
    long = set(range(24, 24 + 8 * 24))
    few = [row(hour, 1.0, meter_id="few") for hour in (0, 1, 30)]
    daily = [row(24 * day, 1.0, meter_id="daily", interval_minutes=1440) for day in (0, 1, 3, *range(4, 28))]
    deliver(store, "a", [*(row(hour, usage(hour)) for hour in range(WEEKS) if hour not in long), *few, *daily])
    done = run()
    assert done.estimates == {"interpolated": 0, "like_days": 0}
    assert done.left == len(long) + 28 + (WEEKS - 31) + 1
    assert len(standing(store, meters=["m1"])) == WEEKS - len(long)


def test_a_window_that_is_none_is_refused(run):
    with pytest.raises(UsageError, match="no window"):
        run(5, 5)
