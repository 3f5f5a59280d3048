"""A source takes a single value back: it stands no more, in whatever order deliveries come, and stays in history."""

from itertools import permutations

import pandas as pd
import pytest

from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, outcome, row, standing, ts

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

WORD = {"units_kwh": {"code": "withdrawn", "value": "VOID"}}
HISTORY = "SELECT units_kwh, verdict FROM meter_reading_history ORDER BY id"


def value(version):
    return lambda hour: row(hour, float(version), source_version=version)


def taken_back(version):
    return lambda hour: row(hour, None, source_version=version, blanked=WORD)


def missing(version):
    return lambda hour: row(hour, None, source_version=version)


def test_a_value_that_is_taken_back_stands_no_more_and_is_kept(store, database_url):
    deliver(store, "a", [row(0, 1.5), row(1, 2.5), row(2, 3.5)])
    counts = deliver(store, "b", [row(0, None, blanked=WORD), row(1, None), row(9, None, blanked=WORD)])
    assert outcome(counts) == {"loaded": 1, "superseded": 1, "outranked": 1}, "a blank takes nothing back"
    assert standing(store) == {0: None, 1: 2.5, 2: 3.5, 9: None}
    assert ask(database_url, HISTORY) == [(1.5, "superseded"), (None, "outranked")]
    assert outcome(deliver(store, "c", [row(0, None, blanked=WORD)])) == {"duplicates": 1}
    assert outcome(deliver(store, "d", [row(0, 1.75)])) == {"loaded": 1}, "of equals the later"


@pytest.mark.parametrize(
    ("versions", "stands"),
    [
        ((value(1), taken_back(2), value(3), missing(9)), 3.0),
        ((value(1), taken_back(3), value(2), missing(9)), None),
        ((taken_back(1), value(2), taken_back(3), value(4)), 4.0),
    ],
)
def test_the_order_of_deliveries_changes_nothing(store, database_url, versions, stands):
    """Each order has an hour of its own."""
    orders = list(permutations(versions))
    for place in range(len(versions)):
        outcome(deliver(store, f"file-{place}", [order[place](hour) for hour, order in enumerate(orders)]))
    assert set(standing(store).values()) == {stands}
    word = "SELECT count(*) FROM meter_reading WHERE (blanked ? 'units_kwh') <> %s"
    assert ask(database_url, word, stands is None) == [(0,)]


def test_what_was_known_before_and_while_it_was_taken_back(store, database_url):
    deliver(store, "a", [row(0, 1.5, source_version=1, available_ts=ts(1))])
    deliver(store, "b", [row(0, None, source_version=2, available_ts=ts(5), blanked=WORD)])
    deliver(store, "c", [row(0, 1.75, source_version=3, available_ts=ts(9))])
    expected = {1: 1.5, 4: 1.5, 5: None, 8: None, 9: 1.75}
    assert {hour: standing(store, as_known_at=ts(hour).to_pydatetime())[0] for hour in expected} == expected
    known = "SELECT units_kwh FROM readings_as_known(%s)"
    assert {hour: ask(database_url, known, ts(hour).to_pydatetime())[0][0] for hour in expected} == expected


def test_of_a_value_and_a_word_in_one_file_the_later_line_counts(store):
    rows = [row(0, 1.0), row(0, None, blanked=WORD), row(1, None, blanked=WORD), row(1, 1.0)]
    assert outcome(deliver(store, "a", rows)) == {"loaded": 3, "superseded": 1}
    assert standing(store) == {0: None, 1: 1.0}


def test_history_says_what_became_of_a_blank(store, database_url):
    deliver(store, "a", [row(0, None), row(1, None)])
    assert outcome(deliver(store, "b", [row(0, None, blanked=WORD), row(1, 2.5)])) == {"superseded": 1, "loaded": 1}
    verdicts = "SELECT verdict FROM meter_reading_history ORDER BY reading_ts"
    assert ask(database_url, verdicts) == [("superseded",), ("filled",)]


def test_a_word_for_an_hour_takes_no_half_hour_back(store, database_url):
    deliver(store, "a", [row(0, 1.5, interval_minutes=30), row(0.5, 2.5, interval_minutes=30)])
    counts = deliver(store, "b", [row(0, None, blanked=WORD)])
    assert outcome(counts) == {"quarantined": 1}
    assert counts.interval_conflicts == 1
    assert outcome(deliver(store, "c", [row(0, 9.0)])) == {"quarantined": 1}, "nor lets an hour in beside the halves"
    assert standing(store) == {0: 1.5, 0.5: 2.5}
    assert ask(database_url, "SELECT code FROM quarantined_reading") == [("interval_conflict",)] * 2


@pytest.mark.parametrize("rows", [[missing(0), taken_back(0)], [taken_back(0), missing(0)]])
def test_a_word_and_a_blank_of_one_file_are_two_rows(store, database_url, rows):
    deliver(store, "a", [row(0, 1.5)])
    counts = deliver(store, "b", [each(0) for each in rows])
    assert outcome(counts) == {"superseded": 1, "outranked": 1}
    assert standing(store) == {0: None}
    assert ask(database_url, "SELECT blanked ? 'units_kwh' FROM meter_reading") == [(True,)]


def test_the_profile_says_by_which_word(store, tmp_path, database_url):
    profile, first, second = (tmp_path / name for name in ("void.yaml", "first.csv", "second.csv"))
    profile.write_text(
        "name: mine\ncolumns: {meter_id: m, reading_ts: t, units_kwh: e}\ninterval_minutes: 60\nzone: UTC\n"
        "missing: [NA]\nwithdrawn: [VOID, -99]\n"
    )
    first.write_text("m,t,e\nx,2024-02-01 00:00,1\nx,2024-02-01 01:00,2\nx,2024-02-01 02:00,3\nx,2024-02-01 03:00,4\n")
    second.write_text("m,t,e\nx,2024-02-01 00:00,VOID\nx,2024-02-01 01:00,-99\nx,2024-02-01 02:00,NA\n")
    settings = Settings(home=tmp_path / "home", database_url=database_url)
    ingest([first], str(profile), None, settings, database_url)
    counts = ingest([second], str(profile), None, settings, database_url).as_dict()
    assert (counts["rows"], counts["superseded"], counts["outranked"], counts["quarantined"]) == (3, 2, 1, 0)
    frame = store.readings()
    assert [None if pd.isna(each) else each for each in frame["units_kwh"]] == [None, None, 3, 4]
    assert ask(database_url, "SELECT blanked FROM meter_reading WHERE units_kwh IS NULL ORDER BY reading_ts") == [
        ({"units_kwh": {"code": "withdrawn", "value": word}},) for word in ("VOID", "-99")
    ]
