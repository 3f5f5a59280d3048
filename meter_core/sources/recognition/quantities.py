"""Which columns of a file hold energy and what else was measured: numbers, units, wide lines, registers."""

import re
from typing import Any, Final

import pandas as pd

from meter_core.contracts.readings import AUXILIARY
from meter_core.sources.columns import NUMBER
from meter_core.sources.profile import POWER_UNITS, UNITS
from meter_core.sources.recognition.notes import Notes
from meter_core.sources.recognition.sample import Texts
from meter_core.sources.recognition.words import hints, unit_in
from meter_core.sources.wide import DAY_MINUTES, Wide

COMMA: Final = NUMBER.replace(r"\.", ",")
GROUPED: Final = {
    ".": r"^[+-]?\d{1,3}(?:([,' \u00a0\u202f])\d{3})+(\.\d*)?$",
    ",": r"^[+-]?\d{1,3}(?:([.' \u00a0\u202f])\d{3})+(,\d*)?$",
}
"""Decimal sign -> numbers whose digits are grouped; the first group of the pattern is what parts them."""
WIDE_SIZES: Final = {24: 60, 25: 60, 48: 30, 50: 30, 96: 15, 100: 15}
"""Columns of a day -> minutes of each."""
DECIDING: Final = 2000
"""So many values of each column decide on the decimal sign."""
MISSING_TEXTS: Final = {"na", "n/a", "nan", "null", "none", "-", "--", "?", "x", "nv", "n/v", "missing", "#n/a"}
MISSING_NUMBERS: Final = {"-999", "-9999", "-99999", "-1", "9999", "99999", "-999.0", "-9999.0"}
FAR: Final = 5
"""A code for missing is so many times as large as what was measured."""
REGISTER_STEPS: Final = 0.98
"""So many steps of a register do not fall."""
REGISTER_MOVES: Final = 0.3
"""And so many rise: what hardly ever moves is no register that anyone reads."""
FEW_STEPS: Final = 48
"""Energies of fewer intervals may rise all the time by chance, as in a morning."""
REGISTER_LEVEL: Final = 10
"""A register stands so many steps high at least."""


class Numbers:
    """The columns of a sample as numbers.

    Args:
        columns: Name -> (n,) text, null where blank.
        aside: Columns that are something else.
        notes: Gets what was recognised.
    """

    def __init__(self, columns: Texts, aside: set[str], notes: Notes) -> None:
        self._columns = {name: text for name, text in columns.items() if name not in aside}
        self._notes = notes
        self.keys: dict[str, Any] = self._signs()
        self.values = self._values()

    def energies(self) -> list[str]:
        """Return the columns that may hold energy, the likeliest first."""
        usable = [name for name in self.values if self.values[name].notna().any()]
        named = [name for name in usable if hints(name, "energy") or unit_in(name)]
        return sorted(named, key=lambda name: (not re.search("wh", name.lower()), not hints(name, "energy")))

    def missing(self, name: str) -> list[str]:
        """Return the texts of a column that seem to mean "not measured"."""
        given = self._columns[name].dropna()
        said = given[self.values[name].reindex(given.index).isna()]
        texts = [text for text in said.unique() if text.lower() in MISSING_TEXTS]
        numbers = [text for text in MISSING_NUMBERS & set(given) if self._is_code(name, text)]
        return [*texts, *sorted(numbers)]

    def _is_code(self, name: str, text: str) -> bool:
        """Return whether a number is far from all others of its column, as a code is."""
        values = self.values[name].dropna()
        code = float(text)
        others = values[values != code]
        if others.empty or others.min() <= code <= others.max():
            return False
        return bool(abs(code) > FAR * others.abs().quantile(0.99))

    def _signs(self) -> dict[str, Any]:
        """Return the keys `decimal` and `thousands`, as most of the numbers are written."""
        some = [text.dropna().iloc[:DECIDING] for text in self._columns.values()]
        texts = pd.concat(some or [pd.Series(dtype="str")], ignore_index=True)
        grouped = {sign: texts.str.extract(pattern).dropna() for sign, pattern in GROUPED.items()}
        is_comma = texts.str.match(COMMA) & texts.str.contains(",")
        is_dot = texts.str.match(NUMBER) & texts.str.contains(".", regex=False)
        if is_comma.sum() + len(grouped[","]) > is_dot.sum() + len(grouped["."]):
            example = texts[is_comma].iloc[0] if is_comma.any() else texts[grouped[","].index[0]]
            self._notes.sure("decimal sign", f"comma, as in {example}")
            return {"decimal": ",", **self._thousands(grouped[","], texts)}
        return self._thousands(grouped["."], texts)

    def _thousands(self, grouped: pd.DataFrame, texts: "pd.Series[str]") -> dict[str, str]:
        """Return the key `thousands` where digits are grouped."""
        if grouped.empty:
            return {}
        self._notes.doubt("thousands", f"digits seem to be grouped, as in {texts[grouped.index[0]]}")
        return {"thousands": str(grouped[0].iloc[0])}

    def _values(self) -> dict[str, "pd.Series[float]"]:
        """Return the columns most of whose values are numbers."""
        found = {}
        for name in self._columns:
            text = self._columns[name]
            if "thousands" in self.keys:
                text = text.str.replace(self.keys["thousands"], "", regex=False)
            if self.keys.get("decimal") == ",":
                text = text.str.replace(",", ".", regex=False)
            values = pd.to_numeric(text.where(text.str.match(NUMBER)), errors="coerce")
            if text.notna().any() and values.notna().sum() > 0.5 * text.notna().sum():
                found[name] = values
        return found


