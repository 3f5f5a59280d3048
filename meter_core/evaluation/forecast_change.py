"""What changed a forecast between two moments: values that were corrected, came late or are new, weather, or the model.

The same coming hours are forecast again and again, each time with one more thing as it is now. The differences add up
to the whole change exactly; what two changes do together counts with the later.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import iso_utc
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.origins import origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.forecaster import Forecaster

PARTS: Final = ("corrected", "late", "new", "weather", "model")
"""In the order in which they are taken: values known then that are others now; values of intervals before the end of
what was known then; values of intervals after it; the weather as it was known then and is now; the model."""


@dataclass(frozen=True, slots=True)
class ForecastChange:
    """A forecast then and now, of one meter's next h intervals. Energies in kWh.

    Attributes:
        reading_ts_s: (h,) UTC seconds of the intervals' starts.
        then: (h,) mean as it would have been forecast then.
        corrected: (h,) change by corrected values; so the next four.
        late: (h,) by values that came late.
        new: (h,) by values of new intervals.
        weather: (h,) by what is known of the weather; nothing where no model looks at it.
        model: (h,) by another model.
        now: (h,) mean as it is forecast now.
        known_then_s: UTC seconds, end of the newest value known then; None where none was.
        values: how many values were corrected, came late, and are new.
    """

    reading_ts_s: IntArray
    then: FloatArray
    corrected: FloatArray
    late: FloatArray
    new: FloatArray
    weather: FloatArray
    model: FloatArray
    now: FloatArray
    known_then_s: int | None
    values: dict[str, int]

    @property
    def total(self) -> dict[str, float]:
        """Sums over all intervals, kWh."""
        return {name: float(getattr(self, name).sum()) for name in ("then", *PARTS, "now")}

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types, instants as ISO 8601 UTC."""
        columns = [each.name for each in fields(self) if each.name in ("then", *PARTS, "now")]
        hours = [
            {"reading_ts": iso_utc(at), **{name: float(getattr(self, name)[n]) for name in columns}}
            for n, at in enumerate(self.reading_ts_s)
        ]
        known = None if self.known_then_s is None else iso_utc(self.known_then_s)
        return {"total": self.total, "values": dict(self.values), "known_then_ts": known, "intervals": hours}


def forecast_change(
    then: ReadingTable,
    now: ReadingTable,
    model_then: Forecaster,
    model_now: Forecaster,
    horizon: int,
    moments: tuple[int | None, int | None] = (None, None),
) -> ForecastChange:
    """Return what changed the forecast of the intervals after a meter's newest value.

    Args:
        then: the meter's readings as they were stored then, sorted by time, with the weather of that moment.
        now: as they are now, at least one of them measured.
        model_then: the champion then.
        model_now: the champion now.
        horizon: how many intervals.
        moments: UTC seconds, then and now, at which the weather has to be known; None: where the forecast begins.
    """
    made_then_s, made_s = moments
    newest = int(np.flatnonzero(~np.isnan(now.units_kwh))[-1])
    now = now.take(np.arange(newest + 1))
    end_s = now.ts_s + now.interval_minutes * 60
    before, known_then_s = _before(then, now)
    was_known, is_new = ~np.isnan(before), end_s > (known_then_s or 0)
    current = now.units_kwh
    steps = (before, np.where(was_known, current, np.nan), np.where(is_new, np.nan, current), current)
    now = replace(now, available_s=end_s)
    earlier_weather = replace(now, weather=_of_all(then, len(now)))
    means = [_forecast(replace(earlier_weather, units_kwh=kwh), model_then, horizon, made_then_s)[1] for kwh in steps]
    means.append(_forecast(now, model_then, horizon, made_s)[1])
    at, last = _forecast(now, model_now, horizon, made_s)
    means.append(last)
    measured = ~np.isnan(current)
    values = {
        "corrected": int((was_known & (before != current)).sum()),
        "late": int((measured & ~was_known & ~is_new).sum()),
        "new": int((measured & ~was_known & is_new).sum()),
    }
    parts = {name: after - earlier for name, earlier, after in zip(PARTS, means[:-1], means[1:], strict=True)}
    return ForecastChange(at, means[0], now=last, known_then_s=known_then_s, values=values, **parts)


def _before(then: ReadingTable, now: ReadingTable) -> tuple[FloatArray, int | None]:
    """Return (n,) the energies of now's rows as they were then, and the end of the newest."""
    known = then.take(~np.isnan(then.units_kwh))
    energy = dict(zip(known.ts_s.tolist(), known.units_kwh.tolist(), strict=True))
    before = np.array([energy.get(at, np.nan) for at in now.ts_s.tolist()])
    return before, int(known.ts_s[-1] + known.interval_minutes[-1] * 60) if len(known) else None


def _of_all(table: ReadingTable, count: int) -> NDArray[np.object_]:
    """Return (count,) times the weather of a meter's place."""
    weather = np.empty(count, dtype=object)
    weather[:] = table.weather[0] if len(table) else None
    return weather


def _forecast(group: ReadingTable, model: Forecaster, horizon: int, made_s: int | None) -> tuple[IntArray, FloatArray]:
    """Return starts and means of the intervals after the last reading."""
    hours = -(-horizon * int(group.interval_minutes[0]) // 60)
    said = model.forecast(origins_of(group, group.available_s[-1:], hours, made_s).batch, horizon)
    return said.reading_ts_s[0], said.mean_kwh[0]
