"""A source profile: everything that has to be known to read one source's files, declared and checked."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from meter_core.calendar import zone_of
from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import AUXILIARY, CHANNELS, DEFAULT_CHANNEL, QUALITIES
from meter_core.public_holidays import holiday_calendar
from meter_core.sources.wide import Wide

MAPPABLE: Final = (
    "meter_id",
    "channel",
    "reading_ts",
    "interval_minutes",
    "units_kwh",
    *AUXILIARY,
    "quality",
    "source_version",
    "available_ts",
    "device",
)
"""Canonical names that a profile can map to a column of the file."""

UNITS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "units_kwh": {"kWh": (1, 0), "Wh": (1e-3, 0), "MWh": (1e3, 0), "kW": (1, 0), "W": (1e-3, 0), "MW": (1e3, 0)},
    "voltage_v": {"V": (1, 0), "kV": (1e3, 0)},
    "temperature_c": {"C": (1, 0), "K": (1, -273.15), "F": (5 / 9, -160 / 9)},
    "power_factor": {"1": (1, 0), "%": (1e-2, 0)},
    "load_kw": {"kW": (1, 0), "W": (1e-3, 0), "MW": (1e3, 0)},
    "frequency_hz": {"Hz": (1, 0), "mHz": (1e-3, 0)},
}
"""Units a source may use, with (factor, offset): canonical value = delivered value * factor + offset."""

POWER_UNITS: Final = frozenset({"kW", "W", "MW"})
"""Units of `units_kwh` that are a mean power over the interval: times its hours they are its energy."""


NUMBERS: Final = ("interval_minutes", "units_kwh", *AUXILIARY)
"""Of what can be mapped, what is a number."""
ENERGY: Final = ("units_kwh", "channels", "wide")
"""Where a profile may say what holds the energy: one of them."""

UNIX: Final = {"unix": 1_000_000, "unix_ms": 1_000}
"""Stamps that count since 1970 UTC, and how many microseconds a count has."""

LATER: Final = ("skip_lines", "thousands", "channels", "wide", "registers", "multiplier", "withdrawn")
"""Keys that came later: where a profile does not say them, its digest is what it was before they came."""


class Kind(StrEnum):
    """What a delivered quantity says about its interval."""

    INSTANT = "instant"
    """The value at the interval's start: known then, may be a feature."""
    INTERVAL_MEAN = "interval_mean"
    """The mean over the interval: known only at its end, so as a feature of that interval it would leak."""


class Stamp(BaseModel):
    """How a source writes time.

    Attributes:
        marks: Whether the stamp names the interval's start or its end.
        clock: `local`: naive stamps of the meters' local clock; `utc`: naive stamps in UTC; `offset`: each stamp
            carries its offset or Z.
        date: Column of the day, where `columns.reading_ts` has the time of day only: both are read, a blank between.
        format: `iso8601`; `unix` or `unix_ms`: seconds or milliseconds since 1970 UTC; or a strptime pattern such as
            `%d.%m.%Y %H:%M`.
        ambiguous: Which hour a naive stamp means that autumn repeats: `in_order` (a single one is the first
            occurrence, two are first and second, in the file's order), `first`, `second`, or `quarantine`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    marks: Literal["start", "end"] = "start"
    clock: Literal["local", "utc", "offset"] = "local"
    date: str | None = None
    format: str = "iso8601"
    ambiguous: Literal["in_order", "first", "second", "quarantine"] = "in_order"


class Register(BaseModel):
    """How a source's registers count.

    Attributes:
        digits: Before the decimal sign, where `meter_installation` does not say it: after 99...9 comes 0. None: a
            register that drops did not roll over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digits: Annotated[int, Field(ge=1, le=15)] | None = None


