"""The tables of PostgreSQL as SQLModel classes. Migrations are made from them, and a test compares the two."""

from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from meter_core.contracts.readings import CHANNELS, QUALITIES

NOW: Final = text("now()")
LATER_THAN: Final = "valid_until IS NULL OR valid_until > valid_from"
COORDINATES: Final = (
    "(latitude IS NULL) = (longitude IS NULL) AND (latitude IS NULL OR latitude BETWEEN -90 AND 90) "
    "AND (longitude IS NULL OR longitude BETWEEN -180 AND 180)"
)
VERDICTS: Final = ("superseded", "outranked", "filled", "completed", "withdrawn")
"""Why a version is in history: another value displaced it; it did not displace the standing one; it was missing and got
a value; an equal value brought it auxiliary quantities or a better quality; or its delivery was replayed and gives
another value now: until `judged_at` it was what was known."""
INTERVENTIONS: Final = ("released", "replayed", "erased", "archived")
RESOLUTIONS: Final = ("delivered", "released", "replayed")
"""How a row left quarantine: its delivery, once stopped, came again and was loaded; a person judged it good; or its
delivery was replayed."""


def _one_of(column: str, allowed: tuple[str, ...]) -> str:
    """Return the check that a text column holds one of these."""
    return f"{column} IN ({', '.join(repr(name) for name in allowed)})"


def _finite(column: str) -> str:
    """Return the check that a double is neither infinite nor NaN (which PostgreSQL sorts above infinity)."""
    return f"{column} > '-Infinity' AND {column} < 'Infinity'"


def _text(**more: Any) -> Any:
    """Return a text column."""
    return Field(sa_type=Text, **more)


def _key(**more: Any) -> Any:
    """Return a text column of keys: compared byte by byte whatever the locale, which is faster."""
    return Field(sa_type=Text(collation="C"), **more)


def _ts(**more: Any) -> Any:
    """Return a column of instants."""
    return Field(sa_type=DateTime(timezone=True), **more)


def _big(**more: Any) -> Any:
    """Return a bigint column."""
    return Field(sa_type=BigInteger, **more)


def _id() -> Any:
    """Return a generated bigint key."""
    return _big(primary_key=True, sa_column_args=(Identity(always=True),))


def _double() -> Any:
    """Return a nullable double column."""
    return Field(default=None, sa_type=Double)


def _no() -> Any:
    """Return a boolean column that is false unless said otherwise."""
    return Field(default=False, sa_column_kwargs={"server_default": text("false")})


class SourceFile(SQLModel, table=True):
    """A delivery and its accounting; the file itself is kept compressed under `deliveries/`."""

    __tablename__: ClassVar[str] = "source_file"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("file_digest", "profile_digest", "zone", name="source_file_delivery"),
        CheckConstraint(_one_of("status", ("loaded", "stopped")), name="source_file_status"),
        CheckConstraint(
            "row_count = loaded + superseded + outranked + duplicates + quarantined", name="source_file_accounting"
        ),
    )

    id: int = _id()
    file_name: str = _text()
    file_digest: str = _text()
    profile: str = _text()
    profile_digest: str = _text()
    declared: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    zone: str = _text()
    zone_assumed: bool = _no()
    units: dict[str, str] = Field(sa_type=JSONB)
    quantities: dict[str, str] = Field(sa_type=JSONB)
    kept_as: str | None = _text(default=None)
    kept_digest: str | None = _text(default=None)
    status: str = _text()
    reason: str | None = _text(default=None)
    line_count: int = _big()
    row_count: int = _big()
    loaded: int = _big()
    superseded: int = _big()
    outranked: int = _big()
    duplicates: int = _big()
    quarantined: int = _big()
    recorded_at: datetime = _ts()
    first_ts: datetime | None = _ts(default=None)
    last_ts: datetime | None = _ts(default=None)


