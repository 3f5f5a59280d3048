"""Current transformers: what a device counts, times its multiplier, is the energy."""

from collections.abc import Iterator
from typing import Final

from meter_core.sources.installed import Installed
from meter_core.sources.part import Part

UNKNOWN: Final = "unknown_multiplier"


def multiplied(parts: Iterator[Part], installed: Installed, is_required: bool) -> Iterator[Part]:
    """Yield the same rows with their energy times the multiplier of the device that stood there.

    Args:
        parts: Of a delivery.
        installed: Which devices stood where.
        is_required: Rows whose multiplier is not known get a code; else they stay as they are.
    """
    for part in parts:
        frame = part.frame
        multiplier = installed.at_end(frame)["multiplier"]
        frame["units_kwh"] *= multiplier.fillna(1.0)
        if is_required:
            frame.loc[multiplier.isna() & frame["code"].isna(), "code"] = UNKNOWN
        yield part
