"""Every row of docs/accuracy.md from its command: run it, and write what it printed between the row's marks.

    python -m benchmarks.accuracy [--row NAME...] [--candidates NAMES] [--write]

Without --write the tables are printed only. A row whose file is not there says so: the files beside the repository are
described in docs/accuracy.md, the shipped ones lie in data/.
"""

import argparse
import csv
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
BESIDE = ROOT.parent / "shared" / "data"
SCORES = ("rmse", "mae", "pinball")
FONTANA = "data/fontana_10_homes_hourly_2016-17.csv.gz --source fontana --task ahead"
IN_TEST = "--test-from 2017-05-08 --until 2017-07-31 --refit 28d"
BAREILLY = "ceew_bareilly_daily.csv --source ceew_daily --task ahead"
UCI = "--source uci_sceaux --task reading --test-from 2009-01-01"
VICTORIA = "vic_elec_30min_2012-2013.csv.gz --source vic_elec --task ahead --test-from 2013-07-01 --until 2014-01-01"


@dataclass(frozen=True, slots=True)
class Row:
    """One claim.

    Attributes:
        name: of its marks in the page.
        title: what is predicted.
        command: arguments of `meter backtest`, where a file without folder lies beside the repository; or a benchmark.
    """

    name: str
    title: str
    command: str


ROWS = (
    Row("reading", "Readings, snapshot alone", f"uci_sceaux_hourly_2006-2009.csv.gz {UCI}"),
    Row("reading-history", "Readings, with history", f"uci_sceaux_hourly_2006-2009.csv.gz {UCI} --features history"),
    Row("homes", "Homes, the day from local midnight", f"{FONTANA} {IN_TEST}"),
    Row(
        "homes-38h", "Homes, forecast at 10:00 with data until midnight, hours 15 to 38",
        f"{FONTANA} {IN_TEST} --origin-hour 10 --delay-hours 10 --horizon 15h-38h",
    ),
    Row("homes-week", "Homes, the seventh day", f"{FONTANA} {IN_TEST} --horizon 145h-168h"),
    Row("new-meters", "Homes that no model saw, in their first 14 days", "benchmarks/new_meters.py"),
    Row(
        "daily", "Daily values of 46 customers, the next seven days",
        f"{BAREILLY} --test-from 2020-07-01 --until 2021-01-01 --horizon 168h",
    ),
    Row("zone", "A zone, half-hours, without weather", f"{VICTORIA} --refit month --weather none"),
    Row("zone-weather", "A zone, half-hours, temperatures as measured", f"{VICTORIA} --refit month --weather actual"),
)  # fmt: skip


def found(command: str) -> list[str] | None:
    """Return the arguments with the file's place; None where it is not there."""
    file, *rest = shlex.split(command)
    place = ROOT / file if "/" in file else BESIDE / file
    return [str(place), *rest] if place.exists() else None


def measured(row: Row, candidates: str | None) -> tuple[dict[str, Any], list[str]] | None:
    """Return what the command printed, and lines that it does not print; None without its file."""
    arguments = found(row.command)
    if arguments is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        meter = str(Path(sys.executable).with_name("meter"))
        command = [meter, "backtest", *arguments, "--json", "--out", folder]
        command += ["--candidates", candidates] if candidates else []
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        more = beside_seven_days(Path(arguments[0]), Path(folder) / "scored_rows.csv") if row.name == "daily" else []
    return json.loads(printed.stdout), more


def table(content: Mapping[str, Any]) -> list[str]:
    """Return the scores of everything, the chosen candidate first, then by pinball loss."""
    lines = ["| | RMSE | MAE | pinball | coverage |", "|---|---|---|---|---|"]
    everyone = {**content["candidates"], **{f"`{n}`": s for n, s in content["baselines"].items() if s}}
    chosen = content["chosen"]
    errors = content["standard_errors"]
    for name in sorted(everyone, key=lambda name: (name != chosen, everyone[name]["pinball"])):
        scores = everyone[name]
        of = errors[name.strip("`")]
        figures = [f"{scores[key]:.4f}" + (f" ± {of[key]:.4f}" if name == chosen and of[key] else "") for key in SCORES]
        shown = f"**{name}** (chosen before the test)" if name == chosen else name
        lines.append(f"| {shown} | {' | '.join(figures)} | {scores['coverage'] * 100:.1f} % |")
    return lines


def sentences(content: Mapping[str, Any]) -> list[str]:
    """Return the skill with its bound, coverage by meter and what is said of the sum."""
    bounds, protocol = content["skill_bounds"], content["protocol"]
    skills = [
        f"{name} {bounds[name]['value'] * 100:.1f} % over `{content['strongest'][name]}` (one-sided 95 % bound "
        f"{bounds[name]['one_sided_low'] * 100:.1f} %)"
        for name in SCORES
        if bounds[name]
    ]
    counted = (
        f"{content['rows']:,} values, {content['origins']:,} origins, fits {protocol['refits']}, weather "
        f"{protocol['weather']}; ± one standard error. Skill: {', '.join(skills)}."
    )
    return [counted, *_by_meter(content), *_of_sum(content["total"])]


