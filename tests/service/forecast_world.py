"""A database with the shipped homes of Fontana, a forecast model fitted on three of them, a service with both."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from meter_core.features.readings import ReadingTable
from meter_core.jobs.ingest import ingest
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.forecaster import Forecaster
from meter_core.models.recipes import Recipe
from meter_core.registry.digest import folder_digest
from meter_core.registry.rest import ModelRef, remember
from meter_core.settings import Settings
from meter_core.sources import load_profile, read_delivery
from meter_core.store import Store

FONTANA = Path(__file__).parents[2] / "data" / "fontana_10_homes_hourly_2016-17.csv.gz"
ZONE = "America/Los_Angeles"
HOME = "FONTANA-02"
MODEL = "meter_forecast_v1"
FITTED_UNTIL = datetime(2017, 1, 1, tzinfo=UTC)


def quick_forecaster() -> Forecaster:
    """A real model, with fewer trees and of three homes only."""
    frame = read_delivery(FONTANA, load_profile("fontana")).frame
    frame = frame[(frame["meter_id"] <= "FONTANA-03") & (frame["reading_ts"] < FITTED_UNTIL)]
    table = ReadingTable.of(frame, ZONE)
    recipe = Recipe("boosting", "ahead", {"max_iter": 10, "min_samples_leaf": 200})
    return fit_forecaster(table, recipe, int(FITTED_UNTIL.timestamp())).predictor


def keep_forecaster(forecaster: Forecaster, home: Path, version: str = "3") -> None:
    """Leave a forecaster where the service looks when the registry is away."""
    cache = home / "serving" / MODEL
    forecaster.save(cache / "kept")
    remember(cache, ModelRef(MODEL, version, "run-of-the-test", folder_digest(cache / "kept")), cache / "kept")


def load_fontana(url: str) -> None:
    """Load the shipped homes as `meter ingest` does."""
    Store(url).upgrade()
    with TemporaryDirectory() as home:
        ingest([FONTANA], "fontana", None, Settings(home=Path(home)), url)


def shipped(meter_id: str = HOME) -> dict[int, float]:
    """UTC seconds and kWh of a home, read straight from the file.

    The hour that autumn repeats stands once and is its first occurrence; the one that spring skips is nobody's.
    """
    values = {}
    zone = ZoneInfo(ZONE)
    with gzip.open(FONTANA, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            local = datetime.fromisoformat(row["reading_ts"]).replace(tzinfo=zone)
            if row["meter_id"] == meter_id and local.astimezone(UTC).astimezone(zone).hour == local.hour:
                values[int(local.timestamp())] = float(row["units_kwh"])
    return values


def local(ts_s: int) -> str:
    """An instant as the service writes it."""
    return datetime.fromtimestamp(ts_s, ZoneInfo(ZONE)).isoformat()
