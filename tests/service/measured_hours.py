"""The page's measured hours and weeks, cut from the shipped sample: `python tests/service/measured_hours.py`."""

import csv
import gzip
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from meter_core.contracts.readings import CANONICAL_COLUMNS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
PRESETS = ROOT / "bento" / "page" / "presets.json"
FORTNIGHT = ROOT / "bento" / "page" / "measured_fortnight.csv"
ZONE = ZoneInfo("Europe/Paris")
HISTORY_HOURS = 28 * 24

CHOSEN = {
    "Winter evening": "2009-12-13 18:00:00",
    "Sunday lunch": "2009-12-06 12:00:00",
    "Early morning": "2009-12-10 07:00:00",
    "Summer night": "2009-07-15 03:00:00",
    "Heavy load": "2009-01-10 19:00:00",
}


def presets() -> dict:
    """The presets as the sample has them."""
    rows = _sample()
    return {
        "source": "UCI Individual Household Electric Power Consumption, one home in Sceaux (CC BY 4.0); data/README.md",
        "presets": [_preset(title, stamp, rows) for title, stamp in CHOSEN.items()],
    }


def fortnight() -> str:
    """Two weeks as a file to try: the canonical columns, and the zone."""
    start = _utc("2009-11-30 00:00:00")
    rows = _sample()
    lines = [",".join((*CANONICAL_COLUMNS, "zone"))]
    for hour in (start + timedelta(hours=n) for n in range(14 * 24)):
        row = rows.get(hour)
        if row is not None and row["load_kw"] and row["voltage_v"]:
            kept = row | {"reading_ts": hour.astimezone(ZONE).isoformat(), "interval_minutes": "60", "zone": ZONE.key}
            lines.append(",".join(kept[name] for name in (*CANONICAL_COLUMNS, "zone")))
    return "\n".join(lines) + "\n"


def _sample() -> dict[datetime, dict]:
    with gzip.open(SAMPLE, "rt", newline="") as lines:
        return {_utc(row["reading_ts"]): row for row in csv.DictReader(lines)}


def _utc(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).replace(tzinfo=ZONE).astimezone(UTC)


def _preset(title: str, stamp: str, rows: dict[datetime, dict]) -> dict:
    start = _utc(stamp)
    local = start.astimezone(ZONE)
    row = rows[start]
    before = [start - timedelta(hours=back) for back in range(HISTORY_HOURS, 0, -1)]
    return {
        "title": title,
        "subtitle": f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M}",
        "reading_ts": local.isoformat(),
        "local_hour": local.hour,
        "local_day_of_week": local.weekday(),
        "meter_id": row["meter_id"],
        **{
            name: _value(row[name])
            for name in ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")
        },
        "measured_kwh": _value(row["units_kwh"]),
        "recent_kwh": [_value(rows.get(hour, {}).get("units_kwh", "")) for hour in before],
    }


def _value(text: str) -> float | None:
    value = float(text) if text else math.nan
    return None if math.isnan(value) else value


if __name__ == "__main__":
    PRESETS.write_text(json.dumps(presets(), separators=(",", ":"), ensure_ascii=False) + "\n")
    FORTNIGHT.write_text(fortnight())
