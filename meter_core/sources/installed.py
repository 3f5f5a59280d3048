"""Which device stood at a metering point, and what its register counts: asked of the store once a meter."""

from collections.abc import Collection
from typing import Final, Protocol

import numpy as np
import pandas as pd

from meter_core.sources.readings import MINUTE_US

INSTALLATION: Final = ("device", "multiplier", "register_digits", "fuse_kw")


class MeterFacts(Protocol):
    """What the store knows of meters."""

    def installations(self, meters: Collection[str]) -> pd.DataFrame:
        """Return the devices of these meters.

        Returns:
            (n, 7) `meter_id`, `valid_from` and `valid_until` (UTC, NaT where it still holds), `device`, `multiplier`,
            `register_digits` and `fuse_kw` (NaN where not known).
        """

    def registers(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """Return register values as they were loaded before.

        Args:
            wanted: (n, ...) `meter_id`, `channel`, `interval_minutes`, and `read_ts`, when the register was read (UTC).

        Returns:
            (n, 2) with the same index: `value`, kWh before any multiplier, NaN where there is none, and `device`, ""
            where it is not known.
        """


class Installed:
    """The devices of a delivery's meters.

    Args:
        facts: Where they are known; None: nowhere.
    """

    def __init__(self, facts: MeterFacts | None) -> None:
        self._facts = facts
        self._asked: set[str] = set()
        self._known = pd.DataFrame()

    def at_end(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return (n, 4) `INSTALLATION` of each row's meter when its interval ends, missing where not known.

        Args:
            frame: As `Delivery.frame`.
        """
        self._ask(set(frame["meter_id"].unique()) - self._asked - {""})
        nothing = pd.DataFrame({"device": "", **dict.fromkeys(INSTALLATION[1:], np.nan)}, index=frame.index)
        if self._known.empty:
            return nothing
        ends = pd.DataFrame({"meter_id": frame["meter_id"], "end_ts": interval_ends(frame)}, index=frame.index)
        ends = ends[ends["end_ts"].notna()].sort_values("end_ts")
        found = pd.merge_asof(
            ends.reset_index(names="row"), self._known, left_on="end_ts", right_on="valid_from", by="meter_id"
        ).set_index("row")
        holds = found["valid_from"].notna() & ~(found["valid_until"] <= found["end_ts"])
        nothing.loc[found.index[holds], list(INSTALLATION)] = found.loc[holds, list(INSTALLATION)]
        return nothing

    def _ask(self, meters: set[str]) -> None:
        """Ask for meters that were not asked for before."""
        if not meters or self._facts is None:
            return
        self._asked |= meters
        found = self._facts.installations(sorted(meters))
        if len(found):
            known = pd.concat([self._known, found], ignore_index=True) if len(self._known) else found
            self._known = known.sort_values("valid_from", kind="stable").reset_index(drop=True)


def interval_ends(frame: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return (n,) when each row's interval ends, NaT where its time is bad."""
    length_us = (frame["interval_minutes"].to_numpy() * MINUTE_US).astype("timedelta64[us]")
    return frame["reading_ts"] + pd.Series(length_us, index=frame.index)
