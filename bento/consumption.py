"""What a meter has used, by local hours or days: gaps stay gaps, sums stand only where all is known."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from bento.forecast_schemas import Consumed, ConsumedTotal, Consumption
from bento.localtime import instant
from bento.notes import shortened
from bento.parameters import stamp_of
from bento.schemas import Note
from bento.wire import wrong_values
from meter_core.calendar import DAY_S, iso_local, local_midnights, local_to_utc, utc_offset_minutes
from meter_core.contracts.readings import QUALITY_RANK, IntArray
from meter_core.store.lookups import Energy, KnownMeter

HOUR_S: Final = 3_600
SHOWN_DAYS: Final = 7
MOST_DAYS: Final = {"hour": 92, "day": 1_100}
"""Days of one answer: a quarter of hours, three years of days."""

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Spans:
    """The local hours or days that are asked for.

    Attributes:
        interval: `hour` or `day`.
        edges_s: (k + 1,) UTC seconds, ascending.
    """

    interval: str
    edges_s: IntArray


def spans_of(given: Mapping[str, str], meter: KnownMeter, now_s: float) -> Spans:
    """Return the spans that a request asks for; by default the last days that are known.

    Args:
        given: `from`, `until` and `interval`, as far as given.
        meter: whose clock counts.
        now_s: UTC seconds.

    Raises:
        RefusedRequestError: 422 with what is wrong.
    """
    notes: list[Note] = []
    interval = given.get("interval") or ("hour" if (meter.interval_minutes or 60) * 60 <= HOUR_S else "day")
    until_s = _edge(given, "until", meter.zone, now_s, notes)
    from_s = _edge(given, "from", meter.zone, now_s, notes)
    if interval not in MOST_DAYS:
        notes.append(Note("interval", shortened(interval), "interval is neither hour nor day", "give hour or day"))
    elif interval == "hour" and (meter.interval_minutes or 0) * 60 > HOUR_S:
        message = f"this meter measures every {meter.interval_minutes} minutes, not every hour"
        notes.append(Note("interval", interval, message, "give day"))
    if notes:
        raise wrong_values(notes)
    until_s = (meter.known_until_s or int(now_s)) if until_s is None else until_s
    from_s = _days_before(until_s, meter.zone) if from_s is None else from_s
    days = (until_s - from_s) / DAY_S
    if not 0 < days <= MOST_DAYS[interval]:
        message = f"from and until are {days:,.6g} days apart" if days > 0 else "until is not after from"
        remedy = f"give an until after from, at most {MOST_DAYS[interval]:,} days later for interval={interval}"
        raise wrong_values([Note("until", shortened(given.get("until")), message, remedy)])
    if interval == "day":
        return Spans(interval, local_midnights(from_s, until_s, meter.zone))
    return Spans(interval, _hours(from_s, until_s, meter.zone))


def consumption(meter: KnownMeter, spans: Spans, energy: Mapping[int, Energy]) -> Consumption:
    """Return what is known of each span, and of all together.

    Args:
        meter: whose it is.
        spans: what was asked for.
        energy: what the store knows of each span by its number.
    """
    stamps = iso_local(spans.edges_s, meter.zone)
    minutes = (np.diff(spans.edges_s) // 60).tolist()
    found = [energy.get(number) for number in range(len(minutes))]
    known = [one for one in found if one is not None]
    total = Energy(sum(one.kwh for one in known), sum(one.minutes for one in known), _poorest(known)) if known else None
    return Consumption(
        meter_id=meter.meter_id,
        zone=meter.zone,
        interval=spans.interval,
        since=stamps[0],
        until=stamps[-1],
        data_known_until=None
        if meter.known_until_s is None
        else iso_local(np.array([meter.known_until_s]), meter.zone)[0],
        values=[
            Consumed(stamp, *_shown(one, length)) for stamp, one, length in zip(stamps, found, minutes, strict=False)
        ],
        total=ConsumedTotal(*_shown(total, sum(minutes))),
    )


def as_csv(answer: Consumption) -> bytes:
    """Return the values as CSV with a header; what is not known is empty."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(Consumed.__struct_fields__)
    writer.writerows((one.reading_ts, one.units_kwh, one.quality, one.completeness) for one in answer.values)
    return lines.getvalue().encode()


def _shown(energy: Energy | None, minutes: int) -> tuple[float | None, str | None, float]:
    """Return energy where all of it is known, the poorest quality, and how much of the time is known."""
    if energy is None:
        return None, None, 0.0
    kwh = energy.kwh if energy.minutes == minutes else None
    return kwh, energy.quality, min(1.0, energy.minutes / minutes)


def _poorest(known: list[Energy]) -> str:
    return min((one.quality for one in known), key=QUALITY_RANK.__getitem__)


def _edge(given: Mapping[str, str], name: str, zone: str, now_s: float, notes: list[Note]) -> int | None:
    """Return a local day's begin or an instant, None where not given; what is wrong with it is added to `notes`."""
    text = given.get(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        found: list[Note] = []
        at_s = instant(stamp_of(text), name, now_s, found, name)
        notes.extend(Note(each.path, each.value, each.message, _EDGE_REMEDY) for each in found)
        return at_s
    midnight = np.array([(day - _EPOCH).days * DAY_S], dtype=np.int64)
    return int(local_to_utc(midnight, zone)[0][0])


_EDGE_REMEDY: Final = "give a local day such as 2016-08-01, or an instant such as 2016-08-01T00:00:00-07:00 (+ as %2B)"


def _days_before(until_s: int, zone: str) -> int:
    """Return the local midnight with which the last days up to an instant begin."""
    last = np.array([until_s - 1], dtype=np.int64)
    day = (last + utc_offset_minutes(last, zone) * 60) // DAY_S
    return int(local_to_utc((day - (SHOWN_DAYS - 1)) * DAY_S, zone)[0][0])


def _hours(from_s: int, until_s: int, zone: str) -> IntArray:
    """Return the edges of the hours that a span touches, full hours of the local clock."""
    (past_hour,) = (utc_offset_minutes(np.array([from_s]), zone) * 60 % HOUR_S).tolist()
    first = from_s - (from_s + past_hour) % HOUR_S
    return np.arange(first, until_s + HOUR_S - 1, HOUR_S, dtype=np.int64)
