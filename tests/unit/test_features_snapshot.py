"""The classic features by hand."""

import numpy as np
import pytest

from meter_core.contracts.features import FEATURES
from meter_core.contracts.readings import ReadingBatch
from meter_core.features.snapshot import derive, snapshot_matrix

NAN = float("nan")


def derived(voltage_v=230.0, temperature_c=20.0, power_factor=0.95, load_kw=1.0, day=0):
    columns = [np.array([float(v)]) for v in (voltage_v, temperature_c, power_factor, load_kw)]
    return {name: values[0] for name, values in derive(*columns, np.array([day])).items()}


@pytest.mark.parametrize(
    ("given", "feature", "expected"),
    [
        ({"day": 4}, "is_weekend", 0),
        ({"day": 5}, "is_weekend", 1),
        ({"day": 6}, "is_weekend", 1),
        ({"voltage_v": 179.9}, "voltage_flag", 1),
        ({"voltage_v": 180}, "voltage_flag", 0),
        ({"voltage_v": 250}, "voltage_flag", 0),
        ({"voltage_v": 250.1}, "voltage_flag", 1),
        ({"power_factor": 0.849}, "pf_issue", 1),
        ({"power_factor": 0.85}, "pf_issue", 0),
        ({"temperature_c": 40}, "high_temp", 0),
        ({"temperature_c": 40.1}, "high_temp", 1),
        ({"load_kw": 2.5}, "load_intensity", 50),
        ({"load_kw": 7}, "load_intensity", 100),
        ({"load_kw": -1}, "load_intensity", 0),
    ],
)
def test_derived_features_at_their_limits(given, feature, expected):
    assert derived(**given)[feature] == expected


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"voltage_v": NAN}, "voltage_flag"),
        ({"power_factor": NAN}, "pf_issue"),
        ({"temperature_c": NAN}, "high_temp"),
        ({"load_kw": NAN}, "load_intensity"),
    ],
)
def test_what_derives_from_a_missing_quantity_is_missing(given, missing):
    values = derived(**given)
    assert [name for name, value in values.items() if np.isnan(value)] == [missing]


def test_the_matrix_has_the_columns_in_their_order():
    one = [np.array([float(v)]) for v in (251, 10, 0.8, 2, 50)]
    batch = ReadingBatch(*one, np.array([13]), np.array([6]), np.array([60]))
    row = dict(zip(FEATURES, snapshot_matrix(batch)[0].tolist(), strict=True))
    assert row == {
        "voltage_v": 251,
        "temperature_c": 10,
        "power_factor": 0.8,
        "load_kw": 2,
        "frequency_hz": 50,
        "local_hour": 13,
        "local_day_of_week": 6,
        "is_weekend": 1,
        "voltage_flag": 1,
        "pf_issue": 1,
        "high_temp": 0,
        "load_intensity": 40,
    }
