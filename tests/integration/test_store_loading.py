"""A delivery is one transaction: quarantine, partitions, zones, failures half way, and several at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import numpy as np
import pandas as pd
import psycopg
import pytest

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.store import DeliveryKey, StoppedDelivery, Store, ZoneConflictError
from meter_core.store.quarantine import LONGEST_LINE
from meter_core.store.queries import query
from meter_core.store.retention import month_of
from tests.integration.store_databases import ask
from tests.integration.store_deliveries import Profile, deliver, outcome, row, standing, ts

DEADLINE_S = 60
TABLES = ("source_file", "meter", "meter_reading", "meter_reading_history", "quarantined_reading")


def sizes(database_url: str) -> dict:
    return {table: ask(database_url, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def partitions(database_url: str) -> dict:
    listed = "SELECT tableoid::regclass::text, count(*) FROM meter_reading GROUP BY 1 ORDER BY 1"
    return dict(ask(database_url, listed))


def test_the_newest_reading_is_found_in_the_newest_month_or_before(store, database_url):
    assert store.freshness().newest_reading_ts is None
    deliver(store, "a", [row(0, 1.0), row(1, 2.0, meter_id="m2"), row(3, 3.0, meter_id="m2"), row(2, 4.0)])
    assert len(partitions(database_url)) == 2
    assert store.freshness().newest_reading_ts == ts(3)
    plan = ask(database_url, "EXPLAIN (ANALYZE, FORMAT text) " + query("freshness"))
    read = [line for (line,) in plan if "meter_reading_2024_03" in line]
    assert read
    assert all("never executed" in line for line in read), "older months are not read"
    store.make_months(month_of(ts(24 * 40)), 3)
    plan = ask(database_url, "EXPLAIN (ANALYZE, FORMAT text) " + query("freshness"))
    read = [line for (line,) in plan if "meter_reading_2024_03" in line]
    assert read
    assert all("never executed" in line for line in read), "older months are not read for empty ones made ahead"
    assert store.freshness().newest_reading_ts == ts(3)
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM meter_reading WHERE reading_ts >= %s", [ts(2)])
    assert store.freshness().newest_reading_ts == ts(1)


def test_refused_rows_are_kept_with_their_line_as_delivered(store, database_url):
    rows = [row(0, 1.0), row(1, None, code="bad_energy"), row(2, 3.0, code="bad_stamp", meter_id="")]
    rows[2]["reading_ts"] = rows[2]["available_ts"] = pd.NaT
    counts = deliver(store, "a", rows, raw={3: "m1;not a number", 4: "nul \0"})
    assert outcome(counts) == {"loaded": 1, "quarantined": 2}
    kept = ask(
        database_url,
        "SELECT line_from, line_to, row_count, code, raw_line, meter_id, reading_ts"
        "  FROM quarantined_reading ORDER BY id",
    )
    assert kept == [
        (3, 3, 1, "bad_energy", "m1;not a number", "m1", ts(1)),
        (4, 4, 1, "bad_stamp", "nul \\0", None, None),
    ]


def test_refused_lines_are_kept_character_for_character(store, database_url):
    odd = {2: "a\tb\\N\\", 3: '"x\r', 4: "é€😀,\x01", 5: "", 6: "zero\0byte", 7: "y" * (LONGEST_LINE + 5)}
    rows = [row(number, 1.0, code="bad_energy") for number in odd]
    rows[1] |= {"meter_id": "", "reading_ts": pd.NaT}
    rows[2] |= {"meter_id": "M\t\\N"}
    rows[3] |= {"reading_ts": pd.Timestamp("0001-03-02T00:00Z")}
    deliver(store, "odd", [row(0, 1.0), *rows], raw={line + 1: text for line, text in odd.items()}, parts=2)
    kept = ask(
        database_url,
        "SELECT line_from, raw_line, meter_id, reading_ts = '0001-03-02Z' FROM quarantined_reading ORDER BY 1",
    )
    expected = [*list(odd.values())[:4], "zero\\0byte", "y" * LONGEST_LINE]
    meters = ["m1", None, "M\t\\N", "m1", "m1", "m1"]
    early = [False, None, False, True, False, False]
    assert kept == list(zip(range(3, 9), expected, meters, early, strict=True))


def test_a_delivery_of_nothing_but_refused_rows_makes_no_meter(store, database_url):
    assert outcome(deliver(store, "a", [row(0, 1.0, code="bad_energy")])) == {"quarantined": 1}
    assert sizes(database_url)["meter"] == 0
    assert len(store.readings()) == 0


def test_what_was_blanked_is_kept(store, database_url):
    blanked = {"power_factor": {"code": "impossible_power_factor", "value": "1.18 \0"}}
    deliver(store, "a", [row(0, 1.0, blanked=blanked), row(1, 2.0)])
    kept = ask(database_url, "SELECT blanked FROM meter_reading ORDER BY reading_ts")
    assert kept == [({"power_factor": {"code": "impossible_power_factor", "value": "1.18 \ufffd"}},), (None,)]


def test_months_in_utc_have_a_partition_each(store, database_url):
    hours = [0, 1.999, 2, 2 + 30 * 24 - 1, 2 + 30 * 24, -366 * 24]
    deliver(store, "a", [row(hour, 1.0) for hour in hours])
    assert partitions(database_url) == {
        "meter_reading_2023_03": 1,
        "meter_reading_2024_03": 2,
        "meter_reading_2024_04": 2,
        "meter_reading_2024_05": 1,
    }


def test_readings_of_a_span_and_of_meters(store):
    deliver(store, "a", [row(hour, hour, meter_id=meter) for meter in ("b", "B", "ä") for hour in range(4)])
    frame = store.readings(since=ts(1), until=ts(3), meters=["b", "ä", "nobody"])
    assert list(zip(frame["meter_id"], frame["units_kwh"], strict=True)) == [("b", 1), ("b", 2), ("ä", 1), ("ä", 2)]
    assert len(store.readings(meters=[])) == 0
    assert list(store.readings()["meter_id"].unique()) == ["B", "b", "ä"]


def test_the_frame_has_the_contract_s_types_even_when_it_is_empty(store):
    deliver(store, "a", [row(0, 1.0)])
    for frame in (store.readings(), store.readings(until=ts(-1))):
        assert str(frame["reading_ts"].dtype) == str(frame["available_ts"].dtype) == "datetime64[us, UTC]"
        assert frame["interval_minutes"].dtype == np.int64
        assert frame["units_kwh"].dtype == np.float64
        assert isinstance(frame["meter_id"].dtype, pd.StringDtype)


def test_a_meter_that_is_known_in_another_zone_refuses_the_delivery(store, database_url):
    deliver(store, "a", [row(0, 1.0)])
    before = sizes(database_url)
    with pytest.raises(
        ZoneConflictError, match=r"b\.csv line 3.*Europe/Paris.*Asia/Kolkata.*--zone Europe/Paris"
    ) as caught:
        deliver(store, "b", [row(0, 1.0, meter_id="new"), row(1, 2.0)], zone="Asia/Kolkata")
    assert isinstance(caught.value, RefusedError)
    assert "m1" not in str(caught.value)
    assert sizes(database_url) == before


def test_an_assumed_zone_gives_way_to_one_that_is_said_and_not_the_other_way_round(store):
    deliver(store, "a", [row(0, 1.0)], zone="UTC", zone_assumed=True)
    assert standing(store, "zone") == {0: "UTC"}
    deliver(store, "b", [row(1, 1.0)], zone="Europe/Paris")
    deliver(store, "c", [row(2, 1.0)], zone="UTC", zone_assumed=True)
    assert set(standing(store, "zone").values()) == {"Europe/Paris"}


def test_interval_means_are_remembered_by_source(store):
    quantities = {"voltage_v": "instant", "load_kw": "interval_mean"}
    deliver(store, "a", [row(0, 1.0)], profile=Profile("fleet", quantities=quantities))
    deliver(store, "b", [row(1, 1.0)], profile=Profile("other"))
    assert store.interval_means() == {"fleet": {"load_kw"}, "other": frozenset()}


def stopped(rows: int = 5) -> StoppedDelivery:
    return StoppedDelivery(
        DeliveryKey("a", "p", "Europe/Paris"),
        "a.csv",
        Profile(),
        rows,
        rows,
        2,
        rows + 1,
        "delivery_stopped",
        "too bad",
    )


def test_a_stopped_delivery_is_one_quarantined_range_and_may_come_again(store, database_url):
    assert outcome(store.record_stopped(stopped())) == {"quarantined": 5}
    assert outcome(store.record_stopped(stopped())) == {"quarantined": 5}
    kept = "SELECT line_from, line_to, row_count, code, reason FROM quarantined_reading WHERE resolved_at IS NULL"
    assert ask(database_url, kept) == [(2, 6, 5, "delivery_stopped", "too bad")]
    assert sizes(database_url) | {"quarantined_reading": 0} == dict.fromkeys(TABLES, 0) | {"source_file": 1}
    assert store.known_delivery(stopped().key) is None


def test_a_stopped_delivery_that_passes_later_is_loaded_and_stays_so(store, database_url):
    store.record_stopped(stopped(1))
    assert outcome(deliver(store, "a", [row(0, 1.0)])) == {"loaded": 1}
    assert ask(database_url, "SELECT status, quarantined FROM source_file") == [("loaded", 0)]
    assert ask(database_url, "SELECT count(*) FROM quarantined_reading WHERE resolved_at IS NULL") == [(0,)]
    assert store.record_stopped(stopped(1)).known
    assert standing(store) == {0: 1.0}


def test_a_failure_at_the_very_end_leaves_nothing_and_tells_no_secrets(store, database_url):
    deliver(store, "before", [row(0, 1.0)])
    before, months = sizes(database_url), partitions(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE source_file ADD CONSTRAINT fails CHECK (row_count < 3) NOT VALID")
    rows = [row(0, 77.125, meter_id="m1"), row(9000, 2.0, meter_id="private"), row(1, 0.0, code="bad_energy")]
    with pytest.raises(RefusedError) as caught:
        deliver(store, "b", rows)
    assert not [secret for secret in ("m1", "private", "77.125") if secret in str(caught.value)]
    assert caught.value.__cause__ is None
    assert sizes(database_url) == before
    assert partitions(database_url) == months
    assert ask(database_url, "SELECT to_regclass('meter_reading_2025_04')") == [(None,)]
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE source_file DROP CONSTRAINT fails")
    assert outcome(deliver(store, "b", rows)) == {"superseded": 1, "loaded": 1, "quarantined": 1}


def test_deliveries_of_the_same_meters_at_once_lose_nothing(database_url):
    meters = [f"m{number}" for number in range(20)]
    together = threading.Barrier(6, timeout=DEADLINE_S)

    def load(number: int) -> dict:
        rows = [row(hour, 1.0 + number, meter_id=meter, known=number) for meter in meters for hour in range(24)]
        together.wait()
        return outcome(deliver(Store(database_url), f"delivery {number}", rows[:: 1 if number % 2 else -1]))

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(load, range(6)))
    assert sum(each.get("loaded", 0) for each in outcomes) == 480
    assert sum(sum(each.values()) for each in outcomes) == 6 * 480
    assert set(Store(database_url).readings()["units_kwh"]) == {6.0}
    assert sizes(database_url)["meter_reading_history"] == 5 * 480


def test_the_same_delivery_twice_at_once_is_loaded_once(database_url):
    together = threading.Barrier(4, timeout=DEADLINE_S)

    def load(_: int) -> dict:
        together.wait()
        return outcome(deliver(Store(database_url), "same", [row(0, 1.0), row(1, 2.0)]))

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(load, range(4)), key=str)
    assert outcomes == [{"duplicates": 2}] * 3 + [{"loaded": 2}]
    assert sizes(database_url)["source_file"] == 1


def test_deliveries_of_different_months_at_once_make_their_partitions(database_url):
    together = threading.Barrier(4, timeout=DEADLINE_S)

    def load(number: int) -> dict:
        together.wait()
        rows = [row(hour * 500, 1.0, meter_id=f"m{number}") for hour in range(8)]
        return outcome(deliver(Store(database_url), str(number), rows))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(load, range(4))) == [{"loaded": 8}] * 4
    assert sum(partitions(database_url).values()) == 32


def test_a_server_that_is_killed_half_way_leaves_nothing_and_the_same_again_loads_all(store_server, database_url):
    store = Store(database_url)
    deliver(store, "before", [row(0, 1.0)])
    before = sizes(database_url)
    rows = [row(hour, 2.0) for hour in range(200)]
    with psycopg.connect(database_url) as blocker, ThreadPoolExecutor(1) as pool:
        # the load waits here, everything written but not committed: history is written last but one
        blocker.execute("LOCK TABLE meter_reading_history IN SHARE MODE")
        loading = pool.submit(deliver, store, "b", rows)
        wait_until(lambda: is_waiting(database_url))
        store_server.kill()
        with pytest.raises(UnavailableError, match="run the same again") as caught:
            loading.result(DEADLINE_S)
        blocker.close()
    assert caught.value.exit_status == 3
    assert_no_secrets(caught.value)
    with pytest.raises(UnavailableError, match=r"cannot be reached"):
        store.readings()
    store_server.start()
    assert sizes(database_url) == before
    assert outcome(deliver(store, "b", rows)) == {"superseded": 1, "loaded": 199}
    assert len(store.readings()) == 200


def assert_no_secrets(error: BaseException) -> None:
    assert "s3cret-w0rd" not in str(error)
    assert error.__cause__ is None


def is_waiting(database_url: str) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return ask(database_url, waiting)[0][0] > 0


def wait_until(happened) -> None:
    deadline = monotonic() + DEADLINE_S
    while not happened():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.02)
