"""The exported forecaster: what it answers, refuses, keeps on disk, and whether its ranges hold what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.forecasts import FORECAST_LEVELS, HistoryBatch
from meter_core.features.origins import daily_origins, origins_of
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import ahead_recipes, quick
from meter_core.models.candidates.candidate import KNOWN
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.forecaster import Forecaster
from meter_core.models.packed import NUMBERS_FILE, PREDICTOR_FILES, WORDS_FILE

DAYS = 160
METERS = 6
FIRST_S = 1_577_836_800  # 2020-01-01
FIT_UNTIL_S = FIRST_S + 110 * DAY_S
KINDS = ("linear", "ridge", "forest", "boosting", "lightgbm", "ensemble", "segments")
LEVELS = np.array(FORECAST_LEVELS)


def synthetic(seed=7):
    """Synthetic: a daily shape times noise that lasts for hours, so that a day's sum varies more than hours alone."""
    draws = np.random.default_rng(seed)
    at = np.arange(DAYS * 24)
    shape = 1.2 + np.sin(at * (2 * np.pi / 24))
    columns = {"meter_id": [], "ts_s": [], "units_kwh": []}
    for meter in range(METERS):
        noise = np.zeros(len(at))
        shocks = draws.standard_normal(len(at)) * 0.35
        for hour in range(1, len(at)):
            noise[hour] = 0.8 * noise[hour - 1] + shocks[hour]
        columns["meter_id"] += [f"m{meter}"] * len(at)
        columns["ts_s"].append(FIRST_S + at * 3600)
        columns["units_kwh"].append((0.5 + meter) * shape * np.exp(noise))
    n = METERS * len(at)
    empty = dict.fromkeys(("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz"), np.full(n, np.nan))
    ts_s = np.concatenate(columns["ts_s"])
    return ReadingTable(
        meter_id=np.array(columns["meter_id"], dtype=object),
        zone=np.full(n, "UTC", dtype=object),
        ts_s=ts_s,
        interval_minutes=np.full(n, 60),
        available_s=ts_s + 3600,
        units_kwh=np.concatenate(columns["units_kwh"]),
        holidays=np.full(n, "", dtype=object),
        weather=np.full(n, None, dtype=object),
        **empty,
    )


@pytest.fixture(scope="module")
def table():
    return synthetic()


def small(name):
    recipe = ahead_recipes(names=[name])[name]
    return replace(recipe, settings=quick(name, recipe.settings, 12 if name in ("ensemble", "segments") else 25))


@pytest.fixture(scope="module", params=KINDS)
def forecaster(request, table):
    return fit_forecaster(table, small(request.param), FIT_UNTIL_S).predictor


def test_a_candidate_is_told_when_what_it_learns_from_was_known(table, monkeypatch):
    told = []
    whole = KNOWN["linear"].fit

    def fit(self, examples):
        told.append(examples)
        whole(self, examples)

    monkeypatch.setattr(KNOWN["linear"], "fit", fit)
    fit_forecaster(table, small("linear"), FIT_UNTIL_S)
    after_s = told[0].available_s - told[0].when_s
    assert (after_s.min(), after_s.max()) == (3600, 168 * 3600)
    assert max(each.available_s.max() for each in told) == FIT_UNTIL_S


@pytest.fixture(scope="module")
def later(table):
    """Origins of every meter in the fifty days the models have not seen, and what came."""
    each = []
    for span in table.groups():
        group = table.take(np.arange(span.start, span.stop))
        each.append(origins_of(group, daily_origins(group, FIT_UNTIL_S, FIRST_S + (DAYS - 2) * DAY_S), 24))
    return HistoryBatch.stacked([one.batch for one in each]), np.concatenate([one.measured_kwh for one in each])


def test_ranges_hold_what_they_say_on_days_not_seen(forecaster, later):
    batch, measured = later
    said = forecaster.forecast(batch, 24)
    low, _, high = np.moveaxis(said.quantiles_kwh, 2, 0)
    assert ((measured >= low) & (measured <= high)).mean() == pytest.approx(0.8, abs=0.05)
    assert (measured <= said.quantiles_kwh[:, :, 1]).mean() == pytest.approx(0.5, abs=0.07)
    assert said.mean_kwh.mean() == pytest.approx(measured.mean(), rel=0.06)


def test_sums_come_from_paths_not_from_adding_quantiles(forecaster, later):
    batch, measured = later
    said = forecaster.forecast(batch, 24)
    days = said.paths_kwh(draws=300, seed=1).sum(axis=2)
    low, high = np.quantile(days, (0.1, 0.9), axis=1)
    covered = ((measured.sum(axis=1) >= low) & (measured.sum(axis=1) <= high)).mean()
    assert covered == pytest.approx(0.8, abs=0.06)
    added = said.quantiles_kwh.sum(axis=1)
    inside = ((measured.sum(axis=1) >= added[:, 0]) & (measured.sum(axis=1) <= added[:, 2])).mean()
    assert inside > covered + 0.08, "quantiles that are added up cover too much"


def test_each_hour_of_the_paths_has_the_published_quantiles(forecaster, later):
    said = forecaster.forecast(later[0].take(np.arange(20)), 24)
    drawn = np.moveaxis(np.quantile(said.paths_kwh(draws=2_000, seed=3), LEVELS, axis=1), 0, 2)
    width = said.quantiles_kwh[:, :, 2] - said.quantiles_kwh[:, :, 0]
    assert np.abs((drawn - said.quantiles_kwh) / width[:, :, None]).mean() < 0.05


