"""Columns of text to the frame of readings: keys, time, energy, and what is wrong with each."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from meter_core.contracts.readings import AUXILIARY, CHANNELS, QUALITIES, IntArray
from meter_core.sources.columns import filled, numbers, objects, quantity
from meter_core.sources.profile import Profile
from meter_core.sources.stamps import Instants

LONGEST_INTERVAL: Final = 44_640
"""Minutes: 31 days."""
MINUTE_US: Final = 60_000_000
MOST_VERSIONS: Final = 2**63
"""The database counts as far."""
EXACT: Final = 2**53
"""Above it a double is not every whole number."""
INTEGER: Final = re.compile(r"[+-]?\d+", re.ASCII)
NOT_A_NUMBER: Final = "not_a_number"
WITHDRAWN: Final = "withdrawn"
"""Code under which a row keeps the word by which the source took its energy back."""

Columns = dict[str, pa.Array]


@dataclass(frozen=True, eq=False)
class Rows:
    """Delivered values as text, with the time of each.

    Attributes:
        numbers: (n,) place of each value in the file, from 0.
        lines: (n,) line of each.
        whole: (n,) bool: lines that can be taken apart.
        columns: Canonical name -> (n,) text, null where blank or the line is not whole.
        start: Of the stamps.
        available: Of the delivery times, where a column gives them.
    """

    numbers: IntArray
    lines: IntArray
    whole: NDArray[np.bool_]
    columns: Columns
    start: Instants
    available: Instants | None

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return some of the values."""
        mask = pa.array(chosen)
        columns = {name: text.filter(mask) for name, text in self.columns.items()}
        available = self.available.where(chosen) if self.available is not None else None
        kept = self.numbers[chosen], self.lines[chosen], self.whole[chosen]
        return Rows(*kept, columns, self.start.where(chosen), available)


def series_names(rows: Rows, profile: Profile) -> "pd.Series[str]":
    """Return (n,) a name for the series (meter and channel) of each value."""
    meter_id = _constant_or(rows.columns, "meter_id", profile.meter_id, len(rows.lines))
    names = pc.fill_null(meter_id, "")
    if "channel" in rows.columns:
        known = pc.is_in(rows.columns["channel"], pa.array(CHANNELS))
        names = pc.binary_join_element_wise(names, pc.if_else(known, rows.columns["channel"], profile.channel), "\n")
    return pd.Series(pd.array(names, dtype="str"))


