"""Every quality rule, each declared once: what it catches, what follows, its mask, its expectation, its sentence.

A rule sees the frame of a delivery as it was read (`meter_core.sources.Delivery.frame`), with parsed values still in
place. Impossible is not unusual: limits of the impossible are physics, those of the usual come from nominal voltage,
nominal frequency and fuse.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from meter_core.contracts.features import POSSIBLE_RANGE, USUAL_RANGE
from meter_core.contracts.readings import QUALITY_RANK

Mask = NDArray[np.bool_]

CLOCK_TOLERANCE: Final = timedelta(hours=1)
"""How far ahead a sender's clock may be."""
REGISTER_GAP: Final = "register_gap"
"""Code of a register value whose interval's energy is missing, because nothing stands one interval before it."""
READABLE: Final = "read"
"""What the suite sees as the code of a row without one."""
UNREADABLE: Final = "unreadable_quantities"
"""Column of the suite's frame: how many auxiliary quantities of a row are no numbers."""


class Action(StrEnum):
    """What follows for a value that a rule catches."""

    QUARANTINE = "quarantine"
    """The row is not loaded; its line is kept with the code."""
    BLANK = "blank"
    """The auxiliary quantity is loaded as missing; what was delivered is kept with the code."""
    FLAG = "flag"
    """Loaded as it is, and counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rules compare with.

    Attributes:
        stop_above_share: A delivery with a larger share of quarantined values is stopped.
        now: When the delivery is judged; nothing can have been measured later.
        earliest: Before it no meter delivered intervals.
        nominal_voltage_v: Of the grid, phase to neutral.
        voltage_tolerance: EN 50160: 10 % around the nominal.
        nominal_frequency_hz: Of the grid.
        frequency_tolerance: 2 % around the nominal.
        fuse_kw: The most the connection lets through; None: not known, so nothing is compared with it.
        largest_mean_kw: More than any country draws: beyond it, an energy is a damaged number.
    """

    stop_above_share: float = 0.2
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    earliest: datetime = datetime(1990, 1, 1, tzinfo=UTC)
    nominal_voltage_v: float = 230.0
    voltage_tolerance: float = 0.1
    nominal_frequency_hz: float = 50.0
    frequency_tolerance: float = 0.02
    fuse_kw: float | None = None
    largest_mean_kw: float = 1e9


@dataclass(frozen=True, slots=True)
class Expectation:
    """The same rule for Great Expectations: the name of a class of `great_expectations.expectations`, its arguments."""

    kind: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One quality rule.

    Attributes:
        code: Its stable name, in quarantine and findings.
        action: What follows.
        column: What it judges.
        sentence: What it catches and what to do, for people.
        mask: (frame, limits) -> (rows,) bool: what it catches.
        expectation: limits -> the same for the suite.
        is_read: Reading the file found it, and gave the code.
    """

    code: str
    action: Action
    column: str
    sentence: str
    mask: Callable[[pd.DataFrame, Limits], Mask]
    expectation: Callable[[Limits], Expectation]
    is_read: bool = False


Bounds = Callable[[Limits], tuple[float | datetime | None, float | datetime | None]]


def _coded(code: str, column: str, sentence: str) -> Rule:
    """Return a rule for what was found while reading: its mask is the code itself."""

    def mask(frame: pd.DataFrame, _: Limits) -> Mask:
        return (frame["code"] == code).to_numpy(copy=True)

    return Rule(code, Action.QUARANTINE, column, sentence, mask, _not_code(code), is_read=True)


def _not_code(code: str) -> Callable[[Limits], Expectation]:
    """Return the expectation that no row has this code."""
    expectation = Expectation("ExpectColumnValuesToNotBeInSet", {"column": "code", "value_set": [code]})
    return lambda _: expectation


def _between(code: str, action: Action, column: str, bounds: Bounds, sentence: str) -> Rule:
    """Return a rule that catches values outside inclusive bounds, of which one may be None; never missing values."""

    def mask(frame: pd.DataFrame, limits: Limits) -> Mask:
        low, high = bounds(limits)
        outside = np.zeros(len(frame), dtype=bool)
        if low is not None:
            outside |= (frame[column] < low).to_numpy()
        if high is not None:
            outside |= (frame[column] > high).to_numpy()
        return outside

    def expectation(limits: Limits) -> Expectation:
        low, high = bounds(limits)
        return Expectation("ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high})

    return Rule(code, action, column, sentence, mask, expectation)


def _possible(column: str, unit: str) -> Rule:
    """Return the rule that blanks what a quantity cannot be."""
    low, high = POSSIBLE_RANGE[column]
    sentence = (
        f"{column} cannot be outside {low:g} to {high:g}{unit}; it is loaded as missing. Ask the source how it measures"
    )
    return _between(f"impossible_{column}", Action.BLANK, column, lambda _: (low, high), sentence)


def _usual(column: str, unit: str) -> Rule:
    """Return the rule that flags what is possible but outside a quantity's usual range."""
    (low, high), (least, most) = USUAL_RANGE[column], POSSIBLE_RANGE[column]
    bounds = (low if low > least else None, high if high < most else None)
    sentence = f"{column} is outside its usual {low:g} to {high:g}{unit}; loaded as it is"
    return _between(f"unusual_{column}", Action.FLAG, column, lambda _: bounds, sentence)


