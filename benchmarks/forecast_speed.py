"""Speed of the task `ahead`: meter-days a second and core, beside what the baselines cost in the same run.

Run: .venv/bin/python benchmarks/forecast_speed.py [--meters 1000] [--repeats 5] [--model FOLDER]
Trains on the shipped homes up to 2017-05-01 (once; --model keeps the forecaster), then forecasts hours with quantiles
from histories of 56 days, each of another midnight. Times are of the processor; the least of the repeats counts.
"""

import argparse
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from meter_core.calendar import DAY_S
from meter_core.contracts.forecasts import HistoryBatch
from meter_core.evaluation.ahead_baselines import baseline_points, with_quantiles
from meter_core.features.origins import Origins, daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import ahead_recipes
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.forecaster import Forecaster
from meter_core.sources import load_profile, read_delivery

FONTANA = Path(__file__).parents[1] / "data/fontana_10_homes_hourly_2016-17.csv.gz"
UNTIL_S = 1_493_622_000
"""2017-05-01, local midnight."""


def shipped_homes() -> list[ReadingTable]:
    """Return the readings of each home."""
    delivery = read_delivery(FONTANA, load_profile("fontana"))
    table = ReadingTable.of(delivery.frame, delivery.zone)
    return [table.take(np.arange(span.start, span.stop)) for span in table.groups()]


def forecaster_of(homes: list[ReadingTable], folder: Path | None) -> Forecaster:
    """Return the forecaster of a folder, or a new one, which is kept there."""
    if folder is not None and folder.exists():
        return Forecaster.load(folder)
    whole = ReadingTable(
        **{name: np.concatenate([getattr(home, name) for home in homes]) for name in ReadingTable.__dataclass_fields__}
    )
    fitted = fit_forecaster(whole, ahead_recipes()["boosting"], UNTIL_S)
    print(f"fitted on {fitted.rows['ahead']:,} samples of {len(homes)} homes in {fitted.seconds:.1f} s")
    if folder is not None:
        fitted.predictor.save(folder)
    return fitted.predictor


def histories(homes: list[ReadingTable], meters: int) -> HistoryBatch:
    """Return so many histories: midnights of the homes, in turn."""
    each = -(-meters // len(homes))
    batches = []
    for home in homes:
        at = daily_origins(home, int(home.ts_s[0]) + 57 * DAY_S, UNTIL_S)
        batches.append(origins_of(home, np.resize(at, each), 24).batch)
    return HistoryBatch.stacked(batches).take(np.arange(meters))


def least(action: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of an action, seconds."""
    action()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times)


def baselines_of_a_home(home: ReadingTable) -> tuple[Callable[[], object], int]:
    """Return what computes every baseline with its quantiles for all midnights of a home, and how many there are."""
    origins: Origins = origins_of(home, daily_origins(home, int(home.ts_s[0]), UNTIL_S), 24)
    return lambda: {name: with_quantiles(origins, point) for name, point in baseline_points(origins).items()}, len(
        origins.batch
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", type=Path)
    asked = parser.parse_args()
    homes = shipped_homes()
    forecaster = forecaster_of(homes, asked.model)
    batch = histories(homes, asked.meters)
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}, {asked.meters:,} meters in a batch")
    for hours in (24, 168):
        seconds = least(lambda hours=hours: forecaster.forecast(batch, hours), asked.repeats)
        days = asked.meters * hours / 24
        each_us = seconds / asked.meters * 1e6
        print(f"{hours:>4} h with quantiles   {days / seconds:>9,.0f} meter-days/s  {each_us:6.0f} us a meter")
    one = batch.take(np.arange(1))
    print(f"  one meter, 24 h      {least(lambda: forecaster.forecast(one, 24), 50) * 1e3:9.2f} ms")
    said = forecaster.forecast(batch, 24)
    seconds = least(lambda: said.paths_kwh(200, 0), asked.repeats)
    print(f"  200 paths of 24 h    {asked.meters / seconds:9,.0f} meter-days/s")
    action, count = baselines_of_a_home(homes[0])
    seconds = least(action, asked.repeats)
    print(f"  all seven naives     {count / seconds:9,.0f} meter-days/s, with their quantiles")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