class Profile(BaseModel):
    """How the files of one source are read.

    Attributes:
        name: What `--source` says.
        description: One line for people; not part of the digest.
        format: `csv`, `jsonl` (JSON lines) or `espi` (Green Button), plain, gzip or zstd; or `parquet`.
        delimiter: Between the fields of a line.
        decimal: Decimal sign.
        thousands: Between groups of three digits; None where there is nothing.
        encoding: Of the text.
        skip_lines: Lines above the line of column names: a title, an address.
        zone: IANA zone of the meters' local clock; None: said with each delivery.
        country: Where the meters stand, two letters; public holidays are then known. Not part of the digest.
        subdivision: Of the country, as the `holidays` package spells it. Not part of the digest.
        columns: Canonical name -> column of the file's header.
        channels: Channel -> its column of energy, where a line has several; the other quantities stand on the first.
        wide: Where a line has a day's values, in place of `columns.units_kwh`.
        stamp: How time is written.
        interval_minutes: Length of every interval, unless a column says it.
        registers: Energy is what a cumulative register says at the interval's end; None: the energy of the interval.
        multiplier: Whether the energy has to be multiplied by what `meter_installation` says: `none`, `where_known`, or
            `required`, which quarantines values of meters whose multiplier is not known.
        units: Quantity -> unit, where it is not the canonical one (see `UNITS`).
        quantities: Auxiliary quantity -> `instant` or `interval_mean`; one for each that is mapped.
        delivery_delay_minutes: From an interval's end until its value could be known, where no column gives the
            delivery time.
        missing: Texts that stand for a missing value, beside the blank.
        withdrawn: Texts in place of an energy by which the source takes back what it delivered before.
        meter_id: Of every line, where no column says it.
        channel: Of every line, where no column says it.
        quality: Of every value, where no column says it.
        quality_codes: The source's quality codes -> ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    format: Literal["csv", "jsonl", "parquet", "espi"] = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str = "utf-8"
    skip_lines: Annotated[int, Field(ge=0)] = 0
    zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    columns: dict[str, str]
    channels: dict[str, str] = {}
    wide: Wide | None = None
    stamp: Stamp = Stamp()
    interval_minutes: Annotated[int, Field(gt=0, le=44_640)] | None = None
    registers: Register | None = None
    multiplier: Literal["none", "where_known", "required"] = "none"
    units: dict[str, str] = {}
    quantities: dict[str, Kind] = {}
    delivery_delay_minutes: Annotated[int, Field(ge=0)] = 0
    missing: tuple[str, ...] = ()
    withdrawn: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    meter_id: str | None = None
    channel: str = DEFAULT_CHANNEL
    quality: str = "measured"
    quality_codes: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides how a file is read."""
        unsaid = {name for name in LATER if getattr(self, name) == type(self).model_fields[name].default}
        reading = self.model_dump(mode="json", exclude={"description", "country", "subdivision", *unsaid})
        if self.stamp.date is None:
            del reading["stamp"]["date"]
        return hashlib.sha256(json.dumps(reading, sort_keys=True).encode()).hexdigest()

    @property
    def declared(self) -> dict[str, Any]:
        """Everything it declares, as JSON types; `Profile.model_validate` makes the same profile of it."""
        return self.model_dump(mode="json")

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns of the file that are read, once each."""
        date = [self.stamp.date] if self.stamp.date else []
        return tuple(dict.fromkeys([*self.columns.values(), *date, *self.energy_columns]))

    @property
    def energy_columns(self) -> tuple[str, ...]:
        """The columns of the file that hold energy: the values of a line, in their order."""
        if self.wide:
            return self.wide.names(self.interval_minutes or 0)
        return tuple(self.channels.values()) or (self.columns["units_kwh"],)

    @property
    def number_columns(self) -> frozenset[str]:
        """The columns of the file that hold nothing but numbers; versions count further than a double is exact."""
        texts = {column for ours, column in self.columns.items() if ours not in NUMBERS} | {self.stamp.date}
        numbers = {column for ours, column in self.columns.items() if ours in NUMBERS} | set(self.energy_columns)
        return frozenset(numbers - texts - (set(self.energy_columns) if self.withdrawn else set()))

    @property
    def has_text_lines(self) -> bool:
        """Whether the numbers of its lines count lines of a text, not rows or elements."""
        return self.format in {"csv", "jsonl"}

    @property
    def energy_is_power(self) -> bool:
        """Whether the source delivers mean power in place of energy."""
        return self.units.get("units_kwh") in POWER_UNITS

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                zone_of(zone)
            except UsageError as error:
                raise ValueError(str(error)) from error
        return zone

    @model_validator(mode="after")
    def _holidays_are_known(self) -> Self:
        try:
            holiday_calendar(self.country, self.subdivision)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(f"encoding {encoding!r} is not known; say one like utf-8, latin-1 or utf-16") from error
        return encoding

    @field_validator("missing", "withdrawn", mode="before")
    @classmethod
    def _code_is_text(cls, codes: object) -> object:
        """YAML reads -999 as a number; the file holds its text."""
        return [str(code) for code in codes] if isinstance(codes, list) else codes

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _reject("columns", set(self.columns) - set(MAPPABLE), MAPPABLE)
        _reject("units", set(self.units) - set(UNITS), tuple(UNITS))
        for quantity, unit in self.units.items():
            _reject(f"units.{quantity}", {unit} - set(UNITS[quantity]), tuple(UNITS[quantity]))
        _reject("channel", {self.channel} - set(CHANNELS), CHANNELS)
        _reject("quality", {self.quality, *self.quality_codes.values()} - set(QUALITIES), QUALITIES)
        _reject("quantities", set(self.quantities) - set(AUXILIARY), AUXILIARY)
        self._require_one_source_each()
        _reject("channels", set(self.channels) - set(CHANNELS), CHANNELS)
        if self.channels and "channel" in self.columns:
            raise ValueError("channels: a column already says the channel; leave out one of them")
        if self.wide:
            self._require_whole_days()
        if self.registers:
            self._require_readings_at_the_end()
        elif "device" in self.columns:
            raise ValueError("columns: device tells register values apart; leave it out, or say `registers: {}`")
        if self.skip_lines and self.format != "csv":
            raise ValueError(f"skip_lines: {self.format} has no lines above its records; leave it out")
        if self.withdrawn and self.registers:
            raise ValueError("withdrawn: a register's value cannot be taken back for one interval; leave it out")
        _reject("withdrawn", set(self.withdrawn) & set(self.missing), ("texts that are not under missing",))
        if self.thousands == self.decimal:
            raise ValueError(f"thousands: {self.thousands!r} is the decimal sign; say another, or leave it out")
        if self.stamp.format in UNIX and self.stamp.clock != "utc":
            raise ValueError(f"stamp.format: {self.stamp.format} counts in UTC; say `clock: utc` under stamp")
        return self

    def _require_whole_days(self) -> None:
        aside = sorted({*AUXILIARY, "interval_minutes"} & set(self.columns))
        if aside:
            raise ValueError(
                f"wide: a line of a whole day cannot say {', '.join(aside)} of its intervals; leave it out of columns"
                + (" and say interval_minutes: of all" if "interval_minutes" in aside else "")
            )
        if self.stamp.marks == "end" or self.stamp.clock == "offset" or self.stamp.date:
            raise ValueError(
                "wide: the stamp of a line is its day; say `marks: start` and `clock: local` or `utc`, and no `date:`"
            )
        names = self.energy_columns
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"wide.columns: {', '.join(twice)} stands there more than once")

    def _require_readings_at_the_end(self) -> None:
        if self.wide:
            raise ValueError("registers: a wide line has the energies of a day, no register; leave one of them out")
        if self.energy_is_power:
            raise ValueError(f"registers: a register counts energy, not {self.units['units_kwh']}; correct units")
        if self.stamp.marks != "end":
            raise ValueError("registers: it is read when its interval ends; say `marks: end` under stamp")

    def _require_one_source_each(self) -> None:
        if "reading_ts" not in self.columns:
            raise ValueError("columns: reading_ts is not mapped; say which column of the file holds it")
        energy = [name for name in ENERGY if (name in self.columns if name == "units_kwh" else getattr(self, name))]
        if not energy:
            raise ValueError(
                "columns: units_kwh is not mapped; say which column of the file holds it, or `channels:` where a line "
                "has several energies, or `wide:` where it has a day's"
            )
        if len(energy) > 1:
            raise ValueError(f"{energy[-1]}: the energy stands there or under {energy[0]}, not both; leave out one")
        for name in ("meter_id", "interval_minutes"):
            if (name in self.columns) == (getattr(self, name) is not None):
                raise ValueError(f"{name}: say it once, either under columns or as a constant")
        for name in AUXILIARY:
            if name in self.columns and name not in self.quantities:
                raise ValueError(
                    f"quantities: {name} is mapped, so say {name}: instant (its value at the interval's start) "
                    f"or {name}: interval_mean (its mean, known only at the interval's end)"
                )


def _reject(where: str, wrong: set[str], allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that names the wrong values and the allowed ones."""
    if wrong:
        names = ", ".join(repr(name) for name in sorted(wrong))
        raise ValueError(f"{where}: {names} cannot be; allowed: {', '.join(allowed)}")
