"""The shipped hourly sample as a table, for tests of models and evaluation."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from meter_core.calendar import Clock, local_to_utc
from meter_core.features.readings import ReadingTable

SAMPLE = Path(__file__).parents[1] / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
ZONE = "Europe/Paris"


@cache
def sample_frame(since: str = "2006-01-01", until: str = "2010-01-01") -> pd.DataFrame:
    """Rows of the sample between two local dates, stamps in UTC, the hour that spring skips left out."""
    raw = pd.read_csv(SAMPLE)
    raw = raw[(raw["reading_ts"] >= since) & (raw["reading_ts"] < until)]
    local = np.asarray(pd.to_datetime(raw["reading_ts"]), dtype="datetime64[s]").astype(np.int64)
    utc, codes = local_to_utc(local, ZONE)
    raw = raw.assign(
        reading_ts=pd.to_datetime(utc, unit="s", utc=True), interval_minutes=raw["interval_min"], zone=ZONE
    )
    return raw[codes != Clock.NONEXISTENT].reset_index(drop=True)


def sample_table(since: str = "2006-01-01", until: str = "2010-01-01") -> ReadingTable:
    """The same as a table."""
    return ReadingTable.of(sample_frame(since, until))
