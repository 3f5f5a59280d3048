"""What goes in and out over HTTP: one declaration that decodes, checks types and ranges, and documents."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from meter_core.contracts.features import BATCH_LIMIT, POSSIBLE_RANGE, RECENT_VALUES

MAX_INTERVAL_MINUTES: Final = 44_640
"""A month of 31 days: registers that are read once a month exist, longer intervals do not."""

MAX_ENERGY_KWH: Final = 1e9


def _possible(name: str, description: str) -> Meta:
    """Return the bounds of a measured quantity for decoder and documentation."""
    low, high = POSSIBLE_RANGE[name]
    return Meta(ge=low, le=high, description=description)


Voltage = Annotated[float, _possible("voltage_v", "Voltage at the start of the interval, V.")]
Temperature = Annotated[float, _possible("temperature_c", "Outdoor temperature, degrees Celsius.")]
PowerFactor = Annotated[float, _possible("power_factor", "Power factor; undefined (null) near zero load.")]
Load = Annotated[float, _possible("load_kw", "Active power at the start of the interval, kW.")]
Frequency = Annotated[float, _possible("frequency_hz", "Grid frequency, Hz.")]
Stamp = Annotated[
    str,
    Meta(
        max_length=64,
        description="Start of the interval, ISO 8601 with offset. Needs `zone`.",
        extra_json_schema={"format": "date-time"},
    ),
]
Zone = Annotated[str, Meta(max_length=64, description="The meter's IANA zone, such as Europe/Paris.")]
Hour = Annotated[int, Meta(ge=0, le=23, description="Hour of the meter's local clock.")]
Weekday = Annotated[int, Meta(ge=0, le=6, description="Day of the week on the local clock, Monday 0.")]
MeterId = Annotated[str, Meta(min_length=1, max_length=200, description="Pseudonym of the metering point.")]
Interval = Annotated[
    int,
    Meta(ge=1, le=MAX_INTERVAL_MINUTES, description="Length of the interval to predict, one the model was trained on."),
]
Energy = Annotated[float, Meta(ge=-MAX_ENERGY_KWH, le=MAX_ENERGY_KWH)]
Recent = Annotated[
    list[Energy | None],
    Meta(
        max_length=RECENT_VALUES, description="kWh of the intervals just before, newest last; null where not measured."
    ),
]
Flag = bool | Annotated[int, Meta(ge=0, le=1)]
Intensity = Annotated[float, Meta(ge=0, le=100, description="100 * load_kw / 5, clipped to 0..100.")]


class Reading(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One reading: what a meter measured at the start of an interval whose energy is to be predicted.

    When it was: `reading_ts` with `zone`, or `local_hour` with `local_day_of_week`. The derived values at the end are
    computed here; one that is given has to agree.
    """

    voltage_v: Voltage
    temperature_c: Temperature | None
    power_factor: PowerFactor | None
    load_kw: Load
    frequency_hz: Frequency | None
    reading_ts: Stamp | None = None
    zone: Zone | None = None
    local_hour: Hour | None = None
    local_day_of_week: Weekday | None = None
    meter_id: MeterId | None = None
    interval_minutes: Interval = 60
    recent_kwh: Recent | None = None
    is_weekend: Flag | None = None
    voltage_flag: Flag | None = None
    pf_issue: Flag | None = None
    high_temp: Flag | None = None
    load_intensity: Intensity | None = None


FIELD_TYPES: Final[dict[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(Reading)}
"""Type of each field of a reading, with its bounds."""

REQUIRED: Final = tuple(field.name for field in msgspec.structs.fields(Reading) if field.required)
DEFAULTS: Final[dict[str, Any]] = {
    field.name: field.default for field in msgspec.structs.fields(Reading) if not field.required
}


class Readings(Struct, frozen=True, forbid_unknown_fields=True):
    """Readings as objects."""

    readings: Annotated[list[Reading], Meta(min_length=1, max_length=BATCH_LIMIT)]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """Readings as columns: the names once, then a list of values a reading. Smaller and faster than objects."""

    columns: Annotated[list[str], Meta(min_length=1)]
    rows: Annotated[list[list[Any]], Meta(min_length=1, max_length=BATCH_LIMIT)]


class Note(Struct, frozen=True, gc=False):
    """One thing to know about one value: an error to put right, or a warning."""

    path: Annotated[str, Meta(description="Where it stands, such as readings[3].voltage_v; empty for the whole.")]
    value: Annotated[Any, Meta(description="What was given, shortened.")]
    message: str
    remedy: str


class Prediction(Struct, frozen=True, gc=False):
    """The energy of the interval that starts with the reading."""

    units_kwh: Annotated[float, Meta(description="Expected energy, kWh.")]
    low_kwh: Annotated[float, Meta(description="10 % quantile; with high_kwh the 80 % range.")]
    high_kwh: Annotated[float, Meta(description="90 % quantile.")]
    status: Annotated[str, Meta(description="Low, Normal or High beside what is usual; Unknown without a usual.")]
    basis: Annotated[str | None, Meta(description="Whose usual: meter, population, or null.")]
    usual_low_kwh: Annotated[
        float | None, Meta(description="25 % quantile of what was measured at this hour and kind of day.")
    ]
    usual_high_kwh: Annotated[float | None, Meta(description="75 % quantile, likewise.")]
    used_history: Annotated[bool, Meta(description="Whether recent_kwh was enough for the model with history.")]
    model_version: str
    meter_id: str | None
    warnings: Annotated[list[Note], Meta(description="Unusual values: predicted all the same.")]


class Contribution(Struct, frozen=True):
    """What one group of inputs did to a prediction."""

    group: Annotated[str, Meta(description="load, voltage, power_factor, temperature, frequency, time or recent.")]
    value: Annotated[str, Meta(description="Of the reading, as people read it.")]
    reference: Annotated[str, Meta(description="Of the typical reading, likewise.")]
    kwh: Annotated[float, Meta(description="By how much it moved the prediction, kWh.")]
    words: Annotated[str, Meta(description="All of it in one line.")]


class ExplainedPrediction(Prediction, frozen=True):
    """A prediction, and what moved it away from that of a typical reading: exact Shapley values of groups of inputs."""

    reference_kwh: Annotated[
        float | None, Meta(description="Predicted for a typical reading; null where the model was saved without one.")
    ]
    contributions: Annotated[
        list[Contribution], Meta(description="The largest first; with reference_kwh they add up to units_kwh.")
    ]


class Predictions(Struct, frozen=True):
    """Predictions in the order of the readings."""

    predictions: list[Prediction]
    model_version: str


class PredictionTable(Struct, frozen=True):
    """Predictions as columns, rows in the order of the readings."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    model_version: str


class Problem(Struct, frozen=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Note] = []
    request_id: Annotated[str, Meta(description="As in the header x-request-id; the service's log has it too.")] = ""
