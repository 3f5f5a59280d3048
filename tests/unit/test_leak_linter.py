"""Leaks that published work on such data has, planted one by one: each is found, with feature, moment and value."""

from dataclasses import replace

import numpy as np
import pytest

from meter_core.calendar import DAY_S, iso_utc, utc_offset_minutes
from meter_core.contracts.finding import Severity
from meter_core.evaluation import fit_leaks
from meter_core.evaluation.ahead_leaks import ahead_leak_findings, features_ahead
from meter_core.evaluation.fit_leaks import ahead_fit_findings, fit_findings, reading_fit_findings
from meter_core.evaluation.leak_linter import Features, lint
from meter_core.evaluation.leaks import leak_findings, reading_features, target_copies
from meter_core.evaluation.splits import hold_out
from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.features.availability import AHEAD_NEEDS, READING_NEEDS
from meter_core.features.history import FEATURE_SETS
from meter_core.models.candidates import ahead_recipes, recipes
from meter_core.models.fit import TrainingData
from tests.shipped_sample import sample_table

NAMES = FEATURE_SETS["history"]
ENERGY = ("units_kwh",)


@pytest.fixture(scope="module")
def table():
    """Half a year of the shipped home, with both clock changes; a second meter has the same hours in another order."""
    home = sample_table("2009-03-01", "2009-11-15")
    shuffled = np.random.default_rng(5).permutation(home.units_kwh)
    other = replace(home, meter_id=np.full(len(home), "ZZ", dtype=object), units_kwh=shuffled)
    columns = {name: np.concatenate([getattr(home, name), getattr(other, name)]) for name in home.__slots__}
    return type(home)(**columns)


def planted(table, name, leak, needs=ENERGY):
    """Findings of the product's features with one of them replaced: `leak(table, row)` gives its value."""

    def build(asked, row):
        matrix = reading_features("history").build(asked, row)
        matrix[0, NAMES.index(name)] = leak(asked, row)
        return matrix

    return lint(table, Features(NAMES, build, READING_NEEDS | {name: needs}))


def check_found(findings, name, quantity="units_kwh"):
    """Exactly that feature is found, and what is said names feature, moment and value, and nobody's meter."""
    (finding,) = findings
    said, evidence = finding.message, finding.evidence
    assert (finding.where, finding.severity) == (name, Severity.ERROR)
    assert evidence["quantity"] == quantity
    assert all(word in said for word in (name, quantity, evidence["origin_ts"], evidence["reading_ts"]))
    assert evidence.get("known_ts", "9") > evidence["origin_ts"]
    assert "ZZ" not in said
    return evidence


def own(table, row):
    """The rows of a row's meter."""
    return table.meter_id == table.meter_id[row]


def value_at(table, row, ts_s, rows=True):
    """The energy of the row's meter at an instant, NaN where there is none, known or not."""
    found = table.units_kwh[own(table, row) & (table.ts_s == ts_s) & rows]
    return found[0] if found.size else np.nan


def test_the_products_features_do_not_leak(table):
    assert leak_findings(TrainingData.of(table)) == []
    assert ahead_leak_findings(table) == []


def test_the_mean_of_all_targets_leaks(table):
    check_found(planted(table, "last_week_kw", lambda asked, _: np.nanmean(asked.units_kwh)), "last_week_kw")


def test_a_meter_encoded_by_its_target_over_all_time_leaks(table):
    def encoded(asked, row):
        return np.nanmean(asked.units_kwh[own(asked, row)])

    check_found(planted(table, "hour_profile_28d_kw", encoded), "hour_profile_28d_kw")


def test_the_load_of_the_same_interval_leaks(table):
    """No change of the future shows it: a source calls an instant what it measured over the interval."""
    declared = replace(table, load_kw=table.mean_kw)
    matrix = TrainingData.of(declared).matrix
    found = {finding.where for finding in target_copies(declared, matrix, NAMES)}
    assert found == {"load_kw", "load_intensity"}


