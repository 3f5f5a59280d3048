"""Which windows a backtest fits and scores in, and how far ahead: what its options mean."""

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from meter_core.calendar import DAY_S, iso_utc, zone_of
from meter_core.contracts.errors import UsageError
from meter_core.contracts.forecasts import FORECAST_HOURS
from meter_core.evaluation.ahead import Ahead
from meter_core.evaluation.splits import Split, split_at
from meter_core.features.readings import ReadingTable

REFITS: Final = ("none", "28d", "month")
HORIZON: Final = re.compile(r"(?:(\d{1,3})h?-)?(\d{1,3})h")


def ahead_of(horizon: str, origin_hour: int) -> Ahead:
    """Return what is forecast from where.

    Args:
        horizon: `24h`, or `15h-38h` where forecasts reach 38 hours and are scored from the fifteenth on.
        origin_hour: local hour of each day's origin.

    Raises:
        UsageError: where it is no horizon, or no hour.
    """
    found = HORIZON.fullmatch(horizon)
    first, last = (int(found[1] or 1), int(found[2])) if found else (0, 0)
    if not 1 <= first <= last <= FORECAST_HOURS:
        raise UsageError(
            f"horizon {horizon!r} is none; say 24h, up to {FORECAST_HOURS}h, or 15h-38h to score those hours"
        )
    if not 0 <= origin_hour <= 23:
        raise UsageError(f"origin hour {origin_hour} is none; say 0 to 23")
    return Ahead(last, first - 1, origin_hour)


def splits_of(table: ReadingTable, zone: str, test_from: date, until: date | None, refit: str) -> list[Split]:
    """Return one split for each refit."""
    if refit not in REFITS:
        raise UsageError(f"refit {refit!r} is unknown; say {', '.join(REFITS)}")
    where = zone_of(zone)
    begins = _instant(test_from, where)
    ends = int((table.ts_s + table.interval_minutes * 60).max()) if len(table) else 0
    ends = ends if until is None else min(ends, _instant(until, where))
    if begins >= ends:
        raise UsageError(
            f"the test would begin at {iso_utc(begins)} and end at {iso_utc(ends)}: give an earlier --test-from"
        )
    edges = [begins]
    while (following := _next_refit(edges[-1], refit, where, ends)) < ends:
        edges.append(following)
    return [split_at(start, stop) for start, stop in zip(edges, [*edges[1:], ends], strict=True)]


def _next_refit(since_s: int, refit: str, where: ZoneInfo, ends_s: int) -> int:
    """Return when the model is fitted anew after an instant."""
    if refit == "none":
        return ends_s
    if refit == "28d":
        return since_s + 28 * DAY_S
    local = datetime.fromtimestamp(since_s, where)
    return _instant((local.replace(day=1) + timedelta(days=32)).replace(day=1).date(), where)


def _instant(day: date, where: ZoneInfo) -> int:
    """Return the UTC second at which a local day begins, or of an aware datetime."""
    at = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local midnight
    return int((at if at.tzinfo else at.replace(tzinfo=where)).timestamp())