def find_wide(numbers: Numbers, names: list[str], notes: Notes) -> tuple[dict[str, Any], int] | None:
    """Return the key `wide` of a profile and the minutes of an interval; None where a line has no day's values."""
    run = _longest_run([name in numbers.values for name in names])
    columns = [name for name in names[run] if re.search(r"\d", name)]  # a total stands beside them
    if len(columns) not in WIDE_SIZES:
        return None
    minutes = WIDE_SIZES[len(columns)]
    longer = len(columns) * minutes > DAY_MINUTES
    wide: dict[str, Any] = {"columns": _pattern(columns, minutes), "counts": "elapsed" if longer else "clock"}
    notes.sure("layout", f"wide: {len(columns)} columns of {minutes} minutes, {columns[0]!r} to {columns[-1]!r}")
    notes.doubt(
        "wide.counts",
        "what the columns mean on the days on which the clock changes, only such a day tells: clock or elapsed",
    )
    return wide, minutes


def find_unit(name: str, values: "pd.Series[float]", minutes: int | None, notes: Notes) -> str:
    """Return the unit of an energy: by its name, else kWh."""
    unit = unit_in(name)
    median = values.abs().median()
    if unit is None:
        size = f"; the median would be {median:g} kWh in {minutes or '?'} minutes"
        large = ", much for a home: Wh, or a mean of MW or kW?" if minutes and median * 60 / minutes > 50 else ""
        notes.doubt("units.units_kwh", f"the name {name!r} does not say the unit, kWh is assumed{size}{large}")
        return "kWh"
    notes.sure("unit", f"{unit}{' (mean power of the interval)' if unit in POWER_UNITS else ''}, by the name {name!r}")
    return unit


