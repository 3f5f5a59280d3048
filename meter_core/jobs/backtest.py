"""`meter backtest`: a model and every baseline, fitted and scored on time splits of one file, without a database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from meter_core.calendar import iso_utc
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.plain_json import plain
from meter_core.evaluation.ahead import Ahead, evaluate_ahead
from meter_core.evaluation.ahead_leaks import ahead_leak_findings
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.fit_leaks import ahead_fit_findings, reading_fit_findings
from meter_core.evaluation.leaks import leak_findings
from meter_core.evaluation.reading import evaluate_candidates
from meter_core.evaluation.splits import Split
from meter_core.features.readings import ReadingTable
from meter_core.features.weather import weather_by_place
from meter_core.jobs.backtest_report import content_of, expected_of, slices_of, write_report
from meter_core.jobs.backtest_windows import ahead_of, splits_of
from meter_core.jobs.registered import known_task
from meter_core.models.candidates import ahead_recipes, check_candidates, recipes
from meter_core.models.fit import EMBARGO_S, TrainingData
from meter_core.public_holidays import holiday_calendar
from meter_core.quality.check import check
from meter_core.sources import Kind, load_profile, read_delivery
from meter_core.sources.weather_file import read_weather


@dataclass(frozen=True)
class BacktestResult:
    """What a backtest found.

    Attributes:
        evaluation: answers and scores of everything.
        chosen: the candidate with the lowest error inside the training window: the choice did not see the test.
        content: the JSON object of `meter backtest --json`.
        findings: leaks (errors), and what a reader of the scores should know.
    """

    evaluation: Evaluation
    chosen: str
    content: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def leaking(self) -> bool:
        """Whether the leak check says that the scores are not to be believed."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return dict(self.content)


def backtest(
    file: Path,
    profile: str,
    task: str = "reading",
    *,
    test_from: date,
    until: date | None = None,
    features: str = "snapshot",
    horizon: str = "24h",
    origin_hour: int = 0,
    delay_hours: int = 0,
    weather: str = "none",
    weather_file: Path | None = None,
    refit: str = "none",
    zone: str | None = None,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    candidates: Sequence[str] | None = None,
) -> BacktestResult:
    """Fit the candidates of a task before the test and score them in it, beside every baseline on the same rows.

    Args:
        file: a delivery.
        profile: name of a built-in profile, or a YAML file.
        task: `reading` or `ahead`.
        test_from: first day of the test, from local midnight of the meters; an aware datetime is taken as it is.
            Models learn from what begins 24 hours or more before.
        until: the day after the last one; the end of the file where None.
        features: `snapshot` or `history`, for readings.
        horizon: how far ahead each forecast reaches, `24h`; `15h-38h` scores from the fifteenth hour on.
        origin_hour: local hour at which forecasts are made each day.
        delay_hours: so long after an interval's end its energy is known.
        weather: what forecasts may see: `none`; `actual`, temperatures that the file has later: an upper bound;
            `as_known`, what `weather_file` says was known at each origin.
        weather_file: CSV of measured and forecast temperatures of one place (`read_weather`).
        refit: `none`, `28d` or `month`: how often candidates are fitted anew.
        zone: IANA zone of the meters, in place of the profile's.
        out: folder for `report.html`, `backtest.json` and `scored_rows.csv`.
        progress: is told what is being done.
        candidates: names of those to compare; None: the task's own.

    Raises:
        UsageError: a task, candidate, refit or feature set that does not exist; dates in the wrong order.
        SourceError: the file cannot be read.
        RefusedError: `meter ingest` would stop the file too, or too few measured readings before or in the test.
    """
    _check_asked(known_task(task), features, weather, weather_file, (horizon, origin_hour, delay_hours))
    check_candidates(task, candidates)
    progress(f"reading {file.name}")
    table, where = _table(file, profile, zone)
    windows = splits_of(table, where, test_from, until, refit)
    if task == "ahead":
        ahead = ahead_of(horizon, origin_hour)
        table = _delayed(_with_weather(table, weather, file.name, weather_file), delay_hours)
        evaluation, leaks = _of_forecasts(table, windows, ahead, candidates, progress)
        asked: dict[str, Any] = asdict(ahead) | {"delay_hours": delay_hours, "weather": weather}
    else:
        evaluation, leaks = _of_readings(table, windows, features, candidates, progress)
        asked = {"features": features}
    return _result(evaluation, table, _protocol(evaluation, task, refit, where) | asked, leaks, out)


def _result(
    evaluation: Evaluation, table: ReadingTable, protocol: dict[str, Any], leaks: Sequence[Finding], out: Path | None
) -> BacktestResult:
    """Return what was found, written as a report where there is a folder for one."""
    findings, chosen = (*leaks, *evaluation.findings), evaluation.chosen_before
    slices = slices_of(evaluation, chosen, table)
    content = plain(content_of(evaluation, chosen, protocol, findings, slices, expected_of(evaluation, table)))
    if out is not None:
        write_report(out, evaluation, chosen, content, slices)
    return BacktestResult(evaluation, chosen, content, findings)


