"""The leak check finds what leaks, and nothing where nothing does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meter_core.contracts.finding import Severity
from meter_core.evaluation.leaks import leak_findings, target_copies
from meter_core.features.history import FEATURE_SETS
from meter_core.features.readings import ReadingTable
from meter_core.models.fit import TrainingData
from meter_core.sources import load_profile, read_delivery
from tests.shipped_sample import sample_table

FLEET = Path(__file__).parents[3] / "shared" / "data" / "ceew_mathura_fleet_hourly_2020-01.csv"
NAMES = FEATURE_SETS["history"]


@pytest.fixture(scope="module")
def data():
    return TrainingData.of(sample_table("2009-06-01", "2009-10-01"))


def named(findings):
    return {finding.where for finding in findings}


def with_column(data, name, values):
    matrix = data.matrix.copy()
    matrix[:, NAMES.index(name)] = values
    return target_copies(data.table, matrix, NAMES)


def test_the_shipped_sample_does_not_leak(data):
    assert leak_findings(data) == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda kw: kw,
        lambda kw: 20 * kw,
        lambda kw: np.log1p(kw),
        lambda kw: -kw,
        lambda kw: kw + np.random.default_rng(0).normal(0, 0.03, len(kw)),
    ],
    ids=["copy", "scaled", "log", "turned", "noisy"],
)
def test_a_copy_of_the_target_leaks_on_any_scale(data, leak):
    findings = with_column(data, "load_kw", leak(data.table.mean_kw))
    assert named(findings) == {"load_kw"}
    assert findings[0].severity is Severity.ERROR
    assert "interval_mean" in findings[0].message
    assert data.table.meter_id[0] not in findings[0].message


def test_the_previous_value_of_a_smooth_series_is_no_leak():
    # Made up: a sine explains 99 % of the next hour by the last one, honestly.
    hours = np.arange(24 * 30)
    frame = pd.DataFrame(
        {
            "meter_id": "a",
            "reading_ts": pd.date_range("2020-01-01T00:00Z", periods=len(hours), freq="h"),
            "interval_minutes": 60,
            "units_kwh": 10 + np.sin(hours / 40),
            "zone": "UTC",
        }
        | dict.fromkeys(("voltage_v", "temperature_c", "power_factor", "frequency_hz"), np.nan)
        | {"load_kw": 10 + np.sin((hours - 0.5) / 40)}
    )
    assert leak_findings(TrainingData.of(ReadingTable.of(frame))) == []


def test_one_leaking_meter_among_honest_ones_is_found(data):
    half = len(data.table) // 2
    meters = np.array(["a"] * half + ["b"] * (len(data.table) - half), dtype=object)
    leaking = np.where(meters == "b", data.table.mean_kw, data.matrix[:, NAMES.index("load_kw")])
    matrix = data.matrix.copy()
    matrix[:, NAMES.index("load_kw")] = leaking
    (finding,) = target_copies(replace(data.table, meter_id=meters), matrix, NAMES)
    assert finding.evidence["meters"] == 1


def fleet(declared_instant):
    if not FLEET.exists():
        pytest.skip(f"{FLEET.name} is not here: development data lies beside the repository in shared/data")
    delivery = read_delivery(FLEET, load_profile("ceew_fleet"))
    kinds = delivery.profile.quantities
    means = () if declared_instant else [name for name, kind in kinds.items() if kind == "interval_mean"]
    return TrainingData.of(ReadingTable.of(delivery.frame, delivery.zone, interval_means=means))


def test_the_fleets_interval_mean_leaks_when_declared_an_instant():
    assert named(leak_findings(fleet(declared_instant=True))) == {"load_kw", "load_intensity"}


def test_the_fleet_does_not_leak_as_its_profile_declares_it():
    assert leak_findings(fleet(declared_instant=False)) == []
