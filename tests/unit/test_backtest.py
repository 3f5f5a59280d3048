"""`backtest` from a file, on the shipped sample and where it is there on the file with temperature."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from meter_core.cli import modelling
from meter_core.cli.main import app
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.jobs.backtest import backtest
from meter_core.sources import SourceError
from tests.shipped_sample import SAMPLE

WITH_TEMPERATURE = Path(__file__).parents[3] / "shared" / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
KEYS = {
    "candidates", "metrics", "baselines", "skill", "coverage", "per_meter", "total", "protocol", "rows", "origins",
}  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """December 2009 from the shipped sample, with history, with a report."""
    out = tmp_path_factory.mktemp("report")
    return backtest(SAMPLE, "uci_sceaux", test_from=date(2009, 12, 4), features="history", out=out), out


def test_history_beats_every_baseline_on_the_last_28_days(result):
    content = result[0].as_dict()
    assert set(content) >= KEYS
    assert content["chosen"] == "boosting"
    assert content["rows"] == 671
    assert content["strongest"]["rmse"] == "linear_history"
    assert content["baselines"]["linear_history"]["rmse"] == pytest.approx(0.516, abs=0.002)
    assert all(skill > 0 for skill in content["skill"].values())
    assert content["metrics"]["snapshot_only"]["rmse"] > content["metrics"]["rmse"]


def test_candidates_are_compared_that_are_named():
    found = backtest(
        SAMPLE, "uci_sceaux", test_from=date(2009, 12, 4), features="history", candidates=["ridge", "linear"]
    ).as_dict()
    assert list(found["candidates"]) == ["ridge", "linear"]
    assert found["chosen"] in ("ridge", "linear")
    assert all(0.4 < scores["rmse"] < 0.6 for scores in found["candidates"].values())


def test_an_unknown_candidate_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match=r"'xgboost' is unknown; known are boosting, .*, linear, ridge, segments"):
        backtest(tmp_path / "no such file", "uci_sceaux", test_from=date(2009, 12, 4), candidates=["xgboost"])


def test_the_command_takes_a_list_of_candidates_and_says_which_there_are():
    words = ["backtest", str(SAMPLE), "--source", "uci_sceaux", "--test-from", "2009-12-04", "--candidates"]
    said = CliRunner().invoke(app, [*words, "linear, xgboost"])
    assert said.exit_code == 2
    assert "candidate 'xgboost' is unknown; known are boosting" in " ".join(said.output.split())


@pytest.mark.parametrize("typed", ["", " , ,"])
@pytest.mark.parametrize("command", [["train"], ["backtest", "none.csv", "--source", "x", "--test-from", "2009-12-04"]])
def test_a_list_that_names_no_candidate_is_refused_before_anything_is_started(command, typed, monkeypatch):
    monkeypatch.setattr(modelling, "services", lambda *_, **__: pytest.fail("services were started"))
    said = CliRunner().invoke(app, [*command, "--candidates", typed])
    assert said.exit_code == 2
    assert f"--candidates {typed!r} names none" in said.output


def test_empty_names_and_unknown_ones_are_seen_before_anything_is_started(monkeypatch):
    assert modelling.named(modelling.Task.AHEAD, "linear,,hourly, linear,") == ["linear", "hourly"]
    monkeypatch.setattr(modelling, "services", lambda *_, **__: pytest.fail("services were started"))
    said = CliRunner().invoke(app, ["train", "--candidates", "xgboost"])
    assert "candidate 'xgboost' is unknown" in " ".join(said.output.split())


def test_the_protocol_says_what_was_fitted_on_what(result):
    protocol = result[0].as_dict()["protocol"]
    assert protocol["test_from_ts"] == "2009-12-03T23:00:00Z"
    assert protocol["fit_until_ts"] == "2009-12-02T23:00:00Z"
    assert protocol["test_until_ts"] == "2009-12-31T23:00:00Z"
    assert not result[0].leaking


def test_the_total_of_one_meter_is_the_meter(result):
    content = result[0].as_dict()
    (meter,) = content["per_meter"].values()
    assert content["total"]["rmse"] == pytest.approx(meter["rmse"]) == pytest.approx(content["metrics"]["rmse"])


def test_the_report_is_the_json_and_the_scored_rows(result):
    found, out = result
    assert json.loads((out / "backtest.json").read_text()) == json.loads(json.dumps(found.as_dict(), allow_nan=False))
    rows = pd.read_csv(out / "scored_rows.csv")
    error = rows["units_kwh"] - rows["measured_kwh"]
    assert (error**2).mean() ** 0.5 == pytest.approx(found.as_dict()["metrics"]["rmse"])


def test_scores_by_hour_are_what_pandas_says(result):
    found, out = result
    rows = pd.read_csv(out / "scored_rows.csv", parse_dates=["reading_ts"])
    hour = rows["reading_ts"].dt.tz_convert("Europe/Paris").dt.hour
    expected = ((rows["units_kwh"] - rows["measured_kwh"]) ** 2).groupby(hour).mean() ** 0.5
    by_hour = found.as_dict()["breakdown"]["hour"]
    assert [each["name"] for each in by_hour] == [f"{n:02d}:00" for n in range(24)]
    assert [each["scores"]["rmse"] for each in by_hour] == pytest.approx(expected.tolist())
    assert sum(each["rows"] for each in by_hour) == found.as_dict()["rows"]


def test_the_standard_error_of_a_score_is_that_of_weekly_blocks(result):
    """Of one meter's four whole weeks: that of the mean of four, give or take a fifth: a bootstrap draws."""
    found, out = result
    rows = pd.read_csv(out / "scored_rows.csv", parse_dates=["reading_ts"])
    week = (rows["reading_ts"] - rows["reading_ts"].min()).dt.days // 7
    loss = (rows["median_kwh"] - rows["measured_kwh"]).abs().groupby(week).mean()
    expected = loss.std(ddof=0) / 2
    assert found.as_dict()["standard_errors"]["boosting"]["mae"] == pytest.approx(expected, rel=0.2)


