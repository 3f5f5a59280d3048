"""Cumulative registers: what was used between two readings of one device, one interval apart; never across a gap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from meter_core.contracts.readings import FloatArray
from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.installed import Installed, MeterFacts
from meter_core.sources.part import Part
from meter_core.sources.profile import UNITS, Profile
from meter_core.sources.readings import MINUTE_US
from meter_core.sources.records import among
from meter_core.sources.repeated_hours import Mask, SeriesNumbers

DROP: Final = "register_drop"
GAP: Final = "register_gap"
END: Final = "register_end"
ROLLOVER_SHARE: Final = 0.9
"""A register that drops by less of its range was exchanged, or is broken: it did not roll over."""
RESIDUE_DIGITS: Final = 9
"""Decimals of kWh that are kept of a difference: what follows is what binary numbers leave of decimal ones."""
HELD_MOST: Final = 300_000
"""Rows that may wait for the end of a file, if they are most of it: then nothing follows anything."""


@dataclass(frozen=True, eq=False)
class _Held:
    """Rows that wait.

    Attributes:
        frame: The rows.
        register: What `Registers._register` says of them.
        texts: Their lines as delivered, by number.
    """

    frame: pd.DataFrame
    register: pd.DataFrame
    texts: dict[int, str]

    @classmethod
    def of(cls, part: Part, register: pd.DataFrame) -> "_Held":
        """Return the rows of a part that these register values belong to."""
        frame = part.frame.loc[register.index].copy()
        lines = frame["line"].to_numpy()
        return cls(frame, register.copy(), dict(zip(lines.tolist(), part.raw_lines(lines).to_pylist(), strict=True)))

    def where(self, chosen: Mask) -> "_Held":
        """Return some of the rows."""
        frame = self.frame[chosen]
        return _Held(frame, self.register[chosen], {int(line): self.texts[int(line)] for line in frame["line"]})

    def part(self) -> Part:
        """Return the rows, on their way again."""
        return Part(self.frame, among(self.texts))


class Registers:
    """The registers of one delivery, which becomes their differences.

    A reading and the one before it may stand anywhere in the file, or the one before in the store: what is not found
    at once waits for the end of the file, which is the first reading of each series in each part, and what follows a
    gap. The last reading of each series in a part waits until one follows it: only the last of the file is kept with
    its register value, for the next delivery.

    Args:
        profile: Of the delivery; `registers` says how it counts.
        file_name: For messages.
        installed: Which devices stood where.
        facts: Where registers of earlier deliveries are known; None: nowhere.
    """

    def __init__(self, profile: Profile, file_name: str, installed: Installed, facts: MeterFacts | None) -> None:
        assert profile.registers is not None  # noqa: S101 - the caller looked
        self._digits = profile.registers.digits
        self._unit_kwh = UNITS["units_kwh"][profile.units.get("units_kwh", "kWh")][0]
        self._file_name = file_name
        self._installed = installed
        self._facts = facts
        self._series = SeriesNumbers()
        self._ends: list[pd.DataFrame] = []
        self._held: list[_Held] = []
        self._lasts: list[_Held] = []
        self._rows = self._waiting = 0

    def differences(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Yield the same rows with the energy of their intervals.

        Args:
            parts: Whose `units_kwh` is what the register says at the interval's end.

        Raises:
            UnreadableDeliveryError: hardly any value follows another one interval later.
        """
        for part in parts:
            frame, register = part.frame, self._register(part.frame)
            waits, is_last = self._look_around(register)
            self._settle(frame, register[~waits])
            yield from self._followed(_keys(register, "begin"))
            for chosen, held in ((waits, self._held), (is_last & ~waits, self._lasts)):
                if chosen.any():
                    held.append(_Held.of(part, register[chosen]))
            self._refuse_gaps(len(frame), int(waits.sum()))
            stays = frame.index.isin(register.index[waits | is_last])
            if not stays.all():
                yield Part(frame[~stays], part.raw_lines)
        yield from self._held_back()

    def _register(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what is needed of the rows that have a register value, and of the reading before where it is known.

        Columns `series`, `begin` and `end` (microseconds UTC), `value` (kWh), `is_net`, `device`, `range_kwh`,
        `fuse_kwh`.
        """
        rows = frame[frame["code"].isna() & frame["units_kwh"].notna()]
        facts = self._installed.at_end(rows)
        device = facts["device"]
        if "device" in rows:
            device = rows["device"].where(rows["device"] != "", device)
        begin = rows["reading_ts"].to_numpy(dtype="datetime64[us]").astype(np.int64)
        multiplier = facts["multiplier"].fillna(1.0)
        digits = facts["register_digits"].fillna(np.nan if self._digits is None else self._digits)
        return pd.DataFrame(
            {
                "series": self._series.of(rows["meter_id"] + "\n" + rows["channel"]),
                "begin": begin,
                "end": begin + rows["interval_minutes"].to_numpy() * MINUTE_US,
                "value": rows["units_kwh"],
                "is_net": rows["channel"] == "net",
                "device": device.astype("str"),
                "range_kwh": 10.0**digits * self._unit_kwh,
                "fuse_kwh": facts["fuse_kw"] * rows["interval_minutes"] / 60 / multiplier,
            },
            index=rows.index,
        )

    def _look_around(self, register: pd.DataFrame) -> tuple[Mask, Mask]:
        """Look for the reading before each among the part's and earlier parts', and keep those that none follows.

        Returns:
            (n,) bool where the reading before was not found, and where no other row of the part follows.
        """
        read = _read(register)
        keys, begun = _keys(read, "end"), _keys(register, "begin")
        is_end = ~keys.isin(begun)
        found = _find(register, pd.concat([read, *self._ends], ignore_index=True))
        left = [ends[~_keys(ends, "end").isin(begun)] for ends in self._ends]
        self._ends = [pd.concat([*left, read[is_end]], ignore_index=True)]
        return ~found, _keys(register, "end").isin(keys[is_end])

    def _followed(self, begun: pd.MultiIndex) -> Iterator[Part]:
        """Yield the last rows of earlier parts that one of these begins follows."""
        waiting, self._lasts = self._lasts, []
        for held in waiting:
            is_followed = _keys(held.register, "end").isin(begun)
            if is_followed.any():
                yield held.where(is_followed).part()
            if not is_followed.all():
                self._lasts.append(held.where(~is_followed))

    def _settle(self, frame: pd.DataFrame, register: pd.DataFrame) -> None:
        """Write the energy of rows whose reading before is known, and codes where it cannot be."""
        energy, is_drop, is_exchange = _energy(register)
        frame.loc[register.index, "units_kwh"] = energy
        frame.loc[register.index[is_drop], "code"] = DROP
        _mark(frame, register[is_exchange], GAP)

    def _refuse_gaps(self, rows: int, waiting: int) -> None:
        """Raise where hardly any value has another one interval before it."""
        self._rows += rows
        self._waiting += waiting
        if self._waiting > max(HELD_MOST, self._rows / 2):
            raise UnreadableDeliveryError(
                f"{self._file_name}: of {self._rows:,} register values {self._waiting:,} have none before them by one "
                "interval; correct interval_minutes in the source profile"
            )

    def _held_back(self) -> Iterator[Part]:
        """Yield the rows that waited for the end of the file, those that nothing in it follows with their register."""
        ends = pd.concat(self._ends, ignore_index=True) if self._ends else pd.DataFrame()
        for held in self._held:
            frame, register = held.frame, held.register
            found = _find(register, ends)
            self._ask_store(frame, register, ~found)
            known = register["before"].notna()
            self._settle(frame, register[known])
            frame.loc[register.index[~known], "units_kwh"] = np.nan
            _mark(frame, register[~known], GAP)
        begun = [_keys(held.register, "begin") for held in self._held]
        for held in (*self._lasts, *self._held):
            end = _keys(held.register, "end")
            is_end = end.isin(_keys(ends, "end")) & ~np.any([end.isin(each) for each in begun], axis=0)
            _mark(held.frame, held.register[is_end], END)
            yield held.part()

    def _ask_store(self, frame: pd.DataFrame, register: pd.DataFrame, wanted: Mask) -> None:
        """Fill in readings before that earlier deliveries brought."""
        if self._facts is None or not wanted.any():
            return
        rows = frame.loc[register.index[wanted]]
        asked = rows[["meter_id", "channel", "interval_minutes"]].assign(read_ts=rows["reading_ts"])
        stored = self._facts.registers(asked)
        register.loc[asked.index, "before"] = stored["value"]
        register.loc[asked.index, "device_before"] = stored["device"]


def _keys(register: pd.DataFrame, instant: str) -> pd.MultiIndex:
    """Return series and instant (`begin` or `end`) of each row."""
    return pd.MultiIndex.from_frame(register[["series", instant]])


def _read(register: pd.DataFrame) -> pd.DataFrame:
    """Return one reading of each series and time: `series`, `end`, `value` (NaN where they differ), `device`."""
    read = register[["series", "end", "value", "device"]]
    if not read.duplicated(["series", "end"]).any():
        return read
    same = read.groupby(["series", "end"], sort=False)
    first = same[["value", "device"]].first()
    return first.assign(value=first["value"].where(same["value"].nunique() == 1)).reset_index()


def _find(register: pd.DataFrame, known: pd.DataFrame) -> Mask:
    """Write `before` and `device_before` into the rows, from readings at their begin; return (n,) bool where found."""
    known = known.drop_duplicates(["series", "end"]).rename(columns={"value": "before", "device": "device_before"})
    joined = register[["series", "begin"]].merge(
        known, how="left", left_on=["series", "begin"], right_on=["series", "end"], indicator=True
    )
    register["before"] = joined["before"].to_numpy()
    register["device_before"] = joined["device_before"].fillna("").to_numpy()
    return (joined["_merge"] == "both").to_numpy()


def _energy(register: pd.DataFrame) -> tuple[FloatArray, Mask, Mask]:
    """Return (n,) kWh of each interval, NaN where it cannot be told, and where the register dropped or was exchanged.

    A drop is a rollover only if it exceeds `ROLLOVER_SHARE` of the register's range and the energy it implies is below
    the fuse. A net register may run backwards, and roll over either way.
    """
    before, value, net = (register[name].to_numpy() for name in ("before", "value", "is_net"))
    rolls, fuse = register["range_kwh"].to_numpy(), register["fuse_kwh"].to_numpy()
    change = value - before
    turns = (change < -ROLLOVER_SHARE * rolls).astype(int) - (net & (change > ROLLOVER_SHARE * rolls)).astype(int)
    rolled = np.where(turns != 0, change + turns * np.nan_to_num(rolls), change)
    energy = np.where(np.abs(rolled) > np.where(np.isnan(fuse), np.inf, fuse), change, rolled)
    device, device_before = register["device"].to_numpy(), register["device_before"].to_numpy()
    is_exchange = (device != "") & (device_before != "") & (device != device_before)
    is_unknown = is_exchange | np.isnan(before)
    is_drop = ~is_unknown & ~net & (energy < 0)
    return np.where(is_unknown | is_drop, np.nan, np.round(energy, RESIDUE_DIGITS)), is_drop, is_unknown


def _mark(frame: pd.DataFrame, register: pd.DataFrame, code: str) -> None:
    """Keep the register's value with the row, for the delivery that follows and for people; a code it has stays."""
    places = frame.index.get_indexer(register.index)
    blanked = frame["blanked"].to_numpy(copy=True)
    for place, value, device in zip(places, register["value"], register["device"], strict=True):
        entry = {"code": code, "value": repr(float(value)), **({"device": device} if device else {})}
        blanked[place] = {"register": entry, **(blanked[place] or {})}
    frame["blanked"] = pd.Series(blanked, index=frame.index, dtype=object)