class WeatherPlace(SQLModel, table=True):
    """Where weather is known of; `is_default`: where the meters stand that have no place of their own."""

    __tablename__: ClassVar[str] = "weather_place"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(COORDINATES, name="weather_place_coordinates"),
        Index("weather_place_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    place: str = _key(primary_key=True)
    latitude: float | None = _double()
    longitude: float | None = _double()
    is_default: bool = _no()
    created_at: datetime = _ts(sa_column_kwargs={"server_default": NOW})


class Weather(SQLModel, table=True):
    """A temperature measured or forecast for an instant, and from when on it could be known (`issued_at`)."""

    __tablename__: ClassVar[str] = "weather"
    __table_args__: ClassVar[Any] = (CheckConstraint(_finite("temperature_c"), name="weather_temperature"),)

    place: str = _key(primary_key=True, foreign_key="weather_place.place")
    valid_at: datetime = _ts(primary_key=True)
    issued_at: datetime = _ts(primary_key=True)
    observed: bool = Field(primary_key=True)
    temperature_c: float = Field(sa_type=Double)
    source: str = _text()
    recorded_at: datetime = _ts(sa_column_kwargs={"server_default": NOW})


class Meter(SQLModel, table=True):
    """A metering point."""

    __tablename__: ClassVar[str] = "meter"

    meter_id: str = _key(primary_key=True)
    zone: str = _text()
    zone_assumed: bool = _no()
    country: str | None = _text(default=None)
    subdivision: str | None = _text(default=None)
    nominal_voltage_v: float | None = _double()
    nominal_frequency_hz: float | None = _double()
    fuse_a: float | None = _double()
    segment: str | None = _text(default=None)
    tariff: str | None = _text(default=None)
    feeder: str | None = _text(default=None)
    place: str | None = _key(default=None, foreign_key="weather_place.place")
    created_at: datetime = _ts(sa_column_kwargs={"server_default": NOW})


class MeterInstallation(SQLModel, table=True):
    """Which device measures at a metering point, and since when."""

    __tablename__: ClassVar[str] = "meter_installation"
    __table_args__: ClassVar[Any] = (CheckConstraint(LATER_THAN, name="meter_installation_validity"),)

    meter_id: str = _key(primary_key=True, foreign_key="meter.meter_id")
    valid_from: datetime = _ts(primary_key=True)
    valid_until: datetime | None = _ts(default=None)
    device: str = _text()
    multiplier: float = Field(default=1.0, sa_type=Double, sa_column_kwargs={"server_default": text("1")})
    register_digits: int | None = Field(default=None, sa_type=Integer)


class Topology(SQLModel, table=True):
    """What hangs on what in the grid, and since when."""

    __tablename__: ClassVar[str] = "topology"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(LATER_THAN, name="topology_validity"),
        CheckConstraint("child <> parent", name="topology_no_loop"),
        Index("topology_by_parent", "parent"),
    )

    child: str = _text(primary_key=True)
    parent: str = _text(primary_key=True)
    valid_from: datetime = _ts(primary_key=True)
    valid_until: datetime | None = _ts(default=None)


class _Version(SQLModel):
    """The columns of one version of a value, standing or in history."""

    meter_id: str = _key()
    channel: str = _key()
    reading_ts: datetime = _ts()
    interval_minutes: int = Field(sa_type=Integer)
    units_kwh: float | None = _double()
    voltage_v: float | None = _double()
    temperature_c: float | None = _double()
    power_factor: float | None = _double()
    load_kw: float | None = _double()
    frequency_hz: float | None = _double()
    quality: str = _text()
    source_version: int = _big()
    available_ts: datetime = _ts()
    recorded_at: datetime = _ts()
    source_file_id: int = _big()
    line: int = _big()
    blanked: dict[str, Any] | None = Field(default=None, sa_type=JSONB)


class MeterReading(_Version, table=True):
    """The standing value of each key; partitioned by month of `reading_ts`.

    No foreign keys: checking them row by row costs more than the load, which makes the rows they would point at.
    """

    __tablename__: ClassVar[str] = "meter_reading"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("channel", CHANNELS), name="meter_reading_channel"),
        CheckConstraint(_one_of("quality", QUALITIES), name="meter_reading_quality"),
        CheckConstraint("interval_minutes > 0", name="meter_reading_interval"),
        CheckConstraint(_finite("units_kwh"), name="meter_reading_energy"),
        {"postgresql_partition_by": "RANGE (reading_ts)"},
    )

    meter_id: str = _key(primary_key=True)
    channel: str = _key(primary_key=True)
    reading_ts: datetime = _ts(primary_key=True)


