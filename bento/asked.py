"""One forecast that was asked for: the meter's past on the grid of its intervals, and what is to be said about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from bento.asked_weather import given_weather, weather_notes
from bento.forecast_schemas import ForecastRequest, HistoryUse, Horizon
from bento.localtime import wrong_zone
from bento.notes import wrong_type
from bento.past import past_of, stamps_of
from bento.schemas import Note
from bento.wire import wrong_values
from meter_core.contracts.errors import UsageError
from meter_core.contracts.forecasts import DAY_MINUTES, FORECAST_HOURS, HISTORY_NEEDED_VALUES, HISTORY_REACH_DAYS
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.interval_grid import even_clock, from_even_clock, history_row, usual_phase
from meter_core.features.weather import PlaceWeather, seen_temperatures
from meter_core.public_holidays import NO_HOLIDAYS, holiday_calendar
from meter_core.store.lookups import KnownMeter

OLD_AFTER_S: Final = 172_800
"""Age of the newest value from which a forecast from the store warns: deliveries come every night."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A forecast to be made.

    Attributes:
        zone: IANA name.
        interval_minutes: length of the intervals.
        steps: how many to forecast.
        origin_s: UTC seconds, start of the first of them.
        kwh: (w,) what is known of the intervals before, oldest first, NaN where nothing is.
        given: values that came.
        meter_id: names the meter, where known.
        warnings: what is to be said beside the forecast.
        holidays: calendar of public holidays where the meter stands, empty where nobody said.
        temperature_c: (w + h,) of the intervals in `kwh` and those to forecast, NaN where unknown; None where all are.
    """

    zone: str
    interval_minutes: int
    steps: int
    origin_s: int
    kwh: FloatArray
    given: int
    meter_id: str | None
    warnings: Sequence[Note] = field(default=())
    holidays: str = NO_HOLIDAYS
    temperature_c: FloatArray | None = None

    @property
    def coming_c(self) -> FloatArray | None:
        """(h,) temperatures of the intervals to forecast; None where none is known."""
        return None if self.temperature_c is None else self.temperature_c[len(self.kwh) :]

    @property
    def use(self) -> HistoryUse:
        """What the forecast has of the meter's past."""
        known, most = ~np.isnan(self.kwh), len(self.kwh)
        used = int(known.sum())
        missing = most - int(known.argmax()) - used if used else 0
        needed = HISTORY_NEEDED_VALUES * DAY_MINUTES // self.interval_minutes
        return HistoryUse(self.given, used, missing, needed, most, _advice(used, needed, most))


def asked_by(request: ForecastRequest, intervals: Sequence[int], now_s: float, uses_weather: bool = False) -> Asked:
    """Return what a request asks for.

    Args:
        request: types and bounds are right.
        intervals: lengths in minutes that the model knows.
        now_s: UTC seconds.
        uses_weather: whether the model was trained with weather.

    Raises:
        RefusedRequestError: 422 with all that is wrong: zone, stamps, horizon, values that contradict each other.
    """
    notes = _interval_notes(request.interval_minutes, intervals)
    if (wrong := wrong_zone(request.zone)) is not None:
        notes.append(wrong_type("zone", "zone", request.zone, wrong))
    steps = _steps(request.horizon, request.interval_minutes, notes)
    stamps = stamps_of(request, now_s, notes)
    closed = _holidays(request, notes)
    if notes:
        raise wrong_values(notes)
    past, given = past_of(request, stamps, notes), request.weather or ()
    weather = given_weather(given, stamps.weather_s, notes)
    if notes:
        raise wrong_values(notes)
    asked = _on_grid(
        request.zone, request.interval_minutes, steps, past.clock_s, past.kwh, past.origin_clock_s, request.meter_id
    )
    asked = _in_weather(replace(asked, holidays=closed), weather if uses_weather else None, now_s)
    return replace(asked, warnings=[*weather_notes(given, asked.coming_c, uses_weather), *_past_notes(asked)])


def asked_of(
    meter: KnownMeter,
    stamps_s: IntArray,
    kwh: FloatArray,
    horizon: Horizon,
    intervals: Sequence[int],
    now_s: float,
    weather: PlaceWeather | None = None,
    uses_weather: bool = False,
) -> Asked:
    """Return the forecast of a known meter that begins where its measured values end.

    Args:
        meter: with the newest measured value.
        stamps_s: (n,) UTC seconds of its values, at least one; those between the intervals of most are left out.
        kwh: (n,) their energy.
        horizon: how far ahead.
        intervals: lengths in minutes that the model knows.
        now_s: UTC seconds.
        weather: of the meter's place; None where none is stored or the model would not look at it.
        uses_weather: whether the model was trained with weather.

    Raises:
        RefusedRequestError: 422 where its intervals are none that the model knows, or the horizon is too far.
    """
    minutes = meter.interval_minutes or 0
    notes = _interval_notes(minutes, intervals)
    steps = _steps(horizon, max(minutes, 1), notes)
    if notes:
        raise wrong_values(notes)
    clock_s = even_clock(stamps_s, minutes * 60, meter.zone)
    kept = np.mod(clock_s, minutes * 60) == usual_phase(clock_s, minutes * 60)
    clock_s, kwh = clock_s[kept], kwh[kept]
    origin_clock_s = int(clock_s.max()) + minutes * 60
    asked = _on_grid(meter.zone, minutes, steps, clock_s, kwh, origin_clock_s, meter.meter_id)
    closed = holiday_calendar(meter.country, meter.subdivision)
    asked = _in_weather(replace(asked, given=len(kept), holidays=closed), weather, now_s)
    notes = [*weather_notes((), asked.coming_c, uses_weather), *_past_notes(asked), *_age_notes(asked, now_s)]
    return replace(asked, warnings=notes)


