"""The pieces of a backfill, and when one is over."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed, Running

from flows.backfill import Backfill, has_ended, is_done, moment, pieces
from flows.run import connected
from meter_core.contracts.errors import UnavailableError


def test_pieces_cover_the_window_once_and_the_last_is_shorter():
    found = list(pieces(datetime(2009, 1, 1, tzinfo=UTC), datetime(2009, 1, 18, tzinfo=UTC), 7))
    assert [(each.since.day, each.until.day) for each in found] == [(1, 8), (8, 15), (15, 18)]


def test_an_instant_without_offset_is_utc():
    assert moment("2009-01-01T02:00:00+02:00") == moment("2009-01-01")


def run(state, tries=1, ago=timedelta()):
    state.timestamp = datetime.now(UTC) - ago
    return FlowRun(flow_id=uuid4(), state=state, run_count=tries)


@pytest.mark.parametrize(
    ("state", "tries", "minutes", "ended", "done"),
    [
        pytest.param(Running(), 1, 0, False, False, id="runs"),
        pytest.param(Completed(), 1, 0, True, True, id="done"),
        pytest.param(Completed(name="Refused"), 1, 0, True, False, id="no champion"),
        pytest.param(Failed(), 1, 0, True, False, id="failed"),
        pytest.param(Crashed(), 1, 0, False, False, id="is started again"),
        pytest.param(Crashed(), 1, 10, True, False, id="was not started again"),
        pytest.param(Crashed(), 2, 0, True, False, id="crashed again"),
    ],
)
def test_a_piece_is_over_once_nothing_starts_it_again(state, tries, minutes, ended, done):
    given = run(state, tries, timedelta(minutes=minutes))
    assert (has_ended(given), is_done(given)) == (ended, done)


@pytest.mark.parametrize(("state", "status"), [(Completed(name="Refused"), 1), (Failed(message="no database"), 3)])
def test_a_piece_that_predicted_nothing_is_missing(state, status):
    piece = next(pieces(datetime(2009, 1, 1, tzinfo=UTC), datetime(2009, 1, 2, tzinfo=UTC), 7))
    backfill = Backfill(None, "", 1, print)
    backfill._running[piece] = run(state)
    backfill._look(piece, run(state), 1)
    summary = backfill.summary()
    assert (summary["done"], len(summary["failed"]), summary["exit_status"]) == (0, 1, status)


def test_a_server_that_goes_away_meanwhile_is_told_as_such(monkeypatch):
    monkeypatch.setattr(SyncPrefectClient, "api_healthcheck", lambda _: None)

    def going_away():
        with connected():
            raise httpx.ReadError("gone")

    away = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with away, pytest.raises(UnavailableError, match="does not answer any more"):
        going_away()
