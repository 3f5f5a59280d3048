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
VERDICTS: Final = ("superseded", "outranked", "filled", "completed")
"""Why a version stands in history: another value displaced it, it did not displace the standing one, it was a null that got a value,
or it was equal in value and got auxiliary quantities or a better quality."""


def _one_of(column: str, allowed: tuple[str, ...]) -> str:
    """Return the check that a text column holds one of these."""
    return f"{column} IN ({', '.join(repr(name) for name in allowed)})"


def _finite(column: str) -> str:
    """Return the check that a double is neither infinite nor NaN (which PostgreSQL sorts above infinity)."""
    return f"{column} > '-Infinity' AND {column} < 'Infinity'"


def _ts(*, default: bool = False) -> dict[str, Any]:
    """Return Field arguments of an instant."""
    return {"sa_type": DateTime(timezone=True), "sa_column_kwargs": {"server_default": NOW} if default else {}}


def _big() -> dict[str, Any]:
    """Return Field arguments of a bigint."""
    return {"sa_type": BigInteger}


def _id() -> dict[str, Any]:
    """Return Field arguments of a generated bigint key."""
    return {"primary_key": True, "sa_type": BigInteger, "sa_column_args": (Identity(always=True),)}


def _double() -> dict[str, Any]:
    """Return Field arguments of a nullable double."""
    return {"default": None, "sa_type": Double}


def _file(*, nullable: bool = False) -> dict[str, Any]:
    """Return Field arguments of a reference to `source_file`."""
    return {"sa_type": BigInteger, "sa_column_args": (ForeignKey("source_file.id"),), "nullable": nullable}


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

    id: int = Field(**_id())
    file_name: str = Field(sa_type=Text)
    file_digest: str = Field(sa_type=Text)
    profile: str = Field(sa_type=Text)
    profile_digest: str = Field(sa_type=Text)
    zone: str = Field(sa_type=Text)
    units: dict[str, str] = Field(sa_type=JSONB)
    quantities: dict[str, str] = Field(sa_type=JSONB)
    kept_as: str | None = Field(default=None, sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    line_count: int = Field(**_big())
    row_count: int = Field(**_big())
    loaded: int = Field(**_big())
    superseded: int = Field(**_big())
    outranked: int = Field(**_big())
    duplicates: int = Field(**_big())
    quarantined: int = Field(**_big())
    recorded_at: datetime = Field(**_ts())


class Meter(SQLModel, table=True):
    """A metering point."""

    __tablename__: ClassVar[str] = "meter"

    meter_id: str = Field(primary_key=True, sa_type=Text)
    zone: str = Field(sa_type=Text)
    zone_assumed: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    country: str | None = Field(default=None, sa_type=Text)
    subdivision: str | None = Field(default=None, sa_type=Text)
    nominal_voltage_v: float | None = Field(**_double())
    nominal_frequency_hz: float | None = Field(**_double())
    fuse_a: float | None = Field(**_double())
    segment: str | None = Field(default=None, sa_type=Text)
    tariff: str | None = Field(default=None, sa_type=Text)
    feeder: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(**_ts(default=True))


class MeterInstallation(SQLModel, table=True):
    """Which device measures at a metering point, and since when."""

    __tablename__: ClassVar[str] = "meter_installation"
    __table_args__: ClassVar[Any] = (CheckConstraint(LATER_THAN, name="meter_installation_validity"),)

    meter_id: str = Field(primary_key=True, sa_type=Text, foreign_key="meter.meter_id")
    valid_from: datetime = Field(primary_key=True, **_ts())
    valid_until: datetime | None = Field(default=None, **_ts())
    device: str = Field(sa_type=Text)
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

    child: str = Field(primary_key=True, sa_type=Text)
    parent: str = Field(primary_key=True, sa_type=Text)
    valid_from: datetime = Field(primary_key=True, **_ts())
    valid_until: datetime | None = Field(default=None, **_ts())


class _Version(SQLModel):
    """The columns of one version of a value, standing or in history."""

    meter_id: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    reading_ts: datetime = Field(**_ts())
    interval_minutes: int = Field(sa_type=Integer)
    units_kwh: float | None = Field(**_double())
    voltage_v: float | None = Field(**_double())
    temperature_c: float | None = Field(**_double())
    power_factor: float | None = Field(**_double())
    load_kw: float | None = Field(**_double())
    frequency_hz: float | None = Field(**_double())
    quality: str = Field(sa_type=Text)
    source_version: int = Field(**_big())
    available_ts: datetime = Field(**_ts())
    recorded_at: datetime = Field(**_ts())
    source_file_id: int = Field(**_big())
    line: int = Field(**_big())
    blanked: dict[str, Any] | None = Field(default=None, sa_type=JSONB)


class MeterReading(_Version, table=True):
    """The standing value of each key; partitioned by month of `reading_ts`.

    No foreign keys: checking them row by row costs more than the load itself, and the load makes the rows they would point at.
    """

    __tablename__: ClassVar[str] = "meter_reading"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("channel", CHANNELS), name="meter_reading_channel"),
        CheckConstraint(_one_of("quality", QUALITIES), name="meter_reading_quality"),
        CheckConstraint("interval_minutes > 0", name="meter_reading_interval"),
        CheckConstraint(_finite("units_kwh"), name="meter_reading_energy"),
        {"postgresql_partition_by": "RANGE (reading_ts)"},
    )

    meter_id: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    reading_ts: datetime = Field(primary_key=True, **_ts())


