"""Columns of text to the frame of readings: keys, time, energy, and what is wrong with each."""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from meter_core.contracts.readings import AUXILIARY, CHANNELS, QUALITIES, IntArray
from meter_core.sources import stamps
from meter_core.sources.columns import filled, numbers, objects, quantity
from meter_core.sources.profile import Profile

LONGEST_INTERVAL: Final = 44_640
"""Minutes: 31 days."""
MINUTE_US: Final = 60_000_000
NOT_A_NUMBER: Final = "not_a_number"

Columns = dict[str, pa.Array]


def frame_of(columns: Columns, lines: IntArray, whole: np.ndarray, profile: Profile, zone: str) -> pd.DataFrame:
    """Return the frame of a delivery (see `Delivery.frame`).

    Args:
        columns: The profile's columns of the whole lines, as text.
        lines: (k,) numbers of all data lines.
        whole: (k,) bool: lines with as many fields as the header.
        profile: How to read them.
        zone: IANA zone of the meters.
    """
    if not whole.all():
        place = pa.array(np.cumsum(whole) - 1, mask=~whole)
        columns = {name: text.take(place) for name, text in columns.items()}
    codes = _Codes(len(lines))
    codes.set(~whole, "wrong_fields")
    meter_id = _constant_or(columns, "meter_id", profile.meter_id, len(lines))
    codes.set(~filled(meter_id), "missing_meter_id")
    channel = _words(columns, "channel", profile.channel, {name: name for name in CHANNELS}, codes, len(lines))
    quality = _words(columns, "quality", profile.quality, _quality_codes(profile), codes, len(lines))
    interval = _interval(columns, profile, codes, len(lines))
    key = _series(meter_id, channel)
    reading_us, lone = _start(columns["reading_ts"], interval, profile, zone, key, codes)
    units, bad_units = quantity(columns["units_kwh"], "units_kwh", profile)
    codes.set(bad_units, "bad_energy")
    version = _version(columns, codes, len(lines))
    available = _available(columns, reading_us, interval, profile, zone, key, codes)
    auxiliary, blanked = _auxiliary(columns, profile, len(lines))
    return pd.DataFrame(
        {
            "line": lines,
            "meter_id": pd.array(pc.fill_null(meter_id, ""), dtype="str"),
            "channel": pd.array(channel, dtype="str"),
            "reading_ts": _utc(reading_us, codes.time_is_bad),
            "interval_minutes": interval,
            "units_kwh": units * (interval / 60) if profile.energy_is_power else units,
            **auxiliary,
            "quality": pd.array(quality, dtype="str"),
            "source_version": version,
            "available_ts": _utc(available, codes.time_is_bad),
            "code": pd.Series(codes.codes, dtype=object),
            "blanked": pd.Series(blanked, dtype=object),
            "repeated_hour": lone,
        }
    )


class _Codes:
    """The reject code of each row: the first that was found."""

    def __init__(self, rows: int) -> None:
        self.codes = np.full(rows, None, dtype=object)
        self.time_is_bad = np.zeros(rows, dtype=bool)

    def set(self, mask: np.ndarray, code: str) -> None:
        """Give the rows of mask this code, where they have none."""
        self.codes[mask & (self.codes == None)] = code  # noqa: E711 - elementwise on an object array


def _constant_or(columns: Columns, name: str, constant: str | None, rows: int) -> pa.Array:
    """Return a column, or its constant."""
    return columns[name] if name in columns else pa.repeat(pa.scalar(constant, pa.string()), rows)


def _quality_codes(profile: Profile) -> dict[str, str]:
    """Return the source's quality codes, or ours where it has none of its own."""
    return dict(profile.quality_codes) or {name: name for name in QUALITIES}


def _words(columns: Columns, name: str, default: str, known: dict[str, str], codes: _Codes, rows: int) -> np.ndarray:
    """Return (n,) words of a known list, the default where blank; others get the code `bad_<name>`."""
    if name not in columns:
        return np.full(rows, default, dtype=object)
    given = columns[name]
    place = pc.index_in(given, pa.array(list(known)))
    at = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    codes.set((at < 0) & filled(given), f"bad_{name}")
    return np.append(np.array(list(known.values()), dtype=object), default)[at]


def _interval(columns: Columns, profile: Profile, codes: _Codes, rows: int) -> IntArray:
    """Return (n,) minutes, 0 where they cannot be."""
    if profile.interval_minutes is not None:
        return np.full(rows, profile.interval_minutes, dtype=np.int64)
    minutes, _ = numbers(columns["interval_minutes"], profile.decimal)
    good = (minutes >= 1) & (minutes <= LONGEST_INTERVAL) & (minutes == np.floor(minutes))
    codes.set(~good, "bad_interval")
    return np.where(good, minutes, 0).astype(np.int64)


def _series(meter_id: pa.Array, channel: np.ndarray) -> IntArray:
    """Return (n,) one number for each meter and channel."""
    meters = pc.dictionary_encode(pc.fill_null(meter_id, "")).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if len(channel) == 0 or (channel == channel[0]).all():
        return meters
    return meters * len(CHANNELS) + pd.factorize(channel)[0]


def _start(
    text: pa.Array, interval: IntArray, profile: Profile, zone: str, key: IntArray, codes: _Codes
) -> tuple[IntArray, np.ndarray]:
    """Return (n,) microseconds UTC of the intervals' starts, and which stamps autumn repeats and the file has once."""
    stamp_us, problems, lone = stamps.to_utc(text, profile.stamp, zone, key)
    bad = problems != None  # noqa: E711 - elementwise on an object array
    for code in {code for code in problems[bad]}:  # noqa: C416 - a set of an object array of strings
        codes.set(problems == code, code)
    codes.time_is_bad |= bad
    if profile.stamp.marks == "end":
        stamp_us = stamp_us - interval * MINUTE_US
        codes.time_is_bad |= interval == 0
    return stamp_us, lone & ~bad


def _version(columns: Columns, codes: _Codes, rows: int) -> IntArray:
    """Return (n,) the source's version of each value, 0 where it gives none."""
    if "source_version" not in columns:
        return np.zeros(rows, dtype=np.int64)
    version, bad = numbers(columns["source_version"])
    bad |= (version != np.floor(version)) & ~np.isnan(version)
    codes.set(bad, "bad_version")
    return np.where(bad | np.isnan(version), 0, version).astype(np.int64)


def _available(
    columns: Columns,
    reading_us: IntArray,
    interval: IntArray,
    profile: Profile,
    zone: str,
    key: IntArray,
    codes: _Codes,
) -> IntArray:
    """Return (n,) microseconds UTC when each value could be known: as delivered, else interval end and delay."""
    known = reading_us + (interval + profile.delivery_delay_minutes) * MINUTE_US
    if "available_ts" not in columns:
        return known
    text = columns["available_ts"]
    given_us, problems, _ = stamps.to_utc(text, profile.stamp, zone, key)
    bad = problems != None  # noqa: E711 - elementwise on an object array
    codes.set(bad & filled(text), "bad_available_ts")
    return np.where(bad, known, given_us)


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
