"""The words and tables of the reports, against values worked by hand."""

import math

import pytest

from flows.outcome import Outcome, outcome_of
from flows.reports import cell, chain, place, score_rows, table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (26670, "26,670"),
        (math.nan, "-"),
        ("a|b\nc", "a\\|b c"),
    ],
)
def test_no_value_breaks_a_table(value, shown):
    assert cell(value) == shown


def test_numbers_stand_right_and_missing_ones_are_a_dash():
    assert table([{"model": "a", "rmse": 0.5}, {"model": "b", "rmse": None}]) == (
        "| model | rmse |\n| --- | --: |\n| a | 0.5000 |\n| b | - |\n"
    )


def test_a_browser_does_not_follow_paths_so_they_are_shown_as_text():
    assert place("Data docs", "https://x/d.html") == "[Data docs](https://x/d.html)"
    assert place("Data docs", "/srv/d.html") == "Data docs: `/srv/d.html`"


def test_candidates_stand_among_the_baselines_by_rmse_with_skill_over_the_strongest():
    rows = score_rows(
        {
            "candidates": {"boosting": {"rmse": 0.4, "mae": 0.3}, "linear": {"rmse": 0.6, "mae": 0.4}},
            "baselines": {"blend": {"rmse": 0.5, "mae": 0.35}, "last_week": None},
        }
    )
    assert [(row["model"], row["kind"]) for row in rows] == [
        ("boosting", "candidate"),
        ("blend", "baseline"),
        ("linear", "candidate"),
        ("last_week", "baseline"),
    ]
    assert [row["skill"] for row in rows] == [pytest.approx(0.2), 0.0, pytest.approx(-0.2), None]


def test_the_chain_links_each_run():
    report = chain([{"step": "train", "state": "Refused", "message": "no skill", "url": "http://x/1"}])
    assert "| [train](http://x/1) | Refused | no skill |" in report


def test_what_is_not_a_number_becomes_null_on_the_way():
    back = outcome_of("```json\n" + Outcome("train", 0, {"mape": math.nan, "rows": 3}, "done").text() + "\n```")
    assert back == Outcome("train", 0, {"mape": None, "rows": 3}, "done")
