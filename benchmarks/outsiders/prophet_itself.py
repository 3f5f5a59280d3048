"""Prophet (package `prophet`), one model a meter with its own defaults, on the last half year."""

import logging
from importlib.util import find_spec

import numpy as np
import pandas as pd

from benchmarks.outsiders.asked import Asked, Said, empty
from meter_core.calendar import DAY_S, utc_offset_minutes
from meter_core.contracts.readings import IntArray

NEEDS = "prophet"
LEARNT_DAYS = 182


def absent() -> bool:
    """Return whether the package is not there."""
    return find_spec(NEEDS) is None


def say(asked: Asked) -> Said:
    """Return what Prophet says; its median is its mean."""
    from prophet import Prophet

    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    answers, numbers = empty(asked), 0
    for group, learnt, own in asked.meters():
        if not own.size:
            continue
        zone = str(group.zone[0])
        recent = learnt.take(learnt.ts_s >= learnt.ts_s.max() - LEARNT_DAYS * DAY_S)
        model = Prophet(interval_width=0.8, uncertainty_samples=300)
        model.fit(pd.DataFrame({"ds": _local(recent.ts_s, zone), "y": recent.units_kwh}))
        said = model.predict(pd.DataFrame({"ds": _local(asked.rows.ts_s[asked.chosen[own]], zone)}))
        answers.mean_kwh[own] = np.maximum(said["yhat"], 0.0)
        answers.quantiles_kwh[own] = np.maximum(said[["yhat_lower", "yhat", "yhat_upper"]].to_numpy(), 0.0)
        numbers += sum(np.size(each) for each in model.params.values())
    return Said(answers, numbers)


def _local(ts_s: IntArray, zone: str) -> pd.DatetimeIndex:
    """Return what local clocks show: Prophet knows no zones."""
    return pd.to_datetime(ts_s + utc_offset_minutes(ts_s, zone) * 60, unit="s")
