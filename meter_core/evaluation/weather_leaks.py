"""Weather that was not known yet: what was issued later may change no feature, and no fit.

Temperatures of places are no column of the readings, so the linter of these cannot change them; here they are changed.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from meter_core.calendar import iso_utc
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import FloatArray
from meter_core.evaluation.leak_linter import Features, differing
from meter_core.evaluation.leak_probes import probes
from meter_core.features.readings import ReadingTable
from meter_core.features.weather import PlaceWeather

OTHERS: tuple[Callable[[FloatArray], FloatArray], ...] = (
    lambda temperature_c: 40.0 - temperature_c * 3.0,
    lambda temperature_c: np.full(len(temperature_c), np.nan),
)
"""What becomes of temperatures that were not known: others, and missing."""


def weather_leak_findings(table: ReadingTable, features: Features) -> list[Finding]:
    """Return an error for each feature that changes with weather which became known after its moment.

    Args:
        table: readings with the weather of their meters' places; without any nothing is found.
        features: how they are computed.
    """
    found: dict[str, Finding] = {}
    if not any(isinstance(each, PlaceWeather) for each in table.weather):
        return []
    for probe in probes(table):
        before = features.build(probe.table, probe.row)
        for other in OTHERS:
            after = features.build(changed_after(probe.table, probe.origin_s, other), probe.row)
            for column in differing(before, after):
                name = features.names[column]
                found.setdefault(name, _sees_future(name, probe.table.weather[probe.row], probe.origin_s))
    return [found[name] for name in features.names if name in found]


def changed_after(
    table: ReadingTable, moment_s: int, other: Callable[[FloatArray], FloatArray] = OTHERS[0]
) -> ReadingTable:
    """Return the table with other temperatures in place of those that became known after a moment."""
    known = {each for each in table.weather.tolist() if isinstance(each, PlaceWeather)}
    changed = {each: each.with_other_later(moment_s, other) for each in known}
    weather = np.empty(len(table), dtype=object)
    weather[:] = [changed.get(each) for each in table.weather.tolist()]
    return replace(table, weather=weather)


def _sees_future(name: str, weather: PlaceWeather, origin_s: int) -> Finding:
    """Return the finding of a feature that changes, with the first temperature that was not known."""
    first = int(np.flatnonzero(weather.known_s > origin_s)[0])
    at, valid, issued = (iso_utc(int(each)) for each in (origin_s, weather.valid_s[first], weather.known_s[first]))
    message = (
        f"{name} at {at} changes with temperatures that were issued later, such as that for {valid}, issued at "
        f"{issued}: it sees the future. Take the weather as `PlaceWeather.at` the origin knows it."
    )
    evidence = {"origin_ts": at, "quantity": "weather", "valid_at": valid, "issued_at": issued}
    return Finding(f"{name}_sees_the_future", name, Severity.ERROR, message, evidence)
