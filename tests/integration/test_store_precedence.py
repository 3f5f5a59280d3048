"""What becomes of a value whose key is known: loaded, superseded, outranked or a duplicate; and what stands then."""

import pandas as pd
import pytest

from tests.integration.store_databases import ask
from tests.integration.store_deliveries import deliver, outcome, row, standing, ts

HISTORY = "SELECT units_kwh, verdict FROM meter_reading_history ORDER BY id"


def test_a_first_delivery_is_loaded_as_delivered(store, database_url):
    rows = [row(0, 1.5, voltage_v=231.0), row(1, 0.25), row(2, 0.0), row(5, -0.5, channel="net")]
    counts = deliver(store, "a", rows)
    assert (counts.lines, counts.rows, outcome(counts)) == (4, 4, {"loaded": 4})
    frame = store.readings()
    assert list(frame["units_kwh"]) == [1.5, 0.25, 0.0, -0.5]
    assert list(frame["channel"]) == ["import"] * 3 + ["net"]
    assert frame["voltage_v"].isna().tolist() == [False, True, True, True]
    assert list(frame["reading_ts"]) == [ts(0), ts(1), ts(2), ts(5)]
    assert list(frame["available_ts"]) == [ts(1), ts(2), ts(3), ts(6)]
    assert set(frame["source"]) == {"handmade"}
    assert set(frame["zone"]) == {"Europe/Paris"}
    assert ask(
        database_url,
        "SELECT line, file_digest FROM meter_reading r JOIN source_file f ON f.id = source_file_id ORDER BY line",
    ) == [(line, "a") for line in (2, 3, 4, 5)]


def test_the_same_delivery_again_is_all_duplicates_and_changes_nothing(store, database_url):
    rows = [row(0, 1.5), row(1, None), row(2, 7.0, code="bad_energy")]
    deliver(store, "a", rows)
    everything = "SELECT r::text FROM meter_reading r UNION ALL SELECT q::text FROM quarantined_reading q"
    before = ask(database_url, everything)
    again = deliver(store, "a", rows)
    assert again.known
    assert outcome(again) == {"duplicates": 3}
    assert ask(database_url, everything) == before


def test_equal_values_of_another_file_are_duplicates_and_leave_no_trace(store, database_url):
    deliver(store, "a", [row(0, 1.5, voltage_v=230.0), row(1, None)])
    before = ask(database_url, "SELECT r::text FROM meter_reading r")
    counts = deliver(store, "b", [row(0, 1.5), row(1, None), row(2, 2.0)])
    assert outcome(counts) == {"loaded": 1, "duplicates": 2}
    assert ask(database_url, "SELECT r::text FROM meter_reading r WHERE reading_ts < %s", ts(2)) == before
    assert ask(database_url, HISTORY) == []


def test_a_change_of_unit_in_the_last_bit_is_no_correction(store):
    deliver(store, "a", [row(0, 1.1)])
    assert outcome(deliver(store, "b", [row(0, 1100 * 1e-3), row(1, 0.1 + 0.2)])) == {"loaded": 1, "duplicates": 1}
    assert outcome(deliver(store, "c", [row(1, 0.3)])) == {"duplicates": 1}


def test_a_missing_value_is_stored_as_missing_and_counts_as_loaded_when_it_is_filled(store, database_url):
    assert outcome(deliver(store, "a", [row(0, None, quality="validated", source_version=9)])) == {"loaded": 1}
    assert standing(store) == {0: None}
    assert outcome(deliver(store, "b", [row(0, 4.0, quality="estimated")])) == {"loaded": 1}
    assert standing(store) == {0: 4.0}
    assert ask(database_url, HISTORY) == [(None, "filled")]


def test_a_missing_value_never_displaces_one(store, database_url):
    deliver(store, "a", [row(0, 4.0, quality="estimated")])
    assert outcome(deliver(store, "b", [row(0, None, quality="validated", source_version=9)])) == {"outranked": 1}
    assert standing(store) == {0: 4.0}
    assert ask(database_url, HISTORY) == [(None, "outranked")]