def test_the_page_stands_alone_and_shows_every_score(result):
    found, out = result
    page = (out / "report.html").read_text()
    assert not re.search(r"(?:src|href)=[\"'](?!#)|url\((?!#)|@import|<script", page)
    content = found.as_dict()
    for name, scores in {**content["candidates"], **content["baselines"]}.items():
        assert scores is None or f"{scores['rmse']:.4f}" in page, name
    heads = re.findall("<h2>(.*?)</h2>", page)
    assert heads == [
        "Beside every baseline", "Measured and predicted", "Calibration", "Residuals by hour", "Through the day",
    ]  # fmt: skip
    assert page.count("<svg") == len(heads)


def test_refits_by_month_and_until():
    found = backtest(
        SAMPLE, "uci_sceaux", "reading", test_from=date(2009, 3, 15), until=date(2009, 4, 10), refit="month"
    )  # fmt: skip
    protocol = found.as_dict()["protocol"]
    assert protocol["refits"] == 2
    assert [split.test_from_s for split in found.evaluation.splits][1] == datetime(
        2009, 3, 31, 22, tzinfo=UTC
    ).timestamp()
    assert protocol["test_until_ts"] == "2009-04-09T22:00:00Z"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"task": "tomorrow"}, "say reading or ahead"),
        ({"task": "ahead", "features": "history"}, "leave features out"),
        ({"task": "ahead", "horizon": "200h"}, r"'200h' is none; say 24h, up to 168h"),
        ({"task": "ahead", "horizon": "38h-15h"}, "is none"),
        ({"task": "ahead", "origin_hour": 24}, "say 0 to 23"),
        ({"task": "ahead", "delay_hours": -1}, "say 0 or more"),
        ({"weather": "actual"}, "a snapshot has its own temperature; say none"),
        ({"horizon": "48h"}, "predicted at their start: they have no horizon"),
        ({"features": "all"}, "snapshot or history"),
        ({"refit": "daily"}, "none, 28d, month"),
        ({"test_from": date(2011, 1, 1)}, "earlier --test-from"),
    ],
)
def test_wrong_use_names_the_remedy(wrong, says):
    with pytest.raises(UsageError, match=says):
        backtest(SAMPLE, "uci_sceaux", **{"test_from": date(2009, 12, 4)} | wrong)


def test_a_missing_file_is_wrong_use(tmp_path):
    with pytest.raises(SourceError, match=r"none\.csv") as raised:
        backtest(tmp_path / "none.csv", "uci_sceaux", test_from=date(2009, 1, 1))
    assert raised.value.exit_status == 2


def test_the_published_figures_of_2009_with_temperature():
    if not WITH_TEMPERATURE.exists():
        pytest.skip("the file with temperature is not here: development data lies beside the repository in shared/data")
    content = backtest(WITH_TEMPERATURE, "uci_sceaux", test_from=date(2009, 1, 1)).as_dict()
    assert content["rows"] == 8_669
    assert content["candidates"]["linear"]["rmse"] == pytest.approx(0.529, abs=0.001)
    assert 0.46 < content["candidates"]["boosting"]["rmse"] <= 0.475
    figures = {"mean": 0.844, "persistence": 0.655, "blend": 0.499, "linear_history": 0.473}
    assert {name: content["baselines"][name]["rmse"] for name in figures} == pytest.approx(figures, abs=0.001)
    assert 0.76 <= content["coverage"] <= 0.85


def test_a_file_that_would_be_stopped_is_not_scored(tmp_path):
    """A fault made by hand: every second energy is no number."""
    broken = pd.read_csv(SAMPLE, dtype=str)
    broken.loc[::2, "units_kwh"] = "broken"
    broken.to_csv(tmp_path / "broken.csv", index=False)
    with pytest.raises(RefusedError, match=r"stopped .*bad_energy"):
        backtest(tmp_path / "broken.csv", "uci_sceaux", test_from=date(2009, 12, 4))
