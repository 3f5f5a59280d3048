"""Hand-made deliveries. The values are invented: they stand for faults and edges that measured files do not have."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from meter_core.contracts.readings import AUXILIARY
from meter_core.store import DeliveryKey, LoadCounts, Store

START = pd.Timestamp("2024-03-31T22:00Z")
"""Hour 0. Two hours later begins April, so that most deliveries cross a month."""


@dataclass
class Profile:
    name: str = "handmade"
    digest: str = "p"
    units: dict = field(default_factory=dict)
    quantities: dict = field(default_factory=dict)
    declared: dict = field(default_factory=dict)


@dataclass
class Delivery:
    frame: pd.DataFrame
    file_digest: str
    zone: str = "Europe/Paris"
    zone_assumed: bool = False
    profile: Profile = field(default_factory=Profile)
    raw: dict = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return f"{self.file_digest}.csv"

    @property
    def key(self) -> DeliveryKey:
        return DeliveryKey(self.file_digest, self.profile.digest, self.zone)

    def raw_lines(self, lines: Iterable[int]) -> dict[int, str]:
        return {line: self.raw_line(line) for line in lines}

    def raw_line(self, line: int) -> str:
        return self.raw.get(line, f"line {line} as delivered")

    def lines_of_part(self, lines: np.ndarray) -> pa.Array:
        return pa.array([self.raw_line(line) for line in lines.tolist()])


def ts(hour: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=hour)


def row(hour: float, kwh: float | None, **other: object) -> dict:
    """One delivered value; `known` is the hour in which it could be known."""
    known = other.pop("known", hour + 1)
    return {
        "meter_id": "m1",
        "channel": "import",
        "reading_ts": ts(hour),
        "interval_minutes": 60,
        "units_kwh": np.nan if kwh is None else kwh,
        **dict.fromkeys(AUXILIARY, np.nan),
        "quality": "measured",
        "source_version": 0,
        "available_ts": ts(known),
        "code": None,
        "blanked": None,
        **other,
    }


def frame_of(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame.insert(0, "line", np.arange(2, len(rows) + 2))
    for name in ("meter_id", "channel", "quality"):
        frame[name] = pd.array(frame[name], dtype="str")
    for name in ("reading_ts", "available_ts"):
        frame[name] = pd.DatetimeIndex(pd.to_datetime(frame[name], utc=True)).as_unit("us")
    for name in ("code", "blanked"):
        frame[name] = pd.Series(list(frame[name]), dtype=object).where(frame[name].notna(), None)
    return frame.astype({"units_kwh": float, "interval_minutes": "int64", "source_version": "int64"})


def deliver(store: Store, digest: str, rows: list[dict], parts: int = 1, **about: object) -> LoadCounts:
    """Load rows, in so many parts."""
    frame = frame_of(rows)
    delivery = Delivery(frame, digest, **about)
    with store.loading(delivery.key, delivery, f"deliveries/{digest}.gz", delivery.raw_lines) as loading:
        if loading.known:
            return loading.known
        for some in np.array_split(np.arange(len(frame)), parts):
            loading.add(frame.iloc[some], delivery.lines_of_part)
        return loading.finish(frame["line"].nunique())


def outcome(counts: LoadCounts) -> dict:
    """The figures that are not zero, without the lines; and the accounting holds."""
    figures = counts.as_dict()
    parts = {name: figures[name] for name in ("loaded", "superseded", "outranked", "duplicates", "quarantined")}
    assert counts.rows == sum(parts.values())
    return {name: number for name, number in parts.items() if number}


def standing(store: Store, column: str = "units_kwh", **wanted: object) -> dict:
    """Hour -> what stands, missing as None."""
    frame = store.readings(**wanted)
    hours = (frame["reading_ts"] - START) / pd.Timedelta(hours=1)
    return {hour: None if pd.isna(value) else value for hour, value in zip(hours, frame[column], strict=True)}