def frame_of(rows: Rows, profile: Profile, lone: NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """Return the frame of delivered values (see `Delivery.frame`).

    Args:
        rows: With their times.
        profile: How to read them.
        lone: (n,) bool: stamps that autumn repeats and that the series has once.
    """
    columns, count = rows.columns, len(rows.lines)
    codes = _Codes(count)
    codes.set(~rows.whole, "not_json" if profile.format == "jsonl" else "wrong_fields")
    meter_id = _constant_or(columns, "meter_id", profile.meter_id, count)
    codes.set(~filled(meter_id), "missing_meter_id")
    channel = _words(columns, "channel", profile.channel, {name: name for name in CHANNELS}, codes, count)
    quality = _words(columns, "quality", profile.quality, _quality_codes(profile), codes, count)
    interval = _interval(columns, profile, codes, count)
    reading_us = _start(rows.start, interval, profile, codes)
    energy, taken_back = _without_withdrawals(columns["units_kwh"], profile)
    units, bad_units = quantity(energy, "units_kwh", profile)
    codes.set(bad_units, "bad_energy")
    version = _version(columns, profile, codes, count)
    available = _available(rows, reading_us, interval, profile, codes)
    auxiliary, blanked = _auxiliary(columns, profile, count)
    for place in taken_back:
        entry = {"code": WITHDRAWN, "value": columns["units_kwh"][place].as_py()}
        blanked[place] = {**(blanked[place] or {}), "units_kwh": entry}
    device = {"device": pd.array(pc.fill_null(columns["device"], ""), dtype="str")} if "device" in columns else {}
    return pd.DataFrame(
        {
            "line": rows.lines,
            "meter_id": pd.array(pc.fill_null(meter_id, ""), dtype="str"),
            "channel": pd.array(channel, dtype="str"),
            "reading_ts": _utc(reading_us, codes.time_is_bad),
            "interval_minutes": interval,
            "units_kwh": units * (interval / 60) if profile.energy_is_power else units,
            **auxiliary,
            "quality": pd.array(quality, dtype="str"),
            "source_version": version,
            "available_ts": _utc(available, codes.time_is_bad),
            "code": pd.Series(codes.codes, dtype=object, index=rows.numbers),
            "blanked": pd.Series(blanked, dtype=object, index=rows.numbers),
            "repeated_hour": np.zeros(count, dtype=bool) if lone is None else lone,
            **device,
        },
        index=rows.numbers,
    )


class _Codes:
    """The reject code of each row: the first that was found."""

    def __init__(self, rows: int) -> None:
        self.codes = np.full(rows, None, dtype=object)
        self.time_is_bad = np.zeros(rows, dtype=bool)

    def set(self, mask: np.ndarray, code: str) -> None:
        """Give the rows of mask this code, where they have none."""
        if mask.any():
            self.codes[mask & (self.codes == None)] = code  # noqa: E711 - elementwise on an object array


def _constant_or(columns: Columns, name: str, constant: str | None, rows: int) -> pa.Array:
    """Return a column, or its constant."""
    return columns[name] if name in columns else pa.repeat(pa.scalar(constant, pa.string()), rows)


def _quality_codes(profile: Profile) -> dict[str, str]:
    """Return the source's quality codes, or ours where it has none of its own."""
    return dict(profile.quality_codes) or {name: name for name in QUALITIES}


def _words(columns: Columns, name: str, default: str, known: dict[str, str], codes: _Codes, rows: int) -> pa.Array:
    """Return (n,) words of a known list, the default where blank; others get the code `bad_<name>`."""
    if name not in columns:
        return pa.repeat(pa.scalar(default, pa.string()), rows)
    given = columns[name]
    place = pc.index_in(given, pa.array(list(known)))
    codes.set(filled(given) & ~filled(place), f"bad_{name}")
    return pa.array([*known.values(), default]).take(pc.fill_null(place, len(known)))


def _interval(columns: Columns, profile: Profile, codes: _Codes, rows: int) -> IntArray:
    """Return (n,) minutes, 0 where they cannot be."""
    if profile.interval_minutes is not None:
        return np.full(rows, profile.interval_minutes, dtype=np.int64)
    minutes, _ = numbers(columns["interval_minutes"], profile.decimal, profile.thousands)
    good = (minutes >= 1) & (minutes <= LONGEST_INTERVAL) & (minutes == np.floor(minutes))
    codes.set(~good, "bad_interval")
    return np.where(good, minutes, 0).astype(np.int64)


def _start(start: Instants, interval: IntArray, profile: Profile, codes: _Codes) -> IntArray:
    """Return (n,) microseconds UTC of the intervals' starts."""
    bad = start.codes != None  # noqa: E711 - elementwise on an object array
    for code in {code for code in start.codes[bad]}:  # noqa: C416 - a set of an object array of strings
        codes.set(start.codes == code, code)
    codes.time_is_bad |= bad
    if profile.stamp.marks != "end":
        return start.utc_us
    codes.time_is_bad |= interval == 0
    return start.utc_us - interval * MINUTE_US


def _version(columns: Columns, profile: Profile, codes: _Codes, rows: int) -> IntArray:
    """Return (n,) the source's version of each value, 0 where it gives none."""
    if "source_version" not in columns:
        return np.zeros(rows, dtype=np.int64)
    text = columns["source_version"]
    version, bad = numbers(text, profile.decimal)
    bad |= ((version != np.floor(version)) | (np.abs(version) >= MOST_VERSIONS)) & ~np.isnan(version)
    whole = np.where(bad | np.isnan(version), 0, version).astype(np.int64)
    is_long = np.abs(version) >= EXACT
    for place in np.flatnonzero(is_long):  # near 2^63 a double rounds to what 64 bits do not hold
        written = text[place].as_py()
        if INTEGER.fullmatch(written):
            bad[place] = not -MOST_VERSIONS <= int(written) < MOST_VERSIONS
            whole[place] = 0 if bad[place] else int(written)
    codes.set(bad, "bad_version")
    return whole


def _available(rows: Rows, reading_us: IntArray, interval: IntArray, profile: Profile, codes: _Codes) -> IntArray:
    """Return (n,) microseconds UTC when each value could be known: as delivered, else interval end and delay."""
    known = reading_us + (interval + profile.delivery_delay_minutes) * MINUTE_US
    if rows.available is None:
        return known
    bad = rows.available.codes != None  # noqa: E711 - elementwise on an object array
    codes.set(bad & filled(rows.columns["available_ts"]), "bad_available_ts")
    return np.where(bad, known, rows.available.utc_us)


def _without_withdrawals(text: pa.Array, profile: Profile) -> tuple[pa.Array, IntArray]:
    """Return (n,) energies as text, null where the source takes one back, and the places where it does."""
    if not profile.withdrawn:
        return text, np.array([], dtype=np.int64)
    taken_back = pc.is_in(text, pa.array(profile.withdrawn))
    places = np.flatnonzero(taken_back.to_numpy(zero_copy_only=False))
    return pc.if_else(taken_back, pa.scalar(None, pa.string()), text), places


def _auxiliary(columns: Columns, profile: Profile, rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the auxiliary quantities, NaN where missing or bad, and (n,) None or what was bad as delivered."""
    values: dict[str, np.ndarray] = {}
    blanked = np.full(rows, None, dtype=object)
    for name in AUXILIARY:
        if name not in columns:
            values[name] = np.full(rows, np.nan)
            continue
        values[name], bad = quantity(columns[name], name, profile)
        places = np.flatnonzero(bad)
        texts = objects(columns[name].take(pa.array(places)))
        for place, text in zip(places, texts, strict=True):
            blanked[place] = {**(blanked[place] or {}), name: {"code": NOT_A_NUMBER, "value": text}}
    return values, blanked


def _utc(microseconds: IntArray, bad: np.ndarray) -> pd.DatetimeIndex:
    """Return (n,) UTC instants, NaT where bad."""
    instants = microseconds.astype("datetime64[us]")
    instants[bad] = np.datetime64("NaT")
    return pd.DatetimeIndex(instants, tz="UTC")
