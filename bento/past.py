"""The history of a request: its stamps on the meter's grid, and all that contradicts it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bento.forecast_schemas import ForecastRequest, PastColumn
from bento.localtime import instant
from bento.notes import REMEDIES, wrong_type
from bento.schemas import Note
from meter_core.calendar import iso_local
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.interval_grid import even_clock, from_even_clock, usual_phase


@dataclass(frozen=True, slots=True)
class Stamps:
    """The times of a request.

    Attributes:
        history_s: (n,) UTC seconds; of a column of values the first alone.
        origin_s: where the forecast is to begin; None where the history says that.
        weather_s: (k,) UTC seconds of the temperatures.
    """

    history_s: IntArray
    origin_s: int | None
    weather_s: IntArray


@dataclass(frozen=True, slots=True)
class Past:
    """A history on the clock by which its intervals step evenly.

    Attributes:
        clock_s: (n,) starts of the intervals.
        kwh: (n,) their energy, NaN for null.
        origin_clock_s: start of the first interval to forecast.
    """

    clock_s: IntArray
    kwh: FloatArray
    origin_clock_s: int


def stamps_of(request: ForecastRequest, now_s: float, notes: list[Note]) -> Stamps:
    """Return the times of a request; those that cannot be are added to `notes`, of its weather too."""
    origin_s = None
    if request.origin_ts is not None:
        origin_s = instant(request.origin_ts, "origin_ts", now_s, notes, "origin_ts")
    weather_s = [
        instant(each.reading_ts, f"weather[{number}].reading_ts", now_s, notes)
        for number, each in enumerate(request.weather or ())
    ]
    if isinstance(request.history, PastColumn):
        found = [instant(request.history.start, "history.start", now_s, notes, "start")]
    else:
        found = [instant(each.reading_ts, _path(at), now_s, notes) for at, each in enumerate(request.history)]
    return Stamps(np.array(found, dtype=np.int64), origin_s, np.array(weather_s, dtype=np.int64))


def past_of(request: ForecastRequest, stamps: Stamps, notes: list[Note]) -> Past:
    """Return the history; what contradicts itself is added to `notes`.

    Args:
        request: with a zone that exists.
        stamps: its times, all of them possible.
        notes: gets what is wrong.
    """
    step_s, zone = request.interval_minutes * 60, request.zone
    clock_s, history = even_clock(stamps.history_s, step_s, zone), request.history
    if isinstance(history, PastColumn):
        kwh = _floats(history.units_kwh)
        clock_s = clock_s[0] + np.arange(len(kwh), dtype=np.int64) * step_s
    else:
        kwh = _floats([each.units_kwh for each in history])
    after = int(clock_s.max()) + step_s if len(clock_s) else 0
    if stamps.origin_s is not None:
        origin_clock_s = int(even_clock(np.array([stamps.origin_s]), step_s, zone)[0])
    elif len(clock_s):
        origin_clock_s = after
    else:
        message = "without a history nothing says where the forecast begins"
        notes.append(Note("origin_ts", None, message, REMEDIES["origin_ts"].removesuffix(", or leave it out")))
        origin_clock_s = 0
    notes.extend(_contradictions(clock_s, kwh, step_s, zone))
    if len(clock_s) and (origin_clock_s < after or (origin_clock_s - after) % step_s):
        (end,) = local_stamps([after], step_s, zone)
        reason = f"the history ends at {end}; the forecast begins there or a whole number of intervals later"
        notes.append(wrong_type("origin_ts", "origin_ts", request.origin_ts, reason))
    return Past(clock_s, kwh, origin_clock_s)


def local_stamps(clock_s: Sequence[int], step_s: int, zone: str) -> list[str]:
    """Return readings of the even clock as ISO 8601 with the local clock's offset."""
    return iso_local(from_even_clock(np.array(clock_s, dtype=np.int64), step_s, zone), zone)


def _contradictions(clock_s: IntArray, kwh: FloatArray, step_s: int, zone: str) -> Iterator[Note]:
    """Say which stamps lie between the intervals of most, and which values differ from another of the same time."""
    if not len(clock_s):
        return
    off_grid = np.mod(clock_s, step_s) != usual_phase(clock_s, step_s)
    for found, reason in (
        (off_grid, f"it lies between the intervals of {step_s // 60} minutes that most of the history has"),
        (_twice(clock_s, kwh), "the history has another energy for the same time"),
    ):
        numbers = np.flatnonzero(found).tolist()
        for at, stamp in zip(numbers, local_stamps(clock_s[numbers].tolist(), step_s, zone), strict=True):
            yield wrong_type(_path(at), "reading_ts", stamp, reason)


def _twice(clock_s: IntArray, kwh: FloatArray) -> NDArray[np.bool_]:
    """Return (n,) which values differ from the one given before for the same time."""
    order = np.argsort(clock_s, kind="stable")
    value = kwh[order]
    differs = (value[1:] != value[:-1]) & ~(np.isnan(value[1:]) & np.isnan(value[:-1]))
    found = np.zeros(len(order), dtype=bool)
    found[order[1:]] = (np.diff(clock_s[order]) == 0) & differs
    return found


def _path(number: int) -> str:
    """Return where the stamp of a value stands in a history of objects."""
    return f"history[{number}].reading_ts"


def _floats(values: Sequence[float | None]) -> FloatArray:
    """Return values with NaN for null."""
    return np.array(values, dtype=np.float64)
