"""How fresh the weather is where meters stand."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from meter_core.contracts.finding import Finding, Severity
from meter_core.store import Store

FRESH_FOR: Final = timedelta(days=1)
"""A forecast of the weather that is older is not fresh: the flow fetches one four times a day."""

NAMED: Final = 5
"""So many places are named in a sentence."""


def weather_finding(store: Store, now: datetime) -> Finding | None:
    """Say when the weather of the places where meters stand was last forecast; None where they stand nowhere.

    Args:
        store: with the weather.
        now: the present.
    """
    newest = store.newest_forecasts()
    if not newest:
        return None
    evidence = {place: {name: at.isoformat() for name, at in issues.items()} for place, issues in newest.items()}
    old = [place for place, issues in newest.items() if not any(now - at <= FRESH_FOR for at in issues.values())]
    said = f"places where meters stand: {len(newest)}, {_newest(newest)}"
    if not old:
        return Finding("state", "weather", Severity.INFO, said, evidence)
    names = ", ".join(old[:NAMED]) + (" and others" if len(old) > NAMED else "")
    message = (
        f"{said}; without one of the last {FRESH_FOR.days * 24} hours: {len(old)} ({names}), whose meters' forecasts "
        "go on with what is stored: `meter weather fetch` gets it or says why not, `meter weather load` takes files"
    )
    return Finding("stale_weather", "weather", Severity.WARNING, message, evidence)


def _newest(newest: Mapping[str, Mapping[str, datetime]]) -> str:
    """Say when the newest of all forecasts was issued, and by whom."""
    issued = [(at, name) for issues in newest.values() for name, at in issues.items()]
    if not issued:
        return "without any forecast"
    at, name = max(issued)
    return f"the newest forecast issued {at:%Y-%m-%d %H:%M} UTC by {name}"
