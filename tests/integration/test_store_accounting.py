"""Any sequence of deliveries gives what a plain model of the rules gives, value by value; and the accounting holds."""

from dataclasses import dataclass

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meter_core.store import Store
from tests.integration.store_databases import EMPTY
from tests.integration.store_deliveries import START, deliver, outcome, row

RANK = {"estimated": 0, "measured": 1, "edited": 2, "validated": 3}


@dataclass
class Value:
    """A version, as the model keeps it."""

    kwh: float | None
    quality: str
    version: int
    known: int

    @property
    def rank(self) -> tuple:
        return RANK[self.quality], self.version, self.known


def judge(stands: dict, key: tuple, new: Value) -> str:
    """The rules of the design, one value at a time."""
    old = stands.get(key)
    if old is None:
        stands[key] = new
        return "loaded"
    if old.kwh == new.kwh:
        if (new.rank[0], new.rank[1]) > (old.rank[0], old.rank[1]):
            stands[key] = new
        return "duplicates"
    if new.kwh is None:
        return "outranked"
    if old.kwh is None:
        stands[key] = new
        return "loaded"
    if new.rank >= old.rank:
        stands[key] = new
        return "superseded"
    return "outranked"


values = st.builds(
    Value,
    kwh=st.sampled_from([None, 0.0, 1.0, 2.0]),
    quality=st.sampled_from(sorted(RANK)),
    version=st.integers(0, 1),
    known=st.integers(100, 102),
)
keys = st.tuples(st.sampled_from(["m1", "m2"]), st.sampled_from(["import", "export"]), st.sampled_from([0, 1, 2]))
deliveries = st.lists(
    st.lists(st.tuples(keys, values, st.sampled_from([None, None, None, "bad_energy"])), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=deliveries, parts=st.integers(1, 3))
def test_any_sequence_of_deliveries(database_url, files, parts):
    store = Store(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(EMPTY)
    stands: dict = {}
    for number, file in enumerate(files):
        rows, expected = [], {}
        for (meter, channel, hour), value, code in file:
            # the model compares rows with ==, which two NaN of their own would fail: row() uses one and the same
            shape = {"quality": value.quality, "source_version": value.version, "known": value.known, "code": code}
            rows.append(row(hour, value.kwh, meter_id=meter, channel=channel, **shape))
            if code:
                said = "quarantined"
            elif rows[-1] in rows[:-1]:
                said = "duplicates"  # the file repeats itself
            else:
                said = judge(stands, (meter, channel, hour), value)
            expected[said] = expected.get(said, 0) + 1
        assert outcome(deliver(store, str(number), rows, parts)) == expected
        assert deliver(store, str(number), rows).duplicates == len(rows)
    frame = store.readings()
    kept = {
        (meter, channel, (ts - START).total_seconds() / 3600): (None if kwh != kwh else kwh, quality)
        for meter, channel, ts, kwh, quality in zip(
            *(frame[name] for name in ("meter_id", "channel", "reading_ts", "units_kwh", "quality")), strict=True
        )
    }
    assert kept == {key: (value.kwh, value.quality) for key, value in stands.items()}
