"""What goes in and out of a forecast, and of what is known of a meter; one declaration, as in `schemas`."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from bento.schemas import Energy, Interval, MeterId, Note, Stamp, Temperature, Zone
from meter_core.contracts.forecasts import DAY_MINUTES, FORECAST_HOURS, HISTORY_REACH_DAYS

MOST_HISTORY: Final = HISTORY_REACH_DAYS * DAY_MINUTES
"""Values of a history: as many minutes as a forecast looks back."""

Horizon = (
    Annotated[int, Meta(ge=1, le=FORECAST_HOURS, description="How many hours ahead.")]
    | Annotated[str, Meta(pattern="^[0-9]{1,3}[hd]$", description="How far ahead: such as 24h, or 7d.")]
)
PastKwh = Annotated[Energy | None, Meta(description="Energy of the interval, kWh; null where not measured.")]
Low = Annotated[float, Meta(description="10 % quantile; with high_kwh the 80 % range, kWh.")]
Median = Annotated[float, Meta(description="50 % quantile, kWh.")]
High = Annotated[float, Meta(description="90 % quantile, kWh.")]
Mean = Annotated[float, Meta(description="Expected energy (mean), kWh. Means add up.")]
LocalStamp = Annotated[str, Meta(description="ISO 8601 with the offset of the meter's local clock.")]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 code: its public holidays are known then.")]
Subdivision = Annotated[
    str, Meta(min_length=1, max_length=8, description="Of the country, with holidays of its own, such as VIC or BY.")
]
Share = Annotated[float, Meta(ge=0, le=1, description="How much of the time is known: 1 is all of it.")]


class PastValue(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The energy of one past interval."""

    reading_ts: Stamp
    units_kwh: PastKwh


class PastColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """Consecutive past intervals: the start of the first, and a value for each. Smaller and faster than objects."""

    start: Stamp
    units_kwh: Annotated[list[PastKwh], Meta(max_length=MOST_HISTORY)]


class Weather(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Outdoor temperature at an instant: forecast for one to come, measured at one that is past."""

    reading_ts: Stamp
    temperature_c: Temperature | None


class ForecastRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter's past energy, and how far ahead to look.

    The forecast begins where the history ends: at `origin_ts` where given, else after the last interval in `history`,
    null or not. The more of the last 56 days is in it the better; a week makes a forecast of the meter's own.
    `weather` holds temperatures of the coming intervals, better also of the ten days before.
    """

    zone: Zone
    interval_minutes: Interval
    history: Annotated[list[PastValue], Meta(max_length=MOST_HISTORY)] | PastColumn
    horizon: Horizon
    origin_ts: Stamp | None = None
    meter_id: MeterId | None = None
    weather: Annotated[list[Weather], Meta(max_length=MOST_HISTORY)] | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None


class ForecastInterval(Struct, frozen=True, gc=False):
    """One coming interval."""

    reading_ts: LocalStamp
    units_kwh: Mean
    low_kwh: Low
    median_kwh: Median
    high_kwh: High


class ForecastDay(Struct, frozen=True, gc=False):
    """One local day, as far as the forecast reaches into it; its quantiles are those of sums, not sums of quantiles."""

    date: Annotated[str, Meta(description="Local day, ISO 8601.")]
    intervals: int
    whole: Annotated[bool, Meta(description="Whether the forecast has all intervals of the day: 23, 24 or 25 hours.")]
    units_kwh: Mean
    low_kwh: Low
    median_kwh: Median
    high_kwh: High


class ForecastTotal(Struct, frozen=True):
    """All intervals together; quantiles of the sum, not sums of quantiles."""

    intervals: int
    units_kwh: Mean
    low_kwh: Low
    median_kwh: Median
    high_kwh: High


class HistoryUse(Struct, frozen=True):
    """What the forecast had of the meter's past."""

    given: Annotated[int, Meta(description="Values that came, null or not.")]
    used: Annotated[int, Meta(description="Measured values within the days that a forecast looks back.")]
    missing: Annotated[
        int, Meta(description="Intervals without a value between the first that is used and the origin.")
    ]
    needed: Annotated[int, Meta(description="Measured values that a forecast of the meter's own needs.")]
    most: Annotated[int, Meta(description="Values beyond which more change nothing.")]
    advice: Annotated[str, Meta(description="What more would improve it.")]


class Forecast(Struct, frozen=True, kw_only=True):
    """Energy of the coming intervals."""

    meter_id: str | None
    zone: str
    interval_minutes: int
    origin_ts: Annotated[str, Meta(description="Start of the first interval, with the local clock's offset.")]
    data_known_until: Annotated[str | None, Meta(description="End of the last known value; null where none is.")]
    model_version: str
    basis: Annotated[str, Meta(description="What it rests on: the meter's own history, or the population.")]
    forecast: list[ForecastInterval]
    days: list[ForecastDay]
    total: ForecastTotal
    history: HistoryUse
    warnings: list[Note]


class MeterEntry(Struct, frozen=True):
    """A meter that may be asked for."""

    meter_id: str
    zone: str
    interval_minutes: int | None
    data_known_until: Annotated[LocalStamp | None, Meta(description="End of its newest value; null without any.")]


class Meters(Struct, frozen=True):
    """Meters in the order of their ids."""

    meters: list[MeterEntry]
    next: Annotated[str | None, Meta(description="What to give as `after` for those that follow; null at the end.")]


class Consumed(Struct, frozen=True, gc=False):
    """The energy of one local hour or day."""

    reading_ts: LocalStamp
    units_kwh: Annotated[float | None, Meta(description="Energy, kWh; null where not all of it is known.")]
    quality: Annotated[str | None, Meta(description="The poorest quality of its values; null where none is known.")]
    completeness: Share


class ConsumedTotal(Struct, frozen=True):
    """All of the time together."""

    units_kwh: Annotated[float | None, Meta(description="Energy, kWh; null where not all of it is known.")]
    quality: str | None
    completeness: Share


class Consumption(Struct, frozen=True, kw_only=True):
    """What a meter has used."""

    meter_id: str
    zone: str
    interval: Annotated[str, Meta(description="hour or day, of the local clock.")]
    since: Annotated[LocalStamp, Meta(description="Start of the first value.")]
    until: Annotated[LocalStamp, Meta(description="End of the last value.")]
    data_known_until: LocalStamp | None
    values: list[Consumed]
    total: ConsumedTotal