def _around(nominal: float, tolerance: float) -> tuple[float, float]:
    """Return the bounds of a share around a nominal value."""
    return nominal * (1 - tolerance), nominal * (1 + tolerance)


def _fuse_kwh(frame: pd.DataFrame, kw: float) -> "pd.Series[float]":
    """Return (rows,) the energy of a mean power over each row's interval."""
    return kw * frame["interval_minutes"] / 60


def _negative(frame: pd.DataFrame, _: Limits) -> Mask:
    """Return where energy is negative on a channel that counts one direction."""
    negative = (frame["units_kwh"] < 0).to_numpy(copy=True)
    negative[negative] = frame["channel"].array[negative].isin(["import", "export"])
    return negative


def _too_large(frame: pd.DataFrame, limits: Limits) -> Mask:
    """Return where energy is more than any connection carries."""
    return (frame["units_kwh"].abs() > _fuse_kwh(frame, limits.largest_mean_kw)).to_numpy() & _readable_interval(frame)


def _over_fuse(frame: pd.DataFrame, limits: Limits) -> Mask:
    """Return where energy is more than the fuse lets through, if the fuse is known."""
    if limits.fuse_kw is None:
        return np.zeros(len(frame), dtype=bool)
    return (frame["units_kwh"].abs() > _fuse_kwh(frame, limits.fuse_kw)).to_numpy() & _readable_interval(frame)


def _readable_interval(frame: pd.DataFrame) -> Mask:
    return (frame["interval_minutes"] > 0).to_numpy()


def _conflicting(frame: pd.DataFrame, _: Limits) -> Mask:
    """Return the values of one key that differ though nothing orders them: same quality, version and delivery time."""
    conflict = np.zeros(len(frame), dtype=bool)
    key = ["meter_id", "channel", "reading_ts"]
    among = (frame["code"].isna() & frame["units_kwh"].notna()).to_numpy()
    twice = np.flatnonzero(among)[frame.loc[among, key].duplicated(keep=False).to_numpy()]
    if len(twice) == 0:
        return conflict
    rows = frame.iloc[twice].assign(rank=lambda part: part["quality"].map(QUALITY_RANK))
    values = rows.groupby([*key, "rank", "source_version", "available_ts"], sort=False)["units_kwh"].transform(
        "nunique"
    )
    conflict[twice] = values.to_numpy() > 1
    return conflict


def _missing_energy(frame: pd.DataFrame, limits: Limits) -> Mask:
    missing = frame["units_kwh"].isna().to_numpy(copy=True)
    missing[missing] = frame["code"].array[missing].isna()
    return missing & ~_register_gap(frame, limits)


def _unreadable(frame: pd.DataFrame, _: Limits) -> Mask:
    return unreadable_quantities(frame) > 0


def unreadable_quantities(frame: pd.DataFrame) -> NDArray[np.int8]:
    """Return (rows,) how many auxiliary quantities of each row are no numbers."""
    counts = np.zeros(len(frame), dtype=np.int8)
    blanked = frame["blanked"].to_numpy()
    for place in np.flatnonzero(frame["blanked"].notna()):
        counts[place] = sum(entry["code"] == "not_a_number" for entry in blanked[place].values())
    return counts


def _register_gap(frame: pd.DataFrame, _: Limits) -> Mask:
    """Return where a register value has none before it, so that its interval's energy is missing."""
    caught = np.zeros(len(frame), dtype=bool)
    blanked, codes = frame["blanked"].to_numpy(), frame["code"].to_numpy()
    for place in np.flatnonzero(np.isnan(frame["units_kwh"].to_numpy())):  # few: objects are slow to look through
        entry = blanked[place]
        if isinstance(entry, dict) and pd.isna(codes[place]):
            caught[place] = entry.get("register", {}).get("code") == REGISTER_GAP
    return caught