# Quality first, then the source's version, then when it could be known; of equals the later delivery.
CASES = [
    ({}, {}, "superseded"),
    ({"quality": "estimated"}, {"quality": "measured"}, "superseded"),
    ({"quality": "measured"}, {"quality": "edited"}, "superseded"),
    ({"quality": "edited"}, {"quality": "validated"}, "superseded"),
    ({"quality": "measured"}, {"quality": "estimated"}, "outranked"),
    ({"quality": "validated"}, {"quality": "edited"}, "outranked"),
    ({"quality": "estimated", "source_version": 9, "known": 9}, {"quality": "measured", "known": 1}, "superseded"),
    ({"quality": "edited"}, {"quality": "measured", "source_version": 9, "known": 9}, "outranked"),
    ({"source_version": 1}, {"source_version": 2}, "superseded"),
    ({"source_version": 2}, {"source_version": 1, "known": 9}, "outranked"),
    ({"source_version": 1, "known": 9}, {"source_version": 2, "known": 1}, "superseded"),
    ({"known": 3}, {"known": 4}, "superseded"),
    ({"known": 4}, {"known": 3}, "outranked"),
]


@pytest.mark.parametrize(("first", "second", "expected"), CASES)
def test_precedence(store, database_url, first, second, expected):
    deliver(store, "a", [row(0, 1.0, **first)])
    assert outcome(deliver(store, "b", [row(0, 2.0, **second)])) == {expected: 1}
    stands, gone = (2.0, 1.0) if expected == "superseded" else (1.0, 2.0)
    assert standing(store) == {0: stands}
    assert ask(database_url, HISTORY) == [(gone, expected)]


def test_history_says_which_line_displaced_which(store, database_url):
    deliver(store, "a", [row(1, 5.0), row(0, 1.0)])
    deliver(store, "b", [row(0, 2.0)])
    deliver(store, "c", [row(7, 7.0), row(0, 3.0, quality="estimated")])
    told = ask(
        database_url,
        "SELECT h.verdict, f.file_digest, h.line, o.file_digest, h.other_line, h.judged_at >= h.recorded_at"
        "  FROM meter_reading_history h JOIN source_file f ON f.id = h.source_file_id"
        "  JOIN source_file o ON o.id = h.other_file_id ORDER BY h.id",
    )
    assert told == [("superseded", "a", 3, "b", 2, True), ("outranked", "c", 3, "b", 2, True)]


def test_an_equal_value_brings_the_quantities_that_were_missing(store, database_url):
    deliver(store, "a", [row(0, 1.0, voltage_v=230.0, known=1)])
    counts = deliver(store, "b", [row(0, 1.0, temperature_c=20.0, known=5)])
    assert outcome(counts) == {"duplicates": 1}
    assert standing(store, "temperature_c") == {0: 20.0}
    assert standing(store, "voltage_v") == {0: 230.0}
    assert standing(store, "temperature_c", as_known_at=ts(4)) == {0: None}
    assert standing(store, "units_kwh", as_known_at=ts(4)) == {0: 1.0}
    assert ask(database_url, HISTORY) == [(1.0, "completed")]


def test_a_correction_of_the_energy_alone_keeps_the_other_quantities(store):
    deliver(store, "a", [row(0, 1.0, voltage_v=230.0, temperature_c=20.0)])
    assert outcome(deliver(store, "b", [row(0, 2.0, temperature_c=21.0)])) == {"superseded": 1}
    assert standing(store, "voltage_v") == {0: 230.0}
    assert standing(store, "temperature_c") == {0: 21.0}


def test_an_outranked_value_still_brings_the_quantities_that_were_missing(store):
    deliver(store, "a", [row(0, 1.0, quality="validated", voltage_v=230.0)])
    late = row(0, 2.0, voltage_v=99.0, temperature_c=21.0, known=8)
    assert outcome(deliver(store, "b", [late])) == {"outranked": 1}
    assert standing(store) == {0: 1.0}
    assert standing(store, "voltage_v") == {0: 230.0}
    assert standing(store, "temperature_c") == {0: 21.0}
    assert standing(store, "temperature_c", as_known_at=ts(7)) == {0: None}


def test_an_equal_value_of_better_quality_confirms_the_one_that_stands(store):
    deliver(store, "a", [row(0, 1.0, quality="estimated")])
    assert outcome(deliver(store, "b", [row(0, 1.0, quality="measured")])) == {"duplicates": 1}
    assert standing(store, "quality") == {0: "measured"}
    assert outcome(deliver(store, "c", [row(0, 3.0, quality="estimated", known=90)])) == {"outranked": 1}


