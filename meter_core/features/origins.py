"""From a table of readings to the moments at which forecasts are made: what was known then, and what came."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from meter_core.calendar import DAY_S, local_to_utc, utc_offset_minutes
from meter_core.contracts.forecasts import DAY_MINUTES, HISTORY_REACH_DAYS, HistoryBatch
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.readings import ReadingTable, Windows, places
from meter_core.features.weather import PlaceWeather, seen_temperatures
from meter_core.public_holidays import NO_HOLIDAYS


@dataclass(frozen=True, slots=True)
class Origins:
    """Forecast origins of one meter and interval length.

    Attributes:
        batch: (n) what was known at each.
        measured_kwh: (n, h) the energy that came, NaN where none was measured.
        available_s: (n, h) UTC seconds from which it could be known.
    """

    batch: HistoryBatch
    measured_kwh: FloatArray
    available_s: IntArray


def daily_origins(group: ReadingTable, from_s: int, until_s: int, hour: int = 0) -> IntArray:
    """Return the instants at which the local clock shows that full hour, from one instant until before another."""
    zone = str(group.zone[0])
    bounds = np.array([from_s, until_s], dtype=np.int64)
    first, last = np.floor_divide(bounds + utc_offset_minutes(bounds, zone) * 60, DAY_S).tolist()
    at, _ = local_to_utc(np.arange(first, last + 1, dtype=np.int64) * DAY_S + hour * 3600, zone)
    return at[(at >= from_s) & (at < until_s)]


def origins_of(group: ReadingTable, origin_ts_s: IntArray, hours: int, made_s: int | None = None) -> Origins:
    """Return what was known of a meter at some instants, and what came in the hours after.

    Args:
        group: readings of one meter and interval length.
        origin_ts_s: (n,) UTC seconds; those outside the readings, or between two intervals, are left out.
        hours: how far ahead.
        made_s: UTC seconds at which the forecasts are made, with the weather as it is known then; each at its origin
            where None.
    """
    minutes = int(group.interval_minutes[0])
    windows = Windows(group, group.units_kwh, HISTORY_REACH_DAYS * DAY_MINUTES // minutes)
    place, on_grid = places(group, origin_ts_s)
    kept = on_grid & (place >= 0) & (place <= windows.place[-1] + 1)
    place, at = place[kept], origin_ts_s[kept]
    n, horizon = len(at), hours * 60 // minutes
    coming = place[:, None] + windows.width + np.arange(horizon)
    inside = coming < len(windows.values)
    coming = np.where(inside, coming, 0)
    end_s = at[:, None] + np.arange(1, horizon + 1) * (minutes * 60)
    return Origins(
        HistoryBatch(
            origin_ts_s=at,
            zones=[str(group.zone[0])] * n,
            interval_minutes=np.full(n, minutes, dtype=np.int64),
            kwh=windows.ending_at(place, at),
            meter_id=np.full(n, group.meter_id[0], dtype=object),
            holidays=[str(group.holidays[0])] * n if group.holidays[0] != NO_HOLIDAYS else None,
            **_temperatures(group, place, at if made_s is None else np.full(n, made_s), at, windows.width, horizon),
        ),
        measured_kwh=np.where(inside, windows.values[coming], np.nan),
        available_s=end_s if windows.available_s is None else np.maximum(end_s, windows.available_s[coming]),
    )


def _temperatures(
    group: ReadingTable, place: IntArray, known_at_s: IntArray, origin_s: IntArray, width: int, horizon: int
) -> dict[str, FloatArray]:
    """Return temperatures before and after each place of a meter's grid; none where there are none.

    Where the table has the weather of the meter's place, as it was known; else as the meter's own readings measured it,
    then and later.
    """
    weather, minutes, zone = group.weather[0], int(group.interval_minutes[0]), str(group.zone[0])
    if isinstance(weather, PlaceWeather):
        moments = zip(known_at_s.tolist(), origin_s.tolist(), strict=True)
        rows = [seen_temperatures(weather, known, at, minutes, zone, width, horizon) for known, at in moments]
        seen = np.stack(rows) if rows else np.empty((0, width + horizon))
    elif np.isnan(group.temperature_c).all():
        return {}
    else:
        at, on_grid = places(group, group.ts_s)
        values = np.full(int(at[-1]) + 1 + width + horizon, np.nan)
        values[at[on_grid] + width] = group.temperature_c[on_grid]
        seen = sliding_window_view(values, width + horizon)[place]
    return {"past_temperature_c": seen[:, :width], "temperature_c": seen[:, width:]}