def _on_grid(
    zone: str, minutes: int, steps: int, clock_s: IntArray, kwh: FloatArray, origin_clock_s: int, meter_id: str | None
) -> Asked:
    """Return what was asked, its past in a row."""
    origin_s = int(from_even_clock(np.array([origin_clock_s]), minutes * 60, zone)[0])
    row = history_row(clock_s, kwh, origin_clock_s, minutes)
    return Asked(zone, minutes, steps, origin_s, row, len(kwh), meter_id)


def _in_weather(asked: Asked, weather: PlaceWeather | None, now_s: float) -> Asked:
    """Return what was asked with the temperatures of its intervals as they are known now."""
    if weather is None:
        return asked
    around = seen_temperatures(
        weather, int(now_s), asked.origin_s, asked.interval_minutes, asked.zone, len(asked.kwh), asked.steps
    )
    return asked if np.isnan(around[len(asked.kwh) :]).all() else replace(asked, temperature_c=around)


def _holidays(request: ForecastRequest, notes: list[Note]) -> str:
    """Return the calendar of public holidays that a request names; one that is none is added to `notes`."""
    try:
        return holiday_calendar(request.country, request.subdivision)
    except UsageError:
        wrong = "subdivision" if request.subdivision else "country"
        reason = (
            f"no public holidays are known for {request.country or 'no country'} {request.subdivision or ''}".strip()
        )
        notes.append(wrong_type(wrong, wrong, getattr(request, wrong), reason))
        return NO_HOLIDAYS


def _interval_notes(minutes: int, intervals: Sequence[int]) -> list[Note]:
    """Say where a length of interval is none that the model was trained on."""
    if minutes in intervals:
        return []
    reason = f"interval_minutes is {minutes}: the model was trained on {', '.join(map(str, intervals))}"
    return [Note("interval_minutes", minutes, reason, "give values of intervals that it was trained on, summed up")]


def _steps(horizon: Horizon, minutes: int, notes: list[Note]) -> int:
    """Return how many intervals a horizon has; what is wrong with it is added to `notes`."""
    hours = horizon if isinstance(horizon, int) else int(horizon[:-1]) * (24 if horizon.endswith("d") else 1)
    steps, rest = divmod(hours * 60, minutes)
    if not 1 <= hours <= FORECAST_HOURS:
        notes.append(wrong_type("horizon", "horizon", horizon, f"a forecast reaches 1 to {FORECAST_HOURS} hours"))
    elif rest:
        reason = f"it is no whole number of intervals of {minutes} minutes"
        notes.append(wrong_type("horizon", "horizon", horizon, reason))
    return steps


def _advice(used: int, needed: int, most: int) -> str:
    """Return what more would improve a forecast."""
    if used >= most:
        return f"all of the last {HISTORY_REACH_DAYS} days is known; more would change nothing"
    if used < needed:
        return (
            f"give {needed - used:,} more measured values of the last {HISTORY_REACH_DAYS} days for a forecast of the "
            "meter's own; until then it rests on the meters of the training"
        )
    return f"{most - used:,} more measured values, back to {HISTORY_REACH_DAYS} days, would improve it"


def _past_notes(asked: Asked) -> list[Note]:
    """Say what is missing of a meter's past."""
    known = np.flatnonzero(~np.isnan(asked.kwh))
    notes, use = [], asked.use
    late = len(asked.kwh) - 1 - int(known[-1]) if len(known) else 0
    if late:
        message = f"nothing is known of the {late:,} x {asked.interval_minutes} minutes before the forecast begins"
        notes.append(Note("history", late, message, "forecast all the same; send them once they are known"))
    if gaps := use.missing - late:
        message = f"missing between the first and the last known value: {gaps:,} x {asked.interval_minutes} minutes"
        notes.append(Note("history", gaps, message, "forecast all the same; nothing was filled in"))
    if use.used < use.needed:
        message = f"too few measured values for a forecast of the meter's own: {use.used:,}"
        notes.append(Note("history", use.used, message, use.advice))
    return notes


def _age_notes(asked: Asked, now_s: float) -> list[Note]:
    """Say that the newest value is old: the forecast begins there, and not now."""
    age_s = now_s - asked.origin_s
    if age_s < OLD_AFTER_S:
        return []
    message = f"the newest measured value is {age_s / 86_400:,.0f} days old, and the forecast begins where it ends"
    return [Note("data_known_until", None, message, "see whether deliveries of this meter stopped: `meter status`")]