class MeterReadingHistory(_Version, table=True):
    """Versions that do not stand (see VERDICTS), with their clocks and with the line that decided it."""

    __tablename__: ClassVar[str] = "meter_reading_history"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("verdict", VERDICTS), name="meter_reading_history_verdict"),
        Index("meter_reading_history_key", "meter_id", "channel", "reading_ts"),
    )

    id: int = _id()
    verdict: str = _text()
    judged_at: datetime = _ts()
    other_file_id: int = _big()
    other_line: int = _big()


class QuarantinedReading(SQLModel, table=True):
    """A refused row with its code and line as delivered; or the one range of a stopped delivery, with its reason."""

    __tablename__: ClassVar[str] = "quarantined_reading"
    __table_args__: ClassVar[Any] = (
        Index("quarantined_reading_by_file", "source_file_id"),
        Index("quarantined_reading_by_meter", "meter_id"),
        CheckConstraint(_one_of("resolution", RESOLUTIONS), name="quarantined_reading_resolution"),
    )

    id: int = _id()
    source_file_id: int = _big(sa_column_args=(ForeignKey("source_file.id"),))
    line_from: int = _big()
    line_to: int = _big()
    row_count: int = _big()
    code: str = _text()
    reason: str | None = _text(default=None)
    raw_line: str | None = _text(default=None)
    meter_id: str | None = _text(default=None)
    reading_ts: datetime | None = _ts(default=None)
    recorded_at: datetime = _ts()
    resolved_at: datetime | None = _ts(default=None)
    resolution: str | None = _text(default=None)
    resolved_by: str | None = _text(default=None)
    resolved_why: str | None = _text(default=None)


class Intervention(SQLModel, table=True):
    """What a person did to stored data: released, replayed, erased, archived. Names no meter."""

    __tablename__: ClassVar[str] = "intervention"
    __table_args__: ClassVar[Any] = (CheckConstraint(_one_of("action", INTERVENTIONS), name="intervention_action"),)

    id: int = _id()
    action: str = _text()
    who: str = _text()
    why: str = _text()
    source_file_id: int | None = _big(default=None)
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    done_at: datetime = _ts(sa_column_kwargs={"server_default": NOW})


class PredictionRun(SQLModel, table=True):
    """One batch inference, by one version of a model."""

    __tablename__: ClassVar[str] = "prediction_run"
    __table_args__: ClassVar[Any] = (Index("prediction_run_by_model", "model_name", "model_version"),)

    id: int = _id()
    task: str = _text()
    model_name: str = _text()
    model_version: str = _text()
    predictor_digest: str = _text()
    made_at: datetime = _ts()
    row_count: int = _big(default=0, sa_column_kwargs={"server_default": text("0")})


class Prediction(SQLModel, table=True):
    """What a model's version said of one interval; partitioned by month of `reading_ts`, the target."""

    __tablename__: ClassVar[str] = "prediction"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_finite("units_kwh"), name="prediction_energy"),
        {"postgresql_partition_by": "RANGE (reading_ts)"},
    )

    meter_id: str = _key(primary_key=True)
    channel: str = _key(primary_key=True)
    reading_ts: datetime = _ts(primary_key=True)
    origin_ts: datetime = _ts(primary_key=True)
    model_name: str = _text(primary_key=True)
    model_version: str = _text(primary_key=True)
    interval_minutes: int = Field(sa_type=Integer)
    units_kwh: float = Field(sa_type=Double)
    low_kwh: float | None = _double()
    high_kwh: float | None = _double()
    made_at: datetime = _ts()
    data_known_until: datetime = _ts()
    horizon_minutes: int = Field(sa_type=Integer)
    in_training: bool = Field()
    status: str | None = _text(default=None)
    basis: str | None = _text(default=None)
    run_id: int = _big()


class Promotion(SQLModel, table=True):
    """Who made which version the champion (or refused it), and why."""

    __tablename__: ClassVar[str] = "promotion"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("action", ("promoted", "refused", "rolled_back")), name="promotion_action"),
        Index("promotion_by_model", "model_name", "decided_at"),
    )

    id: int = _id()
    model_name: str = _text()
    model_version: str = _text()
    previous_version: str | None = _text(default=None)
    action: str = _text()
    who: str = _text()
    why: str = _text()
    predictor_digest: str | None = _text(default=None)
    decided_at: datetime = _ts(sa_column_kwargs={"server_default": NOW})
