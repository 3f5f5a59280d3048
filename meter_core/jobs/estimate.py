"""Estimates for missing values, made when somebody asks for them: a delivery of their own, with method and quality."""

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pydantic import SecretStr

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import DEFAULT_CHANNEL, TARGET_QUALITIES, FloatArray, IntArray
from meter_core.features.estimates import (
    INTERPOLATED,
    LIKE_DAYS,
    LONGEST_INTERPOLATED_S,
    REACH_DAYS,
    interpolated,
    like_days,
)
from meter_core.jobs.ingest import FileResult, ingest
from meter_core.settings import Settings
from meter_core.store import Gap, Store

METERS_AT_ONCE: Final = 50
HEADER: Final = ("meter_id", "reading_ts", "interval_minutes", "units_kwh", "available_ts")
PROFILE: Final = """\
name: estimate_{method}
description: Estimates of this product, {method}
columns:
  meter_id: meter_id
  reading_ts: reading_ts
  interval_minutes: interval_minutes
  units_kwh: units_kwh
  available_ts: available_ts
stamp:
  clock: offset
quality: estimated
"""
Row = tuple[str, str, int, float, str]


@dataclass(frozen=True, slots=True)
class Estimated:
    """What was estimated.

    Attributes:
        gaps: Stretches without a value in the window.
        estimates: Method -> values.
        left: Missing values that nothing could be said of: too few like days, or the gap is too long.
        files: The deliveries they came in, as ingestion reports them.
    """

    gaps: int
    estimates: dict[str, int]
    left: int
    files: Sequence[FileResult]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        files = [each.as_dict() for each in self.files]
        return {"gaps": self.gaps, "estimates": self.estimates, "left": self.left, "files": files}


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be estimated.

    Attributes:
        since: Beginning.
        until: End, exclusive.
        meters: Only these; None: all.
        longest: Longer gaps stay open: what happened in them is not known from like days.
    """

    since: datetime
    until: datetime
    meters: Sequence[str] | None
    longest: timedelta


def estimate(
    window: Window,
    settings: Settings,
    database_url: SecretStr | str,
    progress: Callable[[str], None] = lambda _: None,
) -> Estimated:
    """Estimate the missing values of a window and load them with quality `estimated`.

    Up to two hours between two measured values: a straight line (`interpolated`). Else the mean at the same local time
    on days of the same kind within four weeks around (`like_days`). They are deliveries like any other: kept,
    accounted for, displaced by a measured value that arrives later. They can be known from now on only, and training,
    lags, profiles and baselines never see them.

    Args:
        window: What is to be estimated.
        settings: Where files are kept.
        database_url: Of PostgreSQL.
        progress: Is told what is being done.

    Raises:
        UsageError: the window is empty.
    """
    if window.until <= window.since:
        raise UsageError(f"{window.since} to {window.until} is no window; say an end behind its beginning")
    store = Store(database_url)
    gaps = store.gaps(window.since, window.until, window.meters)
    rows: dict[str, list[Row]] = {INTERPOLATED: [], LIKE_DAYS: []}
    left, known_from = 0, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for method, gap, starts, values in _estimates(store, gaps, window, progress):
        there = ~np.isnan(values)
        left += int((~there).sum())
        rows[method] += [
            (gap.meter_id, _utc(start), gap.interval_minutes, value, known_from)
            for start, value in zip(starts[there].tolist(), values[there].tolist(), strict=True)
        ]
    files = [_load(method, some, window, settings, database_url, progress) for method, some in rows.items() if some]
    return Estimated(len(gaps), {method: len(some) for method, some in rows.items()}, left, files)


def _estimates(
    store: Store, gaps: Sequence[Gap], window: Window, progress: Callable[[str], None]
) -> Iterator[tuple[str, Gap, IntArray, FloatArray]]:
    """Yield method, gap, (n,) starts of its intervals in UTC seconds, and (n,) estimates, NaN where there is none."""
    meters = sorted({gap.meter_id for gap in gaps})
    reach = timedelta(days=REACH_DAYS)
    for begin in range(0, len(meters), METERS_AT_ONCE):
        progress(f"estimating: {begin:,} of {len(meters):,} meters")
        some = meters[begin : begin + METERS_AT_ONCE]
        frame = store.readings(window.since - reach, window.until + reach, some)
        measured = frame["quality"].isin(TARGET_QUALITIES) & (frame["channel"] == DEFAULT_CHANNEL)
        by_meter = dict(tuple(frame[measured & frame["units_kwh"].notna()].groupby("meter_id")))
        for gap in gaps:
            if gap.meter_id in by_meter and gap.meter_id in some:
                yield _estimate(gap, by_meter[gap.meter_id], window.longest)


def _estimate(gap: Gap, known: pd.DataFrame, longest: timedelta) -> tuple[str, Gap, IntArray, FloatArray]:
    """Estimate one gap from a meter's measured values."""
    step = gap.interval_minutes * 60
    starts = np.arange(int(gap.since.timestamp()), int(gap.until.timestamp()) - step + 1, step)
    if gap.until - gap.since > longest or step >= DAY_S:
        return LIKE_DAYS, gap, starts, np.full(len(starts), np.nan)
    known = known[known["interval_minutes"] == gap.interval_minutes]
    known_s = known["reading_ts"].to_numpy(dtype="datetime64[s]").astype(np.int64)
    kwh = known["units_kwh"].to_numpy()
    before, after = kwh[known_s == starts[0] - step] if len(starts) else kwh[:0], kwh[known_s == gap.until.timestamp()]
    if len(starts) * step <= LONGEST_INTERPOLATED_S and len(before) and len(after):
        return INTERPOLATED, gap, starts, interpolated(before[0], after[0], len(starts))
    return LIKE_DAYS, gap, starts, like_days(starts, known_s, kwh, known["zone"].iloc[0] if len(known) else "UTC")


def _load(
    method: str,
    rows: Sequence[Row],
    window: Window,
    settings: Settings,
    database_url: SecretStr | str,
    progress: Callable[[str], None],
) -> FileResult:
    """Load estimates as a delivery of their own."""
    with tempfile.TemporaryDirectory(prefix="meter-estimate-") as folder:
        path = Path(folder) / f"estimate-{method}-{window.since:%Y%m%d}-{window.until:%Y%m%d}.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([HEADER, *rows])
        profile = Path(folder) / f"{method}.yaml"
        profile.write_text(PROFILE.format(method=method), encoding="utf-8")
        return ingest([path], str(profile), None, settings, database_url, progress).files[0]


def _utc(ts_s: int) -> str:
    """Return an instant as ISO 8601."""
    return f"{datetime.fromtimestamp(ts_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
