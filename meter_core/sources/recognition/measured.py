"""What the columns of a file hold beside time: meters, energies, their lengths, and words such as a quality."""

import re
from typing import Any, Final

import pandas as pd

from meter_core.sources.errors import UnreadableDeliveryError
from meter_core.sources.profile import POWER_UNITS
from meter_core.sources.recognition.notes import Notes
from meter_core.sources.recognition.quantities import (
    Numbers,
    auxiliary_units,
    find_auxiliary,
    find_unit,
    find_wide,
    is_register,
)
from meter_core.sources.recognition.sample import Sample
from meter_core.sources.recognition.times import Times, find_marks, interval_minutes
from meter_core.sources.recognition.words import QUALITY_CODES, hints
from meter_core.sources.recognition.zones import find_zone
from meter_core.sources.wide import Wide

CONSTANT_METER: Final = "METER-1"
MOST_CODES: Final = 12


class Measured:
    """What the columns beside the stamps hold."""

    def __init__(self, sample: Sample, times: Times, notes: Notes) -> None:
        self._sample, self._times, self._notes = sample, times, notes
        self._taken = {times.column, *times.others} | ({times.stamp["date"]} if "date" in times.stamp else set())
        self._columns: dict[str, str] = {"reading_ts": times.column}
        self._keys: dict[str, Any] = {}
        self._minutes: int | None = None

    def keys(self, file_name: str, zone: str | None) -> dict[str, Any]:
        """Return the keys of the profile.

        Raises:
            UnreadableDeliveryError: no column can hold energy.
        """
        meters = self._find_meter()
        self._find_words()
        numbers = Numbers(self._sample.columns, self._taken, self._notes)
        self._keys |= numbers.keys
        wide = find_wide(numbers, list(self._sample.columns), self._notes)
        if wide:
            self._keys |= {"interval_minutes": wide[1], "wide": wide[0]}
            self._times.stamp.pop("marks", None)
            found = wide[0]["columns"]
            names = self._wide_names(found, wide[1])
            self._find_energy_unit(names[len(names) // 2], numbers, wide[1])
        else:
            self._find_interval(numbers, meters)
            self._find_energies(numbers, meters, file_name)
        zone = zone or find_zone(self._times, self._sample.columns, self._notes)
        if wide is None and "registers" not in self._keys:
            find_marks(self._times, self._minutes, self._notes)
        stamp = {name: value for name, value in self._times.stamp.items() if (name, value) != ("marks", "start")}
        ordered = {"zone": zone, "stamp": stamp, "columns": self._columns, **self._keys}
        return {name: value for name, value in ordered.items() if name == "registers" or value not in (None, {}, [])}

    def _wide_names(self, columns: str | list[str], minutes: int) -> list[str]:
        """Return the names of the columns of a day."""
        return list(
            Wide(columns=columns if isinstance(columns, str) else tuple(columns), counts="elapsed").names(minutes)
        )

    def _find_meter(self) -> "pd.Series[str] | None":
        """Find the column that names the meter; one for the whole file where there is none."""
        columns = self._sample.columns
        named = [
            name
            for name in columns
            if name not in self._taken and hints(name, "meter_id") and not hints(name, "voltage_v")
        ]
        named = [name for name in named if columns[name].notna().mean() > 0.5 and not self._is_measured(name)]
        if not named:
            self._keys["meter_id"] = CONSTANT_METER
            self._notes.doubt(
                "meter_id", "no column names a meter; one name for all lines is assumed: write the right one"
            )
            return None
        name = max(
            named, key=lambda each: (bool(re.search("meter|zähler|zaehler", each.lower())), -columns[each].nunique())
        )
        self._columns["meter_id"] = name
        self._taken.add(name)
        self._notes.sure(
            "meters", f"{columns[name].nunique():,} in {name!r}{'' if self._sample.whole else ', as far as was read'}"
        )
        others = [each for each in named if each != name]
        if others:
            self._notes.doubt("columns.meter_id", f"{', '.join(map(repr, others))} may name the meter too")
        return columns[name]

    def _is_measured(self, name: str) -> bool:
        """Return whether a column has decimals: it measures and names nothing."""
        return bool(self._sample.columns[name].dropna().str.match(r"^[+-]?\d+[.,]\d+$").mean() > 0.5)

    def _find_words(self) -> None:
        """Find quality and channel, where their codes are known."""
        for what in ("quality", "channel", "device", "source_version"):
            names = [name for name in self._sample.columns if name not in self._taken and hints(name, what)]
            for name in names:
                codes = [str(code) for code in self._sample.columns[name].dropna().unique()[: MOST_CODES + 1]]
                if what == "quality" and 0 < len(codes) <= MOST_CODES:
                    self._find_quality(name, codes)
                if what == "channel" and codes and set(codes) <= {"import", "export", "net", "reactive"}:
                    self._columns["channel"] = name
                    self._taken.add(name)

    def _find_quality(self, name: str, codes: list[str]) -> None:
        """Map the codes of a quality column where all of them are known."""
        ours = {
            code: next((ours for ours, known in QUALITY_CODES.items() if code.lower() in known), None) for code in codes
        }
        if None in ours.values():
            unknown = ", ".join(code for code, mapped in ours.items() if mapped is None)
            self._notes.doubt(
                "quality_codes", f"{name!r} has the codes {unknown}, which say nothing: map them, or it stays unread"
            )
            return
        self._columns["quality"] = name
        self._taken.add(name)
        self._keys["quality_codes"] = ours
        self._notes.doubt("quality_codes", f"the codes of {name!r} are guessed from their letters")

    def _find_interval(self, numbers: Numbers, meters: "pd.Series[str] | None") -> None:
        """Find the length of the intervals: in a column, else by the steps of the stamps."""
        for name, values in numbers.values.items():
            given = values.dropna()
            if hints(name, "interval_minutes") and len(given) and given.isin([1, 3, 5, 10, 15, 30, 60, 1440]).all():
                self._columns["interval_minutes"] = name
                self._minutes = int(given.mode().iloc[0])
                self._taken.add(name)
                self._notes.sure(
                    "interval", f"{', '.join(f'{each:g}' for each in sorted(given.unique()))} minutes, in {name!r}"
                )
                return
        minutes = interval_minutes(self._times, meters, self._notes)
        if minutes is None:
            minutes = 60
            self._notes.doubt("interval_minutes", "too few stamps to tell; 60 is assumed")
        self._keys["interval_minutes"] = self._minutes = minutes
        if minutes >= 1440:
            self._notes.doubt(
                "interval_minutes", "a day of 1440 minutes holds where the clock never changes, else map a column"
            )

    def _find_energies(self, numbers: Numbers, meters: "pd.Series[str] | None", file_name: str) -> None:
        """Find the energy, or those of several channels, and what was measured beside it."""
        names = [name for name in numbers.energies() if name not in self._taken]
        if not names:
            names = [name for name in numbers.values if name not in self._taken][:1]
            if not names:
                raise UnreadableDeliveryError(
                    f"{file_name}: no column holds numbers that could be energy; ask its sender"
                )
            self._notes.doubt(
                "columns.units_kwh", f"no name sounds like energy; {names[0]!r} is the first with numbers"
            )
        channels = {what: name for what in ("import", "export", "net") for name in names if _is_channel(name, what)}
        energy = names[0]
        if len(set(channels.values())) > 1:
            energy = next(iter(channels.values()))
            self._keys["channels"] = channels
            self._notes.sure("energy", ", ".join(f"{what} in {name!r}" for what, name in channels.items()))
        else:
            self._columns["units_kwh"] = energy
            self._notes.sure("energy", repr(energy))
        self._taken |= {energy, *channels.values()} if "channels" in self._keys else {energy}
        self._find_energy_unit(energy, numbers, self._minutes)
        order = pd.DataFrame({"wall": self._times.wall, "meter": meters.fillna("") if meters is not None else ""})
        is_power = self._keys.get("units", {}).get("units_kwh") in POWER_UNITS
        if not is_power and is_register(energy, numbers.values[energy], order, self._notes):
            self._keys["registers"] = {}
            self._times.stamp["marks"] = "end"
        auxiliary = find_auxiliary(numbers, self._taken, numbers.values[energy], self._notes)
        self._columns |= auxiliary
        self._keys["quantities"] = dict.fromkeys(auxiliary, "interval_mean")
        self._keys["units"] = {**self._keys.get("units", {}), **auxiliary_units(auxiliary, numbers, self._notes)}

    def _find_energy_unit(self, name: str, numbers: Numbers, minutes: int | None) -> None:
        """Find the unit of the energy, and the texts that stand for a missing one."""
        unit = find_unit(name, numbers.values[name], minutes, self._notes)
        if unit != "kWh":
            self._keys["units"] = {"units_kwh": unit}
        missing = numbers.missing(name)
        if missing:
            self._keys["missing"] = missing
            self._notes.doubt("missing", f"{', '.join(missing)} in {name!r} seem to mean that nothing was measured")


def _is_channel(name: str, what: str) -> bool:
    """Return whether an energy's name says its channel, and no other."""
    return hints(name, what) and not any(hints(name, other) for other in {"import", "export", "net"} - {what})
