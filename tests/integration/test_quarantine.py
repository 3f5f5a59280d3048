"""What was refused: found again as delivered, released by a person, and replayed when profile or rule was fixed."""

import pytest

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.jobs.quarantine import listed, shown
from meter_core.jobs.raw_line import raw_line
from meter_core.store import Store
from tests.integration.postgres_server import WHEEL
from tests.integration.replay_world import HEADER, World, difference, random_world, row
from tests.integration.store_databases import ask
from tests.integration.store_state import state

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)


@pytest.fixture
def world(tmp_path, database_url):
    return World(tmp_path, database_url)


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_is_found_again_as_delivered(world, packed):
    odd = 'm1,2024-02-01 01:00,"1 ; 5",0,  x'
    path = world.file("day.csv", row(0, 1), odd, *(row(h, 1) for h in range(2, 9)), packed=packed)
    world.ingest(path, world.profile())
    (digest,), (number,) = ask(
        world.url, "SELECT file_digest FROM source_file UNION ALL SELECT id::text FROM source_file"
    )
    path.unlink()  # it is the kept one that is asked
    for name in ("day.csv", digest[:8], number):
        assert raw_line(f"{name}:3", world.settings, world.url).text == odd
    assert raw_line("day.csv:1", world.settings, world.url).text == HEADER.strip()


def test_what_cannot_be_printed_says_what_to_do(world):
    world.ingest(world.file("day.csv", row(0, 1)), world.profile())
    world.ingest(world.file("day.csv", row(0, 2)), world.profile())
    with pytest.raises(UsageError, match=r"2 deliveries.*say the number"):
        raw_line("day.csv:2", world.settings, world.url)
    number = ask(world.url, "SELECT max(id) FROM source_file")[0][0]
    with pytest.raises(UsageError, match="lines 1 to 2, not 9"):
        raw_line(f"{number}:9", world.settings, world.url)
    with pytest.raises(UsageError, match=r"like day\.csv:812"):
        raw_line("day.csv", world.settings, world.url)
    with pytest.raises(UsageError, match=r"no delivery is known by 'night\.csv'"):
        raw_line("night.csv:2", world.settings, world.url)
    for kept in (world.folder / "home/files/deliveries").iterdir():
        kept.unlink()
    with pytest.raises(UsageError, match=r"not kept under .*METER_FILES_URL.*restore deliveries/\w{64}.gz"):
        raw_line(f"{number}:2", world.settings, world.url)


def test_quarantine_is_listed_by_delivery_and_rule_with_an_example(world):
    rows = [row(0, -1), row(1, -2), row(2, "much"), *(row(h, 1) for h in range(3, 23))]
    world.ingest(world.file("day.csv", *rows), world.profile())
    found = listed(None, None, world.url)
    assert [(each["file"], each["rule"], each["rows"], each["first_line"], each["example"]) for each in found] == [
        ("day.csv", "bad_energy", 1, 4, row(2, "much")),
        ("day.csv", "negative_energy", 2, 2, row(0, -1)),
    ]
    assert "channel net" in found[1]["explanation"]
    assert [each["rule"] for each in listed("day.csv", "bad_energy", world.url)] == ["bad_energy"]
    with pytest.raises(UsageError, match="negative_energy"):
        listed(None, "minus", world.url)
    (shown_row,) = shown("day.csv:3", world.url)
    assert (shown_row["raw_line"], shown_row["meter_id"], shown_row["resolved_at"]) == (row(1, -2), "m1", None)
    with pytest.raises(UsageError, match="never was"):
        shown("day.csv:5", world.url)