def is_register(name: str, values: "pd.Series[float]", order: pd.DataFrame, notes: Notes) -> bool:
    """Return whether an energy hardly ever falls in the order of time and stands far above its steps.

    Args:
        name: Of the column.
        values: (n,) its numbers.
        order: (n, 2) `meter` and `wall` time of each.
        notes: Gets why.
    """
    frame = order.assign(value=values).dropna(subset=["wall", "value"]).sort_values("wall", kind="stable")
    steps = frame.groupby("meter")["value"].diff().dropna()
    rising, moving = (steps >= 0).mean(), (steps > 0).mean()
    high = frame["value"].abs().median() > REGISTER_LEVEL * steps.abs().median()
    counts_up = len(steps) > 1 and rising >= REGISTER_STEPS and moving > REGISTER_MOVES and high
    if not counts_up or (len(steps) < FEW_STEPS and not hints(name, "register")):
        if counts_up or (len(steps) < FEW_STEPS and hints(name, "register")):
            notes.doubt("registers", f"{name!r} may be a register that counts up; there are too few values to see")
        return False
    notes.sure("layout", f"long, a cumulative register: {rising:.1%} of the steps of {name!r} do not fall")
    notes.doubt("registers", "how many digits it has before it starts again, the device says: registers: {digits: 6}")
    return True


def find_auxiliary(numbers: Numbers, taken: set[str], energy: "pd.Series[float]", notes: Notes) -> dict[str, str]:
    """Return our quantity -> column, for what was measured beside the energy."""
    found: dict[str, str] = {}
    for quantity in AUXILIARY:
        names = [name for name in numbers.values if name not in taken and hints(name, quantity)]
        if names:
            found[quantity] = names[0]
            taken.add(names[0])
    unsure = list(found.values())
    if "load_kw" in found and (numbers.values[found["load_kw"]].sub(energy).abs() < 1e-9)[energy.notna()].mean() > 0.9:
        unsure.remove(found["load_kw"])
        notes.sure("load", f"{found['load_kw']!r} equals the energy: an interval mean")
    if unsure:
        notes.doubt(
            "quantities",
            f"whether {', '.join(map(repr, unsure))} are of the instant at the start or means of the interval, the "
            "sender knows; interval_mean is assumed, which no model may use as a feature",
        )
    if found:
        notes.sure("quantities", ", ".join(f"{quantity} in {name!r}" for quantity, name in found.items()))
    return found


def auxiliary_units(found: dict[str, str], numbers: Numbers, notes: Notes) -> dict[str, str]:
    """Return the units of quantities whose values tell that they are not ours."""
    units = {}
    guesses = {
        "power_factor": (1.5, "%"),
        "temperature_c": (60, "F"),
        "frequency_hz": (1000, "mHz"),
        "load_kw": (300, "W"),
    }
    for quantity, (above, unit) in guesses.items():
        if quantity in found and numbers.values[found[quantity]].abs().quantile(0.9) > above:
            units[quantity] = unit
            notes.doubt(f"units.{quantity}", f"{found[quantity]!r} is mostly above {above:g}: {unit} is assumed")
    if "voltage_v" in found and numbers.values[found["voltage_v"]].abs().quantile(0.9) < 1:
        units["voltage_v"] = "kV"
        notes.doubt("units.voltage_v", f"{found['voltage_v']!r} is below 1: kV is assumed")
    assert all(unit in UNITS[quantity] for quantity, unit in units.items())  # noqa: S101 - written above
    return units


def _longest_run(mask: list[bool]) -> slice:
    """Return the longest stretch of true values."""
    best, begin = slice(0, 0), None
    for place, value in enumerate([*mask, False]):
        if value and begin is None:
            begin = place
        if not value and begin is not None:
            if place - begin > best.stop - best.start:
                best = slice(begin, place)
            begin = None
    return best


def _pattern(columns: list[str], minutes: int) -> str | list[str]:
    """Return the pattern of these names, or the names where there is none."""
    first, last = columns[0], columns[-1]
    for found in (re.compile(r"\d\d:\d\d"), re.compile(r"\d+")):
        begins, ends = list(found.finditer(first)), list(found.finditer(last))
        for begin, end in zip(begins, ends, strict=False):
            pattern = f"{first[: begin.start()]}{{{begin.group()}..{end.group()}}}{first[begin.end() :]}"
            try:
                if list(Wide(columns=pattern, counts="elapsed").names(minutes)) == columns:
                    return pattern
            except ValueError:
                continue
    return columns