def test_the_weather_of_the_next_hour_leaks(table):
    warm = replace(table, temperature_c=np.random.default_rng(0).normal(12, 5, len(table)))
    later = planted(warm, "temperature_c", lambda asked, row: asked.temperature_c[row + 1], ("temperature_c",))
    evidence = check_found(later, "temperature_c", "temperature_c")
    assert evidence["reading_ts"] > evidence["origin_ts"]


def test_a_shift_by_utc_leaks_where_the_clock_changes(table):
    """The hour before by a clock that has not been put forward: right all year, but for one hour of spring."""

    def hour_before(asked, row):
        at = asked.ts_s[row]
        now, then = utc_offset_minutes(np.array([at, at - 3600]), "Europe/Paris") * 60
        in_time = asked.available_s <= np.maximum(at, asked.ts_s + 3600)
        return value_at(asked, row, at - 3600 + max(0, now - then), in_time)

    evidence = check_found(planted(table, "previous_kw", hour_before), "previous_kw")
    assert evidence["origin_ts"] == "2009-03-29T01:00:00Z"


def test_a_lag_too_short_for_the_delay_leaks(table):
    """On data that came at once it is none, and the linter finds it there."""
    lag = planted(table, "previous_kw", lambda asked, row: value_at(asked, row, asked.ts_s[row] - 3600))
    (finding,) = lag
    check_found(lag, "previous_kw")
    assert "delivered 36 hours late" in finding.message


def test_a_correction_of_later_leaks(table):
    """Last week's hour was known for a week, but not as it is now."""
    week = planted(
        table, "same_hour_last_week_kw", lambda asked, row: value_at(asked, row, asked.ts_s[row] - 7 * DAY_S)
    )
    check_found(week, "same_hour_last_week_kw")
    assert "corrected after the moment" in week[0].message


def test_a_centred_rolling_mean_leaks(table):
    def centred(asked, row):
        near = own(asked, row) & (np.abs(asked.ts_s - asked.ts_s[row]) <= 12 * 3600)
        others = asked.units_kwh[near & (asked.ts_s != asked.ts_s[row])]
        return others[~np.isnan(others)].sum() / 24

    evidence = check_found(planted(table, "last_day_kw", centred), "last_day_kw")
    assert evidence["reading_ts"] > evidence["origin_ts"]


def test_whether_a_value_will_be_missing_leaks(table):
    """The mask of what comes: a meter that falls silent tells of it before."""
    masked = planted(table, "previous_3_kw", lambda asked, row: np.isnan(value_at(asked, row, asked.ts_s[row] + 3600)))
    check_found(masked, "previous_3_kw")


def test_what_is_not_declared_is_found(table):
    (finding,) = planted(table, "local_hour", lambda asked, row: asked.voltage_v[row], ())
    assert (finding.where, finding.evidence["quantity"]) == ("local_hour", "voltage_v")
    build = reading_features("snapshot").build
    forgotten = {name: needs for name, needs in READING_NEEDS.items() if name != "pf_issue"}
    (finding,) = lint(table, Features(FEATURE_SETS["snapshot"], build, forgotten))
    assert finding.where == "pf_issue"
    assert "is not declared" in finding.message


def test_a_day_back_by_utc_leaks_ahead_on_the_day_of_25_hours(table):
    """From midnight, the last hour of that day less 24 hours is the first one: not known yet."""

    def build(asked, row):
        matrix, at = features_ahead(asked, row), asked.ts_s[row]
        start = at + np.arange(25) * 3600
        local_day = (start + utc_offset_minutes(start, "Europe/Paris") * 60) // DAY_S
        back = (local_day - local_day[0] + 1) * DAY_S
        in_time = asked.available_s <= np.maximum(at, asked.ts_s + 3600)
        if _midnight(asked, row):
            matrix[:25, AHEAD_FEATURES.index("latest_at_clock")] = [
                value_at(asked, row, ts_s, in_time) for ts_s in start - back
            ]
        return matrix

    autumn = table.take((table.meter_id != "ZZ") & (table.ts_s >= 1_254_000_000))
    evidence = check_found(lint(autumn, Features(AHEAD_FEATURES, build, AHEAD_NEEDS)), "latest_at_clock")
    assert evidence["origin_ts"] == evidence["reading_ts"] == "2009-10-24T22:00:00Z"


