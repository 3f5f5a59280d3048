"""The wide layout: a line a day, a column an interval."""

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator

DAY_MINUTES: Final = 1440
LONGEST_DAY_MINUTES: Final = 1500
NUMBERS: Final = re.compile(r"^(.*)\{(\d+)\.\.(\d+)\}(.*)$")
TIMES: Final = re.compile(r"^(.*)\{(\d\d):(\d\d)\.\.(\d\d):(\d\d)\}(.*)$")


class Wide(BaseModel):
    """How a line of a wide file covers its day.

    Attributes:
        columns: The file's columns in the order of the day; or a pattern of them, `H{01..24}` or `{00:00..23:30}`.
        counts: `clock`: the k-th column is the local clock time k intervals after midnight, so spring leaves one
            without its hour and autumn's repeated hour stands once; `elapsed`: the k-th interval since the local day
            began, whatever the clock says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] | str
    counts: Literal["clock", "elapsed"] = "clock"

    @field_validator("columns", mode="before")
    @classmethod
    def _names_are_text(cls, names: object) -> object:
        """YAML reads 1 as a number; the file's header holds its text."""
        return [str(name) for name in names] if isinstance(names, list) else names

    def names(self, interval_minutes: int) -> tuple[str, ...]:
        """Return the columns of the file in the order of the day.

        Raises:
            ValueError: they are not a day of such intervals.
        """
        names = self.columns if isinstance(self.columns, tuple) else _expanded(self.columns, interval_minutes)
        minutes = len(names) * interval_minutes
        longest = LONGEST_DAY_MINUTES if self.counts == "elapsed" else DAY_MINUTES
        if not DAY_MINUTES <= minutes <= longest:
            raise ValueError(
                f"wide.columns: {len(names)} columns of {interval_minutes} minutes are {minutes / 60:g} hours, a day "
                "has 24 (with counts: elapsed up to 25); correct them or interval_minutes"
            )
        return names


def _expanded(pattern: str, interval_minutes: int) -> tuple[str, ...]:
    """Return the names of a pattern.

    Raises:
        ValueError: it is none.
    """
    if times := TIMES.match(pattern):
        before, *clock, after = times.groups()
        hour, minute, last_hour, last_minute = map(int, clock)
        minutes = range(hour * 60 + minute, last_hour * 60 + last_minute + 1, interval_minutes)
        return tuple(f"{before}{each // 60:02}:{each % 60:02}{after}" for each in minutes)
    if numbers := NUMBERS.match(pattern):
        before, first, last, after = numbers.groups()
        width = len(first) if first.startswith("0") else 0
        return tuple(f"{before}{each:0{width}}{after}" for each in range(int(first), int(last) + 1))
    raise ValueError(
        f"wide.columns: {pattern!r} is no pattern; write H{{01..24}}, {{00:00..23:30}} or a list of all names"
    )