def test_another_interval_length_under_the_same_key_is_quarantined(store, database_url):
    deliver(store, "a", [row(0, 1.0), row(1, None)])
    daily = [row(0, 24.0, interval_minutes=1440), row(1, 24.0, interval_minutes=1440), row(2, 5.0)]
    counts = deliver(store, "b", daily, raw={2: "m1;24"})
    assert outcome(counts) == {"quarantined": 1, "loaded": 2}
    assert counts.interval_conflicts == 1
    assert standing(store) == {0: 1.0, 1: 24.0, 2: 5.0}
    kept = ask(database_url, "SELECT line_from, line_to, code, raw_line FROM quarantined_reading")
    assert kept == [(2, 2, "interval_conflict", "m1;24")]


def test_equal_rows_of_one_file_are_duplicates(store):
    assert outcome(deliver(store, "a", [row(0, 1.0), row(0, 1.0), row(1, 2.0), row(0, 1.0)])) == {
        "loaded": 2,
        "duplicates": 2,
    }
    assert standing(store) == {0: 1.0, 1: 2.0}


def test_versions_of_one_key_in_one_file_are_taken_in_the_order_of_the_file(store, database_url):
    rows = [row(0, 1.0, source_version=1), row(1, None), row(0, 3.0, source_version=3), row(0, 2.0, source_version=2)]
    counts = deliver(store, "a", [*rows, row(1, 5.0)])
    assert outcome(counts) == {"loaded": 3, "superseded": 1, "outranked": 1}
    assert standing(store) == {0: 3.0, 1: 5.0}
    assert ask(database_url, HISTORY) == [(1.0, "superseded"), (None, "filled"), (2.0, "outranked")]


def test_what_was_known_at_an_instant_is_found_among_displaced_values(store):
    deliver(store, "a", [row(0, 1.0, known=1, quality="estimated"), row(1, 1.1, known=2)])
    deliver(store, "b", [row(0, 2.0, known=10)])
    deliver(store, "c", [row(0, 1.5, known=5)])
    assert standing(store) == {0: 2.0, 1: 1.1}
    assert standing(store, as_known_at=ts(0.5)) == {}
    assert standing(store, as_known_at=ts(1)) == {0: 1.0}
    assert standing(store, as_known_at=ts(5)) == {0: 1.5, 1: 1.1}
    assert standing(store, as_known_at=ts(10)) == {0: 2.0, 1: 1.1}


def test_a_replay_sees_only_what_was_stored_then(store, database_url):
    deliver(store, "a", [row(0, 1.0, known=1)])
    deliver(store, "b", [row(0, 2.0, known=2)])
    (first,), (second,) = ask(database_url, "SELECT recorded_at FROM source_file ORDER BY id")
    assert standing(store, as_stored_at=first) == {0: 1.0}
    assert standing(store, as_stored_at=second) == {0: 2.0}
    assert standing(store, as_known_at=ts(1), as_stored_at=second) == {0: 1.0}
    assert standing(store, as_stored_at=first - pd.Timedelta("1us")) == {}


def test_the_raw_view_shows_each_value_as_first_loaded(store, database_url):
    deliver(store, "a", [row(0, 1.0), row(1, None)])
    deliver(store, "b", [row(0, 2.0), row(1, 3.0), row(2, 4.0)])
    shown = ask(
        database_url,
        "SELECT units_kwh, file_name, line, delivered_unit, zone FROM meter_data_raw ORDER BY reading_ts",
    )
    assert shown == [
        (1.0, "a.csv", 2, "kWh", "Europe/Paris"),
        (None, "a.csv", 3, "kWh", "Europe/Paris"),
        (4.0, "b.csv", 4, "kWh", "Europe/Paris"),
    ]


def test_a_correction_changes_rows_on_their_pages_and_writes_no_index(store, database_url):
    deliver(store, "a", [row(2 + hour / 10, 1.0) for hour in range(1000)])
    corrected = [row(2 + hour / 10, 2.0) for hour in range(0, 1000, 100)]
    assert outcome(deliver(store, "b", corrected)) == {"superseded": len(corrected)}
    places = "SELECT r.units_kwh, (r.ctid::text::point)[0] FROM meter_reading r ORDER BY reading_ts"
    pages = ask(database_url, places)
    assert [kwh for kwh, _ in pages[::100]] == [2.0] * len(corrected)
    assert [page for _, page in pages] == sorted(page for _, page in pages), "each is where its neighbours are"
