"""What is said about a value of a request: where it stands, what it was, what to do about it."""

import difflib
import math
from collections.abc import Callable
from typing import Any, Final

from bento.schemas import FIELD_TYPES, Note
from meter_core.contracts.features import POSSIBLE_RANGE, RECENT_VALUES, USUAL_RANGE
from meter_core.contracts.forecasts import FORECAST_HOURS

LONGEST_ECHO: Final = 80
LONGEST_MISTYPED: Final = 40
"""A longer name is no slip of the keys, and looking for what it is like would take long."""

Where = Callable[[int, str], str]
"""From a reading's number and a field to its path in the request."""

UNITS: Final = {
    "voltage_v": "V",
    "temperature_c": "degrees Celsius",
    "power_factor": "",
    "load_kw": "kW",
    "frequency_hz": "Hz",
}
NULLABLE_MEASURED: Final = ("temperature_c", "power_factor", "frequency_hz")

REMEDIES: Final = {
    "reading_ts": "give ISO 8601 with offset, such as 2009-06-01T18:00:00+02:00, and the zone",
    "zone": "give an IANA zone, such as Europe/Paris or Asia/Kolkata",
    "local_hour": "give a whole number from 0 to 23, the hour of the meter's local clock",
    "local_day_of_week": "give a whole number from 0 (Monday) to 6 (Sunday)",
    "meter_id": "give 1 to 200 characters, or leave it out",
    "interval_minutes": "give a whole number of minutes, such as 60",
    "recent_kwh": f"give a list of up to {RECENT_VALUES} numbers of kWh, newest last, null where not measured",
    "load_intensity": "leave it out: it is computed from load_kw",
    "units_kwh": "give a number of kWh, or null where nothing was measured",
    "origin_ts": "give the start of the first interval to forecast, as 2009-06-01T18:00:00+02:00, or leave it out",
    "start": "give the start of the first interval of the history, as 2009-06-01T18:00:00+02:00",
    "horizon": f"give hours or days, such as 24h or 7d, at most {FORECAST_HOURS}h",
    "history": 'give [{"reading_ts": ..., "units_kwh": ...}, ...] or {"start": ..., "units_kwh": [...]}; see /docs',
    "country": "give two letters, such as AU (ISO 3166-1), or leave it out",
    "subdivision": "give a subdivision of the country that has holidays of its own, such as VIC of AU, or leave it out",
    "weather": 'give [{"reading_ts": ..., "temperature_c": ...}, ...], or leave it out',
}


def in_single(_: int, field: str) -> str:
    """Return the path of a field where the request is one reading."""
    return field


def in_list(row: int, field: str) -> str:
    """Return the path of a field of `{"readings": [...]}`."""
    return f"readings[{row}].{field}"


def in_columns(row: int, field: str) -> str:
    """Return the path of a field where every column is a list of its own, as in gRPC."""
    return f"columns.{field}[{row}]"


def in_table(columns: list[str]) -> Where:
    """Return the function that finds a field's path in `{"columns": [...], "rows": [...]}`."""
    position = {name: number for number, name in enumerate(columns)}
    return lambda row, field: f"rows[{row}][{position[field]}]" if field in position else f"rows[{row}]"


def shortened(value: Any) -> Any:
    """Return a value as it may be given back: short, and never a whole list."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value if len(value) <= LONGEST_ECHO else value[:LONGEST_ECHO] + "..."
    if isinstance(value, (list, tuple, dict)):
        return f"{'object' if isinstance(value, dict) else 'list'} of {len(value)}"
    return value


def remedy_of(field: str) -> str:
    """Return what a field wants."""
    if field in POSSIBLE_RANGE:
        low, high = POSSIBLE_RANGE[field]
        null = ", or null where it was not measured" if field in NULLABLE_MEASURED else ""
        return f"give a number from {low:,.10g} to {high:,.10g}{_unit(field)}{null}"
    return REMEDIES.get(field, "leave it out: it is computed from the measured values")


def wrong_type(path: str, field: str, value: Any, reason: str) -> Note:
    """Return the note of a value that is no such thing, or cannot be."""
    return Note(path, shortened(value), f"{field} is {_shown(value)}: {reason}", remedy_of(field))


def missing(path: str, field: str) -> Note:
    """Return the note of a field that has to be there."""
    return Note(path, None, f"{field} is missing", remedy_of(field))


def unknown(path: str, field: str, value: Any) -> Note:
    """Return the note of a field that no reading has."""
    near = difflib.get_close_matches(field, FIELD_TYPES, n=1) if len(field) <= LONGEST_MISTYPED else []
    remedy = f"did you mean {near[0]}?" if near else "leave it out; /docs lists the fields"
    return Note(shortened(path), shortened(value), f"{shortened(field)} is not a field of a reading", remedy)


def unusual(path: str, field: str, value: float) -> Note:
    """Return the warning of a value outside its usual range."""
    low, high = USUAL_RANGE[field]
    message = f"{field} is {value:g}, outside the usual {low:g} to {high:g}{_unit(field)}"
    return Note(path, value, message, "predicted all the same; check the meter")


def _unit(field: str) -> str:
    return f" {UNITS[field]}" if UNITS.get(field) else ""


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return str(value)  # infinity too, which JSON does not know and protobuf does
    short = shortened(value)
    if short is None or isinstance(short, bool):
        return {None: "null", True: "true", False: "false"}[short]
    return repr(short) if isinstance(value, str) else str(short)
