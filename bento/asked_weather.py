"""The weather of a forecast that is asked for: as the request gives it, and what is to be said about it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bento.forecast_schemas import Weather
from bento.notes import shortened, wrong_type
from bento.schemas import Note
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.weather import PlaceWeather

ALWAYS_KNOWN_S: Final = 0
"""What a request gives is known when it is asked."""


def given_weather(given: Sequence[Weather], at_s: IntArray, notes: list[Note]) -> PlaceWeather | None:
    """Return the temperatures of a request; None where it gives none. Two of one instant are added to `notes`.

    Args:
        given: the temperatures; those that are null are as if they were not there.
        at_s: (k,) UTC seconds of them.
        notes: gets what is wrong.
    """
    known: dict[int, float] = {}
    for number, (ts_s, each) in enumerate(zip(at_s.tolist(), given, strict=True)):
        if each.temperature_c is None:
            continue
        if known.setdefault(ts_s, each.temperature_c) != each.temperature_c:
            reason = "the weather has another temperature for the same time"
            notes.append(wrong_type(f"weather[{number}].reading_ts", "reading_ts", each.reading_ts, reason))
    if not known:
        return None
    return PlaceWeather(
        np.array(list(known), dtype=np.int64),
        np.full(len(known), ALWAYS_KNOWN_S, dtype=np.int64),
        np.array(list(known.values()), dtype=np.float64),
        np.zeros(len(known), dtype=bool),
    )


def weather_notes(given: Sequence[Weather], coming_c: FloatArray | None, uses_weather: bool) -> list[Note]:
    """Say how much of the weather a forecast uses.

    Args:
        given: the temperatures of a request.
        coming_c: (h,) of the coming intervals, NaN where not known; None where none is.
        uses_weather: whether the model was trained with weather.
    """
    if not uses_weather:
        if not given:
            return []
        message = "the forecast model was trained without weather and ignores it"
        return [Note("weather", shortened(list(given)), message, "leave it out, or ignore this")]
    missing = 0 if coming_c is None else int(np.isnan(coming_c).sum())
    if coming_c is None:
        message = "the forecast model uses the weather, and none is known: ranges are wider"
    elif missing:
        message = (
            f"no temperature is known of {missing:,} of the {len(coming_c):,} coming intervals: ranges are wider there"
        )
    else:
        return []
    return [Note("weather", missing or None, message, "give temperatures of all coming intervals, or ignore this")]