def test_released_rows_are_loaded_with_precedence_and_the_accounting_stays_exact(world):
    lines = [row(0, -1, version=1, volt=9_999_999), row(1, -2, version=1), row(2, "much")]
    world.ingest(world.file("day.csv", *lines, *(row(h, 1) for h in range(3, 23))), world.profile())
    world.ingest(world.file("next.csv", row(0, 5), row(1, 6, version=2), row(23, 7)), world.profile())
    ids = {line: shown(f"day.csv:{line}", world.url)[0]["id"] for line in (2, 3, 4)}
    done = world.release(ids[2], ids[3]).as_dict()
    assert {name: done[name] for name in ("rows", "loaded", "superseded", "outranked", "duplicates")} == {
        "rows": 2,
        "loaded": 0,
        "superseded": 1,
        "outranked": 1,
        "duplicates": 0,
    }
    stands = ask(world.url, "SELECT units_kwh, voltage_v, line FROM meter_reading ORDER BY reading_ts LIMIT 2")
    assert stands == [(-1, 230, 2), (6, 230, 3)]
    counts = (
        "SELECT row_count, loaded, superseded, outranked, duplicates, quarantined FROM source_file WHERE file_name = %s"
    )
    assert ask(world.url, counts, "day.csv") == [(23, 20, 1, 1, 0, 1)]
    assert ask(
        world.url, "SELECT resolution, resolved_by, resolved_why FROM quarantined_reading WHERE id = %s", ids[2]
    ) == [("released", "anna", "seen on site")]
    assert ask(world.url, "SELECT action, who, evidence ->> 'superseded' FROM intervention") == [
        ("released", "anna", "1")
    ]
    with pytest.raises(UsageError, match="do not wait"):
        world.release(ids[2])


def test_what_has_no_value_or_no_order_cannot_be_released(world):
    clash = [row(0, 1), row(0, 2), row(1, "much"), *(row(h, 1) for h in range(2, 23))]
    world.ingest(world.file("day.csv", *clash), world.profile())
    before = state(world.url)
    with pytest.raises(RefusedError, match=r"line 4: bad_energy: there is no value"):
        world.release(file="day.csv", rule="bad_energy")
    with pytest.raises(RefusedError, match=r"lines 2, 3 .* only the one that is right"):
        world.release(file="day.csv", rule="conflicting_in_file")
    with pytest.raises(UsageError, match="--why"):
        world.release(file="day.csv", rule="conflicting_in_file", why=" ")
    assert state(world.url) == before
    assert world.release(shown("day.csv:3", world.url)[0]["id"]).loaded == 1
    assert world.energy()[0] == ("m1", 2)


def test_a_stopped_delivery_is_replayed_not_released(world):
    path = world.file("day.csv", *(row(h, -1) for h in range(9)), row(9, 1))
    assert world.ingest(path, world.profile())["stopped"]
    with pytest.raises(UsageError, match="quarantine replay"):
        world.release(file="day.csv")
    with pytest.raises(RefusedError, match="nothing was changed"):
        world.replay("day.csv", world.profile("Wh"))
    done = world.replay("day.csv", world.profile(), stop_above=1.0)
    assert (done.counts.loaded, done.counts.quarantined, done.before["quarantined"]) == (1, 9, 10)
    world_after = state(world.url)
    world.clear()
    world.ingest(path, world.profile(), stop_above_share=1.0)
    assert state(world.url) == world_after


@pytest.mark.parametrize("seed", [3, 4])
def test_a_replay_leaves_what_the_right_profile_would_have_left(world, seed):
    assert difference(world, seed, 3) is None


def test_a_replay_changes_nothing_where_nothing_was_fixed(world):
    for path, profile in random_world(world, 99, 2)[0]:
        world.ingest(path, profile)
    everything = (
        "SELECT r::text FROM meter_reading r UNION ALL SELECT h.verdict || h.recorded_at FROM meter_reading_history h"
    )
    before = state(world.url), sorted(ask(world.url, everything))
    assert world.replay("99-1.csv", world.profile()).withdrawn == 0
    assert (state(world.url), sorted(ask(world.url, everything))) == before


def test_until_the_replay_the_misread_values_are_what_was_known(world):
    path = world.file("day.csv", row(0, 1000), row(1, 2000, meter="m2"))
    world.ingest(path, world.profile())
    (stored,) = ask(world.url, "SELECT recorded_at FROM source_file")[0]
    done = world.replay("day.csv", world.profile("Wh"))
    assert (done.withdrawn, done.counts.loaded) == (2, 2)
    store = Store(world.url)
    assert list(store.readings()["units_kwh"]) == [1, 2]
    assert list(store.readings(as_stored_at=stored)["units_kwh"]) == [1000, 2000]
    known = "SELECT units_kwh FROM readings_as_known(%s, %s) ORDER BY reading_ts"
    assert ask(world.url, known, stored, stored) == [(1000,), (2000,)]
    assert ask(world.url, known, "infinity", "infinity") == [(1,), (2,)]