def _by_meter(content: Mapping[str, Any]) -> list[str]:
    """Return how the coverage of the meters lies."""
    covers = sorted(each["coverage"] for each in content["per_meter"].values())
    if len(covers) == 1:
        return []
    inside = sum(0.72 <= each <= 0.88 for each in covers)
    return [f"Coverage by meter {covers[0]:.0%} to {covers[-1]:.0%}, {inside} of {len(covers)} within 72 to 88 %."]


def _of_sum(total: Mapping[str, Any]) -> list[str]:
    """Return the scores of the meters' sum, intervals and whole forecasts from joint paths."""
    said = [f"CV(RMSE) {total['cv_rmse']:.3f}"] if total.get("cv_rmse") is not None else []
    said += [f"MAPE {total['mape'] * 100:.2f} %"] if total.get("mape") is not None else []
    said += [f"its range covers {total['coverage'] * 100:.1f} % of intervals"] if "coverage" in total else []
    whole = total.get("whole_forecast")
    said += [f"{whole['coverage'] * 100:.1f} % of whole forecasts"] if whole else []
    return [f"The sum: {', '.join(said)}."] if said else []


def beside_seven_days(file: Path, scored: Path) -> list[str]:
    """Return how many meters with 28 scored days or more are better than the mean of their last seven days."""
    known: dict[str, dict[date, float]] = defaultdict(dict)
    errors: dict[str, list[tuple[float, float]]] = defaultdict(list)
    zone = timedelta(hours=5, minutes=30)
    with scored.open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        known[row["meter_id"]][(_utc(row["reading_ts"]) + zone).date()] = float(row["measured_kwh"])
    known = _with_earlier(file, known)
    for row in rows:
        origin = (_utc(row["origin_ts"]) + zone).date()
        own = known[row["meter_id"]]
        before = [own[day] for day in (origin - timedelta(days=n) for n in range(1, 8)) if day in own]
        if before:
            kwh = float(row["measured_kwh"])
            errors[row["meter_id"]].append((abs(kwh - float(row["median_kwh"])), abs(kwh - float(np.mean(before)))))
    days = {meter: len({row["reading_ts"] for row in rows if row["meter_id"] == meter}) for meter in errors}
    means = np.array([np.mean(each, axis=0) for meter, each in errors.items() if days[meter] >= 28])
    ours, theirs = means.mean(axis=0)
    better = int((means[:, 0] < means[:, 1]).sum())
    said = f"On the {len(means)} meters with 28 scored days the mean of the last 7 days has MAE {theirs:.3f} and the"
    return [f"{said} forecast {ours:.3f}; it is better on {better} of them."]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", ""))


def _with_earlier(file: Path, known: dict[str, dict[date, float]]) -> dict[str, dict[date, float]]:
    """Return the days with those of the whole file."""
    from meter_core.sources import load_profile, read_delivery

    frame = read_delivery(file, load_profile("ceew_daily")).frame
    zone = timedelta(hours=5, minutes=30)
    frame = frame[frame["units_kwh"].notna()]
    for meter, at, kwh in zip(frame["meter_id"], frame["reading_ts"], frame["units_kwh"], strict=True):
        known[meter].setdefault((at.tz_localize(None) + zone).date(), float(kwh))
    return known


def said(row: Row, candidates: str | None) -> list[str] | None:
    """Return a row's command with what it gives; None without its file."""
    if row.command.startswith("benchmarks/"):
        command = [sys.executable, str(ROOT / row.command)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
        return [f"`python {row.command}`", "", "```", *printed.splitlines(), "```"]
    result = measured(row, candidates)
    if result is None:
        return None
    content, more = result
    return [f"`meter backtest {row.command}`", "", *table(content), "", *sentences(content), *more]


def written(page: str, name: str, lines: list[str]) -> str:
    """Return the page with the lines between the marks of a row."""
    marks = re.compile(rf"(<!-- row {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not marks.search(page):
        raise SystemExit(f"{PAGE.name} has no marks of row {name}: <!-- row {name} --> and <!-- end of {name} -->")
    return marks.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], page)


def main() -> None:
    """Run, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--row", nargs="+", choices=[row.name for row in ROWS], default=[row.name for row in ROWS])
    parser.add_argument("--candidates", help="as of meter backtest")
    parser.add_argument("--write", action="store_true", help="into docs/accuracy.md")
    asked = parser.parse_args()
    for row in ROWS:
        if row.name not in asked.row:
            continue
        print(f"\n{row.title}", flush=True)
        lines = said(row, asked.candidates)
        if lines is None:
            print("its file is not here")
            continue
        print("\n".join(lines), flush=True)
        if asked.write:
            PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), row.name, lines), encoding="utf-8")


if __name__ == "__main__":
    main()
