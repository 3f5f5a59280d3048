"""`meter explain-change`: why the forecast of a meter is another one than it was, a day ago or when asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.forecasts import FORECAST_HOURS, HISTORY_REACH_DAYS
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded.connections import Connections
from meter_core.evaluation.forecast_change import ForecastChange, forecast_change
from meter_core.features.readings import ReadingTable
from meter_core.jobs.registered import store_of, tracking_uri
from meter_core.jobs.stored_readings import stored_table
from meter_core.jobs.stored_weather import stored_weather
from meter_core.models.forecaster import Forecaster
from meter_core.registry.rest import ModelRef, Registry
from meter_core.settings import Settings
from meter_core.store import Store
from meter_core.store.promotions import MAKE_CHAMPION

MODEL: Final = REGISTERED_MODELS["ahead"]


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What changed a forecast.

    Attributes:
        meter_id: The meter.
        since: The moment that is compared with.
        model_then: Version that was champion then; None where there was none or its files cannot be read, and today's
            is taken for both.
        model_now: Version that is.
        change: What changed.
        why: In words.
    """

    meter_id: str
    since: datetime
    model_then: str | None
    model_now: str
    change: ForecastChange
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "meter_id": self.meter_id,
            "since": self.since.isoformat(),
            "model_then": self.model_then,
            "model_now": self.model_now,
            "why": self.why,
            **self.change.as_dict(),
        }


def explain_change(
    meter_id: str, since: datetime | None, settings: Settings, connections: Connections, hours: int = 24
) -> ChangeResult:
    """Compare the forecast of a meter's coming hours with what it would have been at an earlier moment.

    Args:
        meter_id: of a stored meter.
        since: the earlier moment, with offset; None: a day ago.
        settings: of this process.
        connections: with PostgreSQL and MLflow.
        hours: how far ahead.

    Raises:
        UsageError: a horizon that is none.
        RefusedError: no such meter with measured values, nothing of it stored then, or no champion.
        UnavailableError: where the database or MLflow cannot be reached.
    """
    if not 1 <= hours <= FORECAST_HOURS:
        raise UsageError(f"a horizon of {hours} hours is none; say 1 to {FORECAST_HOURS}")
    moment = since or datetime.now(UTC) - timedelta(days=1)
    store = store_of(connections, settings)
    then, now = _tables(store, meter_id, moment)
    with Registry(tracking_uri(connections), MODEL) as registry:
        champion = registry.champion()
        if champion is None:
            raise RefusedError(f"{MODEL} has no champion: `meter train --task ahead` makes the first one")
        before = _version_then(store, moment)
        model_now = _load(registry, champion, connections)
        model_then, unread = _model_then(registry, before, model_now, connections)
    minutes = int(now.interval_minutes[0])
    moments = int(moment.timestamp()), int(datetime.now(UTC).timestamp())
    change = forecast_change(then, now, model_then, model_now, max(1, hours * 60 // minutes), moments)
    uses_weather = model_then.uses_weather or model_now.uses_weather
    before = None if unread else before
    words = _why(change, hours, before, champion.version, uses_weather) + unread
    return ChangeResult(meter_id, moment, before, champion.version, change, words)


def _tables(store: Store, meter_id: str, moment: datetime) -> tuple[ReadingTable, ReadingTable]:
    """Return the meter's readings as they were stored at a moment, and as they are."""
    means = store.interval_means()
    now = stored_table(store.readings(meters=[meter_id]), means)
    measured = now.ts_s[~np.isnan(now.units_kwh)]
    if not measured.size:
        raise RefusedError(f"no measured reading of the meter {meter_id!r} is stored; `meter ingest` loads some")
    since_s = int(measured[-1]) - (HISTORY_REACH_DAYS + FORECAST_HOURS // 24) * 86_400
    then = stored_table(store.readings(meters=[meter_id], as_stored_at=moment), means)
    if not (~np.isnan(then.units_kwh)).any():
        raise RefusedError(
            f"nothing of the meter {meter_id!r} was stored at {moment.isoformat()}; say a later --since, after its "
            "first delivery"
        )
    newest = now.interval_minutes == now.interval_minutes[now.ts_s == measured[-1]][0]
    same = then.interval_minutes == now.interval_minutes[newest][0]
    return _in_weather(store, then.take(same), now.take(newest & (now.ts_s >= since_s)), moment)


def _in_weather(
    store: Store, then: ReadingTable, now: ReadingTable, moment: datetime
) -> tuple[ReadingTable, ReadingTable]:
    """Return both with the weather where the meter stands, as it was stored at a moment and as it is."""
    first_s, last_s, meters = int(now.ts_s[0]), int(now.ts_s[-1]), set(now.meter_id.tolist())
    before, present = (stored_weather(store, meters, first_s, last_s, at) for at in (moment, None))
    return then.with_weather(before), now.with_weather(present)


def _version_then(store: Store, moment: datetime) -> str | None:
    """Return the version that was champion at a moment, None where there was none."""
    decided = [each for each in store.promotions(MODEL) if each["action"] in MAKE_CHAMPION]
    return next((str(each["model_version"]) for each in decided if each["decided_at"] <= moment), None)


def _model_then(
    registry: Registry, before: str | None, model_now: Forecaster, connections: Connections
) -> tuple[Forecaster, str]:
    """Return the forecaster of then, or today's where there was none or it cannot be read; words about the latter."""
    if before is None:
        return model_now, ""
    try:
        return _load(registry, registry.version(before), connections), ""
    except UsageError as error:
        return model_now, f" Model {before}, champion then, cannot be read ({error}); today's is taken for both."


def _load(registry: Registry, ref: ModelRef, connections: Connections) -> Forecaster:
    """Return the forecaster of a version."""
    return Forecaster.load(registry.fetch(ref, connections.home / "models"))


def _why(change: ForecastChange, hours: int, before: str | None, version: str, uses_weather: bool) -> str:
    """Return what changed the forecast, the largest part first."""
    total = change.total
    words: Mapping[str, str] = {
        "corrected": f"{change.values['corrected']} values that were corrected",
        "late": f"{change.values['late']} values that came late",
        "new": f"{change.values['new']} values of new intervals",
        "weather": "what is known of the weather",
        "model": f"model {before or version} then and {version} now",
    }
    parts = sorted(words, key=lambda name: -abs(total[name]))
    named = "; ".join(
        f"{words[name]}: {total[name]:+.3f} kWh" for name in parts if total[name] or change.values.get(name)
    )
    return (
        f"The next {hours} hours are forecast at {total['now']:.3f} kWh; then, at {total['then']:.3f}. "
        f"{named or 'Nothing is another'}."
        f"{'' if uses_weather else ' Neither model was trained with weather, so none of it is by the weather.'}"
    )
