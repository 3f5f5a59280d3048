"""The pieces of a backfill."""

from datetime import UTC, datetime

from flows.backfill import moment, pieces


def test_pieces_cover_the_window_once_and_the_last_is_shorter():
    found = list(pieces(datetime(2009, 1, 1, tzinfo=UTC), datetime(2009, 1, 18, tzinfo=UTC), 7))
    assert [(each.since.day, each.until.day) for each in found] == [(1, 8), (8, 15), (15, 18)]


def test_an_instant_without_offset_is_utc():
    assert moment("2009-01-01T02:00:00+02:00") == moment("2009-01-01")
