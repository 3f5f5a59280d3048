"""Requests for the tests. Measured values are those of the shipped sample; made-up ones say so."""

import numpy as np

from meter_core.contracts.readings import ReadingBatch

SATURDAY_EVENING = {
    "voltage_v": 237.52,
    "temperature_c": None,
    "power_factor": 0.9979,
    "load_kw": 2.79,
    "frequency_hz": None,
    "local_hour": 18,
    "local_day_of_week": 5,
}
"""2006-12-16 18:00 in the sample, a Saturday."""

WITHOUT_TIME = {name: value for name, value in SATURDAY_EVENING.items() if not name.startswith("local")}


def at(stamp: str, zone: str, **more) -> dict:
    """The reading above at another time."""
    return WITHOUT_TIME | {"reading_ts": stamp, "zone": zone} | more


def made_up(count: int, history: bool = True) -> list[dict]:
    """Readings made up from a fixed seed, over the ranges of the features and a bit beyond; some with history."""
    chance = np.random.default_rng(7)
    readings = []
    for number in range(count):
        reading = {
            "voltage_v": round(float(chance.uniform(175, 255)), 2),
            "temperature_c": None if number % 3 else round(float(chance.uniform(-5, 42)), 1),
            "power_factor": None if number % 5 == 4 else round(float(chance.uniform(0.6, 1)), 4),
            "load_kw": round(float(chance.uniform(0, 6)), 3),
            "frequency_hz": None if number % 2 else round(float(chance.uniform(49.8, 50.2)), 3),
            "local_hour": int(chance.integers(0, 24)),
            "local_day_of_week": int(chance.integers(0, 7)),
        }
        if history and number % 4 == 1:
            width = int(chance.choice([1, 24, 170, 672, 1344]))
            recent = np.round(chance.gamma(1.2, 0.8, width), 4).tolist()
            reading["recent_kwh"] = [None if chance.random() < 0.02 else value for value in recent]
        readings.append(reading)
    return readings


def as_columns(readings: list[dict], names: list[str]) -> dict:
    """Readings as a table of those columns."""
    return {"columns": names, "rows": [[reading[name] for name in names] for reading in readings]}


def batch_of(reading: dict, local_hour: int, local_day_of_week: int, meter_id: str | None = None) -> ReadingBatch:
    """One reading without history as the arrays that features are computed from, put together by hand."""
    measured = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")
    return ReadingBatch(
        *(np.array([np.nan if reading[name] is None else reading[name]], dtype=np.float64) for name in measured),
        local_hour=np.array([local_hour]),
        local_day_of_week=np.array([local_day_of_week]),
        interval_minutes=np.array([60]),
        meter_id=np.array([meter_id], dtype=object) if meter_id else None,
    )