def test_a_wrong_zone_is_corrected_by_a_replay(world):
    world.ingest(world.file("day.csv", row(0, 1), row(1, 2)), world.profile(zone="Asia/Kolkata"))
    world.replay("day.csv", world.profile())
    assert ask(world.url, "SELECT zone, zone_assumed FROM meter") == [("Europe/Paris", False)]
    assert str(ask(world.url, "SELECT min(reading_ts) FROM meter_reading")[0][0]) == "2024-01-31 23:00:00+00:00"


def test_a_replay_that_needs_a_file_that_is_gone_changes_nothing(world):
    world.ingest(world.file("a.csv", row(0, 1000)), world.profile())
    world.ingest(world.file("b.csv", row(0, 2000, version=1)), world.profile())
    (kept,) = ask(world.url, "SELECT kept_as FROM source_file WHERE file_name = 'b.csv'")[0]
    (world.folder / "home/files" / kept).unlink()
    before = state(world.url)
    with pytest.raises(UsageError, match=r"b\.csv .* is not kept"):
        world.replay("a.csv", world.profile("Wh"))
    assert state(world.url) == before


REGISTER = """
name: counter
columns: {{meter_id: meter, reading_ts: stamp, units_kwh: kwh, source_version: version, voltage_v: volt}}
quantities: {{voltage_v: instant}}
stamp: {{clock: utc, marks: end}}
zone: Europe/Paris
interval_minutes: 60
units: {{units_kwh: {unit}}}
registers: {{}}
"""


def test_the_register_difference_that_rests_on_a_misread_value_is_right_after_the_replay(world):
    profiles = {}
    for unit in ("kWh", "Wh"):
        profiles[unit] = world.folder / f"counter-{unit}.yaml"
        profiles[unit].write_text(REGISTER.format(unit=unit))
    first = world.file("first.csv", *(row(hour, 1000 + hour) for hour in range(6)))
    second = world.file("second.csv", *(row(hour, 1000 + 2 * hour) for hour in range(6, 12)))
    world.ingest(first, str(profiles["Wh"]))
    world.ingest(second, str(profiles["kWh"]))
    misread = state(world.url)
    world.replay("first.csv", str(profiles["kWh"]))
    replayed = state(world.url)
    assert replayed["readings"] != misread["readings"]
    world.clear()
    world.ingest(first, str(profiles["kWh"]))
    world.ingest(second, str(profiles["kWh"]))
    assert state(world.url) == replayed
    assert [kwh for _, kwh in world.energy()][5:8] == [1, 7, 2]


def test_of_two_replays_at_once_the_second_changes_nothing(world, monkeypatch):
    world.ingest(world.file("day.csv", *(row(hour, 1) for hour in range(4))), world.profile())
    rewriting = Store.rewriting

    def replay_before(store):
        monkeypatch.setattr(Store, "rewriting", rewriting)
        world.replay("day.csv", world.profile(zone="Asia/Tokyo"))
        return rewriting(store)

    monkeypatch.setattr(Store, "rewriting", replay_before)
    with pytest.raises(RefusedError, match="changed meanwhile"):
        world.replay("day.csv", world.profile("Wh"))
    rows = ask(world.url, "SELECT min(reading_ts)::text, sum(units_kwh), count(*) FROM meter_reading")
    assert rows == [("2024-01-31 15:00:00+00", 4, 4)]


def test_a_profile_of_ones_own_is_not_taken_for_the_built_in_one_of_its_name(world):
    own = world.folder / "canonical.yaml"
    own.write_text(
        "name: canonical\ncolumns: {meter_id: m, reading_ts: t, units_kwh: e}\ninterval_minutes: 60\nzone: UTC\n"
    )
    path = world.folder / "own.csv"
    path.write_text("m,t,e\nm1,2024-02-01 00:00,1\n")
    world.ingest(path, str(own))
    with pytest.raises(UsageError, match="--source canonical for the built-in one"):
        world.replay("own.csv")
    assert world.replay("own.csv", str(own)).counts.rows == 1