def _check_asked(
    task: str, features: str, weather: str, weather_file: Path | None, ahead: tuple[str, int, int]
) -> None:
    """Refuse what a task does not know."""
    if task == "reading" and weather != "none":
        raise UsageError(
            f"weather {weather!r} cannot be used for reading: a snapshot has its own temperature; say none"
        )
    if (weather == "as_known") != (weather_file is not None):
        raise UsageError(
            f"weather {weather!r} {'without' if weather_file is None else 'with'} a file of weather: say --weather "
            "as_known together with --weather-file FILE (place,issued_at,valid_at,temperature_c), or neither"
        )
    if task == "reading" and ahead != ("24h", 0, 0):
        raise UsageError("readings are predicted at their start: they have no horizon, no origin hour, no delay hours")
    if task == "ahead" and features != "snapshot":
        raise UsageError("forecasts are made from history alone: leave features out")


def _of_readings(
    table: ReadingTable,
    windows: Sequence[Split],
    features: str,
    names: Sequence[str] | None,
    progress: Callable[[str], None],
) -> tuple[Evaluation, list[Finding]]:
    """Return the evaluation of the task `reading`, and its leaks."""
    candidates = recipes(features, names)
    progress(f"computing features of {len(table):,} readings")
    data = TrainingData.of(table)
    progress(f"fitting {' and '.join(candidates)}, {len(windows)} times")
    evaluation = evaluate_candidates(data, windows, candidates)
    progress("looking for leaks")
    fit = reading_fit_findings(table, windows[0], candidates[evaluation.chosen_before])
    return evaluation, [*leak_findings(data, features), *fit]


def _of_forecasts(
    table: ReadingTable,
    windows: Sequence[Split],
    ahead: Ahead,
    names: Sequence[str] | None,
    progress: Callable[[str], None],
) -> tuple[Evaluation, list[Finding]]:
    """Return the evaluation of the task `ahead`, and its leaks."""
    candidates = ahead_recipes(len(set(table.meter_id.tolist())), names)
    progress(f"fitting {' and '.join(candidates)}, {len(windows)} times")
    evaluation = evaluate_ahead(table, windows, candidates, ahead)
    progress("looking for leaks")
    fit = ahead_fit_findings(table, windows[0], candidates[evaluation.chosen_before])
    return evaluation, [*ahead_leak_findings(table), *fit]


def _with_weather(table: ReadingTable, weather: str, name: str, weather_file: Path | None) -> ReadingTable:
    """Return the table with the temperatures that forecasts may see."""
    if weather_file is not None:
        places = weather_by_place(read_weather(weather_file))
        if len(places) > 1:
            raise UsageError(
                f"{weather_file.name} holds {len(places)} places, {', '.join(sorted(places)[:3])} among them: give the "
                "weather of the one place where the meters stand"
            )
        (seen,) = places.values()
        return table.with_weather(dict.fromkeys(set(table.meter_id.tolist()), seen))
    if weather == "none":
        return table.without_temperature()
    if np.isnan(table.temperature_c).all():
        raise UsageError(f"weather 'actual' needs temperatures, and {name} holds none; say --weather none")
    return table


def _delayed(table: ReadingTable, hours: int) -> ReadingTable:
    """Return the table as if every value came so many hours after its interval's end, or later if it did."""
    if hours < 0:
        raise UsageError(f"a delay of {hours} hours is none; say 0 or more")
    end_s = table.ts_s + table.interval_minutes * 60
    return replace(table, available_s=np.maximum(table.available_s, end_s + hours * 3600))


def _table(file: Path, profile: str, zone: str | None) -> tuple[ReadingTable, str]:
    """Return the readings of a file that pass the quality rules, and their zone."""
    delivery = read_delivery(file, load_profile(profile), zone)
    means = [name for name, kind in delivery.profile.quantities.items() if kind is Kind.INTERVAL_MEAN]
    verdict = check(delivery.frame, file_name=delivery.file_name)
    if verdict.stopped_reason is not None:
        raise RefusedError(verdict.stopped_reason)
    place = holiday_calendar(delivery.profile.country, delivery.profile.subdivision)
    return ReadingTable.of(verdict.frame, delivery.zone, interval_means=means, holidays=place), delivery.zone


def _protocol(evaluation: Evaluation, task: str, refit: str, zone: str) -> dict[str, Any]:
    """Return how the scores came about."""
    first, last = evaluation.splits[0], evaluation.splits[-1]
    seeds = sorted({seed for candidate in evaluation.candidates.values() for seed in candidate.seeds})
    return {
        "task": task,
        "zone": zone,
        "fit_until_ts": iso_utc(first.fit_until_s),
        "test_from_ts": iso_utc(first.test_from_s),
        "test_until_ts": iso_utc(last.test_until_s),
        "embargo_hours": EMBARGO_S // 3600,
        "refit": refit,
        "refits": len(evaluation.splits),
        "seeds": seeds,
        "seeds_note": "one seed where no other can change a fit: nothing is drawn at random up to 200,000 rows",
        "choice": f"lowest {evaluation.primary} on folds inside the training window",
        "weather": "none",
        "rows": len(evaluation.rows),
    }
