"""A new meter from its first day: homes that no model saw, forecast with what they have delivered so far.

Run: .venv/bin/python benchmarks/new_meters.py
Fits on seven of the shipped homes up to 2017-05-07, then forecasts the other three at the midnights of their first 14
days, as if they had been installed on 2017-05-08: no history on day 1, one day on day 2. Beside it the pooled profile:
mean and quantiles of what the seven used at that local hour on such a day (weekend or not) in the 28 days before.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from meter_core.calendar import DAY_S, local_hour_and_weekday
from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.evaluation.scores import Answers, score
from meter_core.features.origins import daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import ahead_recipes
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.sources import load_profile, read_delivery

FONTANA = Path(__file__).parents[1] / "data/fontana_10_homes_hourly_2016-17.csv.gz"
SEEN = "FONTANA-07"
INSTALLED_S = 1_494_226_800
"""2017-05-08, local midnight."""

DAYS = 14
ZONE = "America/Los_Angeles"


def cells(ts_s: IntArray) -> IntArray:
    """Return the number of local hour and kind of day."""
    hour, weekday = local_hour_and_weekday(ts_s, ZONE)
    return hour * 2 + (weekday >= 5)


def pooled_profile(seen: ReadingTable) -> tuple[FloatArray, FloatArray]:
    """Return (48,) means and (48, 3) quantiles by local hour and kind of day, over the last 28 days."""
    late = seen.take((seen.ts_s >= INSTALLED_S - 29 * DAY_S) & (seen.ts_s < INSTALLED_S - DAY_S))
    cell = cells(late.ts_s)
    each = [late.units_kwh[cell == number] for number in range(48)]
    return np.array([kwh.mean() for kwh in each]), np.array(
        [np.quantile(kwh, QUANTILES, method="weibull") for kwh in each]
    )


def main() -> None:
    """Measure and print."""
    delivery = read_delivery(FONTANA, load_profile("fontana"))
    table = ReadingTable.of(delivery.frame, delivery.zone)
    seen = table.take(table.meter_id <= SEEN)
    forecaster = fit_forecaster(seen, ahead_recipes()["boosting"], INSTALLED_S - DAY_S).predictor
    mean, quantiles = pooled_profile(seen)
    ours, pooled = [], []
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        if group.meter_id[0] <= SEEN:
            continue
        new = replace(group, units_kwh=np.where(group.ts_s >= INSTALLED_S, group.units_kwh, np.nan))
        origins = origins_of(new, daily_origins(new, INSTALLED_S, INSTALLED_S + DAYS * DAY_S), 24)
        said, measured = forecaster.forecast(origins.batch, 24), origins.measured_kwh.ravel()
        ours.append(score(measured, Answers(said.mean_kwh.ravel(), said.quantiles_kwh.reshape(-1, len(QUANTILES)))))
        cell = cells(said.reading_ts_s.ravel())
        pooled.append(score(measured, Answers(mean[cell], quantiles[cell])))
    for name, scores in (("forecast", ours), ("pooled profile", pooled)):
        figures = {key: np.mean([each[key] for each in scores]) for key in ("rmse", "mae", "pinball", "coverage")}
        print(f"{name:<16}" + "  ".join(f"{key} {value:.4f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