class MeterReadingHistory(_Version, table=True):
    """Versions that do not stand: superseded, outranked, filled or completed, with their clocks and with what stands in their place."""

    __tablename__: ClassVar[str] = "meter_reading_history"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("verdict", VERDICTS), name="meter_reading_history_verdict"),
        Index("meter_reading_history_key", "meter_id", "channel", "reading_ts"),
    )

    id: int = Field(**_id())
    verdict: str = Field(sa_type=Text)
    judged_at: datetime = Field(**_ts())
    other_file_id: int = Field(**_big())
    other_line: int = Field(**_big())


class QuarantinedReading(SQLModel, table=True):
    """A row that was refused with its code and its line as delivered; or the one range of a stopped delivery, which has no line."""

    __tablename__: ClassVar[str] = "quarantined_reading"
    __table_args__: ClassVar[Any] = (
        Index("quarantined_reading_by_file", "source_file_id"),
        Index("quarantined_reading_by_meter", "meter_id"),
    )

    id: int = Field(**_id())
    source_file_id: int = Field(**_file())
    line_from: int = Field(**_big())
    line_to: int = Field(**_big())
    row_count: int = Field(**_big())
    code: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    raw_line: str | None = Field(default=None, sa_type=Text)
    meter_id: str | None = Field(default=None, sa_type=Text)
    reading_ts: datetime | None = Field(default=None, **_ts())
    recorded_at: datetime = Field(**_ts())
    resolved_at: datetime | None = Field(default=None, **_ts())


class PredictionRun(SQLModel, table=True):
    """One batch inference, by one version of a model."""

    __tablename__: ClassVar[str] = "prediction_run"
    __table_args__: ClassVar[Any] = (Index("prediction_run_by_model", "model_name", "model_version"),)

    id: int = Field(**_id())
    task: str = Field(sa_type=Text)
    model_name: str = Field(sa_type=Text)
    model_version: str = Field(sa_type=Text)
    predictor_digest: str = Field(sa_type=Text)
    made_at: datetime = Field(**_ts(default=True))
    data_known_until: datetime | None = Field(default=None, **_ts())
    row_count: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


class Prediction(SQLModel, table=True):
    """What a model's version said of one interval; partitioned by month of `reading_ts`, the target."""

    __tablename__: ClassVar[str] = "prediction"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_finite("units_kwh"), name="prediction_energy"),
        {"postgresql_partition_by": "RANGE (reading_ts)"},
    )

    meter_id: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    reading_ts: datetime = Field(primary_key=True, **_ts())
    origin_ts: datetime = Field(primary_key=True, **_ts())
    model_name: str = Field(primary_key=True, sa_type=Text)
    model_version: str = Field(primary_key=True, sa_type=Text)
    interval_minutes: int = Field(sa_type=Integer)
    units_kwh: float = Field(sa_type=Double)
    low_kwh: float | None = Field(**_double())
    high_kwh: float | None = Field(**_double())
    made_at: datetime = Field(**_ts())
    data_known_until: datetime = Field(**_ts())
    horizon_minutes: int = Field(sa_type=Integer)
    in_training: bool = Field()
    status: str | None = Field(default=None, sa_type=Text)
    basis: str | None = Field(default=None, sa_type=Text)
    run_id: int = Field(**_big())


class Promotion(SQLModel, table=True):
    """Who made which version the champion (or refused it), and why."""

    __tablename__: ClassVar[str] = "promotion"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(_one_of("action", ("promoted", "refused", "rolled_back")), name="promotion_action"),
        Index("promotion_by_model", "model_name", "decided_at"),
    )

    id: int = Field(**_id())
    model_name: str = Field(sa_type=Text)
    model_version: str = Field(sa_type=Text)
    previous_version: str | None = Field(default=None, sa_type=Text)
    action: str = Field(sa_type=Text)
    who: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)
    predictor_digest: str | None = Field(default=None, sa_type=Text)
    decided_at: datetime = Field(**_ts(default=True))