RULES: Final[tuple[Rule, ...]] = (
    _coded("wrong_fields", "line", "the line has more or fewer fields than the header; ask the sender for it again"),
    _coded("not_json", "line", "the line is no JSON object; ask the sender for it again"),
    _coded("missing_meter_id", "meter_id", "the line names no meter; ask the sender whose it is"),
    _coded(
        "bad_channel", "channel", "the channel is not import, export, net or reactive; map it in the source profile"
    ),
    _coded("bad_quality", "quality", "the quality code is unknown; map it under quality_codes in the source profile"),
    _coded(
        "bad_stamp",
        "reading_ts",
        "the stamp is no time in the profile's format and clock; correct stamp: in the profile",
    ),
    _coded(
        "nonexistent_local_time",
        "reading_ts",
        "spring skips this local time, so the value's hour is not certain; tell the source of it",
    ),
    _coded(
        "outside_day",
        "reading_ts",
        "the clock change leaves this day without this column's interval, and it has a value; tell the source of it",
    ),
    _coded("ambiguous_local_time", "reading_ts", "autumn has this local time twice and the profile says not to guess"),
    _coded(
        "bad_interval",
        "interval_minutes",
        "the interval is not a whole number of minutes from 1 to 44,640; say interval_minutes in the profile, or ask "
        "the sender",
    ),
    _coded("bad_energy", "units_kwh", "the energy is not a number; if it stands for missing, list it under missing:"),
    _coded(
        "register_drop",
        "units_kwh",
        "the register stands lower than before, and neither its digits nor an exchange explain it; record the exchange "
        "with `meter installations`, or ask the sender",
    ),
    _coded(
        "unknown_multiplier",
        "units_kwh",
        "the profile requires a multiplier and none is known for the meter at that time; record it with "
        "`meter installations`",
    ),
    _coded(
        "bad_version",
        "source_version",
        "the source's version is not a whole number from -2^63 to 2^63 - 1; map another column, or none, to "
        "source_version in the profile",
    ),
    _coded(
        "bad_available_ts",
        "available_ts",
        "the delivery time is no time in the profile's format and clock; correct stamp: or the column in the profile",
    ),
    _between(
        "impossible_stamp",
        Action.QUARANTINE,
        "reading_ts",
        lambda limits: (limits.earliest, limits.now + CLOCK_TOLERANCE),
        "the stamp lies in the future or before 1990; see the sender's clock, and stamp: and zone: in the profile",
    ),
    Rule(
        "negative_energy",
        Action.QUARANTINE,
        "units_kwh",
        "energy is negative on a channel that counts one direction; deliver it as channel net, or ask the sender",
        _negative,
        _not_code("negative_energy"),
    ),
    Rule(
        "impossible_energy",
        Action.QUARANTINE,
        "units_kwh",
        "energy is more than any connection carries: a damaged number, or the wrong unit under units: in the profile",
        _too_large,
        _not_code("impossible_energy"),
    ),
    Rule(
        "conflicting_in_file",
        Action.QUARANTINE,
        "units_kwh",
        "the file has different values for one meter and time and nothing says which is newer; ask the sender",
        _conflicting,
        _not_code("conflicting_in_file"),
    ),
    Rule(
        "not_a_number",
        Action.BLANK,
        UNREADABLE,
        "a quantity beside the energy is not a number and loaded as missing. If it means that, list it under missing:",
        _unreadable,
        lambda _: Expectation("ExpectColumnValuesToBeBetween", {"column": UNREADABLE, "max_value": 0}),
    ),
    _possible("voltage_v", " V"),
    _possible("temperature_c", " C"),
    _possible("power_factor", ""),
    _possible("load_kw", " kW"),
    _possible("frequency_hz", " Hz"),
    Rule(
        REGISTER_GAP,
        Action.FLAG,
        "units_kwh",
        "no register value of this device stands one interval before: the first of a series, a gap, or an exchange; "
        "the energy is missing, for a difference is never spread over several intervals",
        _register_gap,
        _not_code(REGISTER_GAP),
    ),
    Rule(
        "missing_energy",
        Action.FLAG,
        "units_kwh",
        "the energy was delivered as missing; it stays missing until a later delivery fills it",
        _missing_energy,
        lambda _: Expectation(
            "ExpectColumnValuesToNotBeNull",
            {"column": "units_kwh", "row_condition": f'code == "{READABLE}"', "condition_parser": "pandas"},
        ),
    ),
    _between(
        "outage",
        Action.FLAG,
        "voltage_v",
        lambda limits: (0.1 * limits.nominal_voltage_v, None),
        "there was no voltage: an outage, or nobody measured it; loaded as it is",
    ),
    _between(
        "unusual_voltage_v",
        Action.FLAG,
        "voltage_v",
        lambda limits: _around(limits.nominal_voltage_v, limits.voltage_tolerance),
        "voltage is more than 10 % from nominal (EN 50160); loaded as it is",
    ),
    _between(
        "unusual_frequency_hz",
        Action.FLAG,
        "frequency_hz",
        lambda limits: _around(limits.nominal_frequency_hz, limits.frequency_tolerance),
        "frequency is more than 2 % from nominal; loaded as it is",
    ),
    _usual("temperature_c", " C"),
    _usual("power_factor", ""),
    _usual("load_kw", " kW"),
    Rule(
        "over_fuse",
        Action.FLAG,
        "units_kwh",
        "energy is more than the fuse lets through in the interval; see multiplier and fuse of the meter",
        _over_fuse,
        lambda limits: Expectation(
            "ExpectColumnValuesToBeBetween", {"column": "mean_kw", "max_value": limits.fuse_kw, "min_value": None}
        ),
    ),
)
"""In the order in which a row gets its code: the first that catches it."""
