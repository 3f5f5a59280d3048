"""How figures are written for people, in terminals and in reports alike."""

import math
from typing import Any


def figure(value: Any) -> str:
    """Return a value as people read it.

    Args:
        value: A number, text, a truth, or None.

    Returns:
        Thousands separated, floats with four decimals (one from 100 on), yes or no, a dash for what is not defined.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}"
    return str(value)