def _midnight(table, row):
    local_s = table.ts_s[row] + utc_offset_minutes(table.ts_s[[row]], "Europe/Paris")[0] * 60
    return local_s % DAY_S == 0


def test_the_products_fits_do_not_see_the_test(table):
    split = hold_out(table)
    assert reading_fit_findings(table, split, recipes()["boosting"]) == []
    assert ahead_fit_findings(table, split, ahead_recipes()["boosting"]) == []


def test_meters_that_cannot_be_asked_do_not_keep_the_others_from_it(table):
    """They come first by name: one ended, one is new, one changed the length of its intervals days ago."""
    split, home = hold_out(table), table.take(table.meter_id != "ZZ")
    home = home.take(home.ts_s >= split.fit_until_s - 140 * DAY_S)
    parts = {
        "AA": (home.ts_s < split.fit_until_s - 100 * DAY_S, 60),
        "AB": (home.ts_s >= split.test_from_s, 60),
        "AC": (home.ts_s >= split.fit_until_s - 3 * DAY_S, 30),
    }
    odd = [_called(home.take(rows), name, minutes) for name, (rows, minutes) in parts.items()]
    every = type(table)(
        **{name: np.concatenate([getattr(each, name) for each in (*odd, home)]) for name in table.__slots__}
    )
    asked = {batch.meter_id[0]: (len(batch), horizon) for batch, horizon in fit_leaks._asked(every, split, (60,))}
    assert asked == {"AA": (7, 24), home.meter_id[0]: (7, 24)}
    assert ahead_fit_findings(every, split, ahead_recipes()["linear"]) == []


def test_meters_that_ended_years_before_the_test_are_learnt_from_where_a_new_one_has_too_little(table):
    """The store of who tried the sample first and then brought a meter of their own."""
    years_s = 3 * 365 * DAY_S
    new = table.take(table.ts_s >= table.ts_s.max() - 44 * DAY_S).take(slice(0, 44 * 24))
    new = replace(new, ts_s=new.ts_s + years_s, available_s=new.available_s + years_s)
    new = _called(new, "AA", 60)
    every = type(table)(
        **{name: np.concatenate([getattr(each, name) for each in (new, *[table] * 3)]) for name in table.__slots__}
    )
    names = np.repeat([0, 1, 2, 3], [len(new), *[len(table)] * 3])
    every = replace(every, meter_id=np.char.add(every.meter_id.astype(str), names.astype(str)).astype(object))
    split = hold_out(every)
    some = fit_leaks._some(every, split)
    assert "AA0" in some.meter_id
    assert split.fit_rows(some).sum() >= 150 * 24
    assert ahead_fit_findings(every, split, ahead_recipes()["linear"]) == []


def _called(table, name, minutes):
    """The table as that of another meter with intervals of another length."""
    n = len(table)
    return replace(table, meter_id=np.full(n, name, dtype=object), interval_minutes=np.full(n, minutes))


def test_a_fit_on_the_test_window_is_found(table):
    split = hold_out(table)
    late = replace(split, fit_until_s=split.test_until_s, test_from_s=split.test_until_s)

    def answers(learnt, asked):
        return {"prediction": np.array([np.nanmean(learnt.units_kwh[late.fit_rows(learnt)])])}

    evidence = check_found(fit_findings(table, split, answers), "prediction")
    assert evidence["reading_ts"] >= iso_utc(split.fit_until_s) == evidence["origin_ts"]


def test_a_scaler_over_everything_is_found(table):
    """The model learns from before the test only; its scaler was fitted on all there is."""
    split = hold_out(table)

    def answers(learnt, asked):
        scale = np.nanstd(learnt.units_kwh)
        before = asked.units_kwh[split.fit_rows(asked)][-100:]
        return {"previous_kw": before / scale, "prediction": np.array([np.nanmean(before)])}

    check_found(fit_findings(table, split, answers), "previous_kw")