def test_a_meter_has_the_same_bits_alone_and_in_a_batch_and_at_any_horizon(forecaster, later):
    batch = later[0]
    whole = forecaster.forecast(batch, 168)
    paths = whole.paths_kwh(5, 11)
    for row in (0, 130, len(batch) - 1):
        alone = forecaster.forecast(batch.take(np.array([row])), 168)
        np.testing.assert_array_equal(alone.mean_kwh[0], whole.mean_kwh[row])
        np.testing.assert_array_equal(alone.quantiles_kwh[0], whole.quantiles_kwh[row])
        np.testing.assert_array_equal(alone.paths_kwh(5, 11)[0], paths[row])
        day = forecaster.forecast(batch.take(np.array([row])), 24)
        np.testing.assert_array_equal(day.quantiles_kwh[0], whole.quantiles_kwh[row, :24])


def test_quantiles_are_in_order_and_nothing_is_negative(forecaster, later):
    batch = later[0]
    kwh = batch.kwh.copy()
    kwh[::3, :-30] = np.nan
    kwh[1::3] = 0.0
    said = forecaster.forecast(replace(batch, kwh=kwh), 168)
    assert (np.diff(said.quantiles_kwh, axis=2) >= 0).all()
    assert min(said.mean_kwh.min(), said.quantiles_kwh.min(), said.paths_kwh(3, 0).min()) >= 0


def test_a_meter_without_history_gets_a_wide_forecast_that_says_so(forecaster, later):
    batch = later[0].take(np.arange(2))
    nothing = forecaster.forecast(replace(batch, kwh=np.full((2, 48), np.nan)), 24)
    own = forecaster.forecast(batch, 24)
    assert (nothing.basis == "population").all()
    assert (own.basis == "meter").all()
    relative = [(said.quantiles_kwh[:, :, 2] - said.quantiles_kwh[:, :, 0]).sum() / said.mean_kwh.sum()
                for said in (nothing, own)]  # fmt: skip
    assert relative[0] > 1.3 * relative[1]
    assert nothing.known_until_s.tolist() == batch.origin_ts_s.tolist()


def test_what_is_known_until_when_is_said(forecaster, later):
    batch = later[0].take(np.arange(1))
    kwh = batch.kwh.copy()
    kwh[0, -10:] = np.nan
    said = forecaster.forecast(replace(batch, kwh=kwh), 3)
    assert said.known_until_s[0] == batch.origin_ts_s[0] - 10 * 3600
    assert said.reading_ts_s[0].tolist() == [batch.origin_ts_s[0] + hour * 3600 for hour in range(3)]


@pytest.mark.parametrize(
    ("change", "horizon", "says"),
    [
        ({}, 169, "169 hours; ask for 1 interval to 168 hours"),
        ({}, 0, "ask for 1 interval"),
        ({"interval_minutes": np.array([30])}, 4, "30 was never trained on; this model knows 60"),
        ({"zones": ["UTC", "UTC"]}, 4, r"columns of \[1, 2\] meters"),
        ({"kwh": np.array([[np.inf]])}, 4, "no finite number"),
        ({"zones": ["Mars/Base"]}, 4, "not an IANA zone"),
    ],
)
def test_what_it_cannot_answer_is_refused_with_the_remedy(forecaster, later, change, horizon, says):
    with pytest.raises(UsageError, match=says):
        forecaster.forecast(replace(later[0].take(np.arange(1)), **change), horizon)


def test_it_comes_back_from_disk_with_the_same_bytes_and_answers(forecaster, later, tmp_path):
    forecaster.save(tmp_path / "a")
    again = Forecaster.load(tmp_path / "a")
    again.save(tmp_path / "b")
    for name in PREDICTOR_FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    batch = later[0].take(np.arange(4))
    np.testing.assert_array_equal(again.forecast(batch, 24).quantiles_kwh, forecaster.forecast(batch, 24).quantiles_kwh)
    assert again.about == forecaster.about
    assert again.intervals == (60,)


def test_a_changed_forecaster_fails_its_golden_rows(forecaster, tmp_path):
    forecaster.save(tmp_path)
    with np.load(tmp_path / NUMBERS_FILE) as packed:
        numbers = dict(packed)
    numbers["range.scores"] = numbers["range.scores"] * 1.001
    np.savez(tmp_path / NUMBERS_FILE, **numbers)
    with pytest.raises(RefusedError, match="golden rows"):
        Forecaster.load(tmp_path)


def test_a_predictor_of_readings_is_no_forecaster(forecaster, tmp_path):
    forecaster.save(tmp_path)
    words = json.loads((tmp_path / WORDS_FILE).read_text()) | {"format": 1}
    (tmp_path / WORDS_FILE).write_text(json.dumps(words))
    with pytest.raises(UsageError, match="format 1, this version reads ahead 3"):
        Forecaster.load(tmp_path)


def test_the_same_readings_give_the_same_bytes_and_later_ones_change_nothing(table, tmp_path):
    changed = replace(table, units_kwh=np.where(table.ts_s >= FIT_UNTIL_S, 99.0, table.units_kwh))
    for name, readings in (("a", table), ("b", changed)):
        fit_forecaster(readings, small("boosting"), FIT_UNTIL_S, seed=0 if name == "a" else 1).predictor.save(
            tmp_path / name
        )
    assert (tmp_path / "a" / NUMBERS_FILE).read_bytes() == (tmp_path / "b" / NUMBERS_FILE).read_bytes()


def test_too_little_to_learn_from_is_refused_with_the_remedy(table):
    with pytest.raises(RefusedError, match="load a longer history"):
        fit_forecaster(table, small("boosting"), FIRST_S + 10 * DAY_S)
