"""The report of a backtest as one HTML page that loads nothing from any other place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup
from matplotlib.figure import Figure

from meter_core.evaluation.breakdown import Slice
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.pictured import calibration, course, residuals_by_hour
from meter_core.evaluation.scores import LOSSES
from meter_core.jobs import report_plots as draw
from meter_core.quality.rendering import pages_of

_render = pages_of("meter_core.jobs")

GROUPS: Final = {
    "horizon": ("How far ahead", "horizon", "The score of intervals by how far after the origin they lie."),
    "hour": ("Through the day", "local hour", "The score by the local clock: hard hours are hard for everyone."),
    "temperature": ("By temperature", "temperature", "The score by the outdoor temperature of the reading."),
    "segment": (
        "By segment",
        "segment",
        "Meters by the part of the day in which they used most before the test; flat where no part stands out.",
    ),
}
"""Head, axis and caption of each way to divide the rows that is drawn along an axis."""

FACTS: Final = {
    "fit_until_ts": "fitted until",
    "test_from_ts": "test from",
    "test_until_ts": "test until",
    "refits": "fits",
    "features": "features",
    "hours": "horizon, h",
    "first_hour": "scored after h",
    "origin_hour": "origin, local h",
    "delay_hours": "delay, h",
    "weather": "weather",
    "zone": "zone",
}


FOOTER: Final = (
    "Scores are means over meters, each meter's own first; bias is measured less predicted. Skill is 1 - score / "
    "strongest baseline's; its interval comes from a paired bootstrap over weeks, clustered by meter. The rows lie "
    "beside this page in scored_rows.csv, everything else in backtest.json."
)


@dataclass(frozen=True, slots=True)
class Section:
    """A picture with its caption, and the figures behind it."""

    head: str
    by: str
    picture: Markup
    caption: str
    rows: Sequence[Mapping[str, Any]] = ()


def report_page(
    evaluation: Evaluation, chosen: str, content: Mapping[str, Any], slices: Mapping[str, list[Slice]]
) -> str:
    """Return the page.

    Args:
        evaluation: answers and scores of everything.
        chosen: the candidate that it is about.
        content: the JSON object of the backtest.
        slices: scores by hour, horizon and so on.
    """
    primary, protocol = evaluation.primary, content["protocol"]
    facts = [("rows", f"{content['rows']:,}"), ("origins", f"{content['origins']:,}")]
    facts += [("meters", f"{len(content['per_meter']):,}")]
    facts += [(words, _fact(protocol[name])) for name, words in FACTS.items() if name in protocol]
    return _render(
        "backtest.html",
        title=f"Backtest of {chosen}, task {protocol['task']}",
        verdict=_verdict(content, primary),
        facts=facts,
        findings=content["findings"],
        chosen=chosen,
        primary=draw.WORDS[primary],
        pictures={"scoreboard": _markup(_scoreboard(content, chosen, primary))},
        board=_board(content, chosen, primary),
        skill=[_skill_row(content, score) for score in LOSSES],
        total=_total(content["total"]),
        sections=_sections(evaluation, chosen, content, slices),
        footer=FOOTER,
    )


def _sections(
    evaluation: Evaluation, chosen: str, content: Mapping[str, Any], slices: Mapping[str, list[Slice]]
) -> list[Section]:
    """Return the pictures below the scores."""
    rows, answers, primary = evaluation.rows, evaluation.candidates[chosen].answers[0], evaluation.primary
    against = content["strongest"][primary]
    sections = [
        Section(
            "Measured and predicted", "", _markup(draw.days([course(rows, answers, n) for n in _typical(slices)])),
            "The last ten days of the test"
            + (": the meter with the middle skill, and the one with the lowest." if len(slices["meter"]) > 1 else "."),
        ),
        Section(
            "Calibration", "", _markup(draw.reliability(calibration(rows, answers))),
            "Of each tenth of the rows, from small predictions to large: how many were measured at or below each "
            "quantile. On the dashed lines is right; between the outer ones lies the 80 % range.",
        ),
        Section(
            "Residuals by hour", "", _markup(draw.residuals(residuals_by_hour(rows, answers))),
            "Above zero more was used than predicted. A mean away from the median comes from few large peaks.",
        ),
    ]  # fmt: skip
    for by, (head, label, caption) in GROUPS.items():
        if len(slices.get(by, ())) > 1:
            picture = _markup(draw.along(slices[by], primary, against, label, joined=by != "segment"))
            sections.append(Section(head, label, picture, caption, [_row(each, primary) for each in slices[by]]))
    sections += _expectation(content)
    if len(slices["meter"]) > 1 and any(each.skill is not None for each in slices["meter"]):
        caption = (
            "The meters with the lowest skill. Where the interval reaches over zero, the week decides, not the model."
        )
        picture = _markup(draw.worst_meters(slices["meter"]))
        sections.append(
            Section("The worst meters", "meter", picture, caption, [_row(m, primary) for m in slices["meter"]])
        )
    return sections


def _expectation(content: Mapping[str, Any]) -> list[Section]:
    """Return how the model compares with what each meter's own noise lets expect; nothing of one meter alone."""
    known = [meter_id for meter_id in content["per_meter"] if meter_id in content["predictability"]]
    if len(known) < 2:
        return []
    rmse = [content["per_meter"][meter_id]["rmse"] for meter_id in known]
    floor = [content["predictability"][meter_id]["expected_rmse"] for meter_id in known]
    caption = (
        "Two like days that follow each other differ by what no habit explains. A meter far above the line has "
        "something left to learn, or has changed since; on the line what remains is noise, below it the model knows "
        "more than habits: the load of the moment, or the weather."
    )
    return [Section("What was to be expected", "", _markup(draw.expected(known, rmse, floor)), caption)]


def _typical(slices: Mapping[str, list[Slice]]) -> list[int]:
    """Return the numbers of the meter with the middle skill, and of the one with the lowest."""
    skills = [each.skill if each.skill is not None else 0.0 for each in slices["meter"]]
    ranked = sorted(range(len(skills)), key=lambda number: skills[number])
    return list(dict.fromkeys((ranked[len(ranked) // 2], ranked[0])))


def _verdict(content: Mapping[str, Any], primary: str) -> dict[str, str]:
    """Return what the scores come to, in words."""
    if any(finding["severity"] == "error" for finding in content["findings"]):
        sentence = (
            "A feature or the fit knows what it is to predict; the findings below say which. Do not believe them."
        )
        return {"tone": "bad", "words": "These scores leak", "sentence": sentence}
    skill, bounds, against = (content[name][primary] for name in ("skill", "skill_bounds", "strongest"))
    if skill is None:
        return {
            "tone": "warn",
            "words": "No baseline to compare with",
            "sentence": "Load more history before the test.",
        }
    sentence = (
        f"{content['chosen']} has {draw.WORDS[primary]} {content['metrics'][primary]:.4f} kWh, the strongest baseline "
        f"{against} {content['baselines'][against][primary]:.4f}. Its 80 % range covers {content['coverage']:.1%}."
    )
    if skill <= 0:
        return {"tone": "bad", "words": "No skill over the strongest baseline", "sentence": sentence}
    words = f"{skill:.1%} better than the strongest baseline"
    if bounds is None or bounds["low"] <= 0:
        return {"tone": "warn", "words": f"{words}, not certain", "sentence": sentence}
    return {"tone": "good", "words": words, "sentence": sentence}


def _scoreboard(content: Mapping[str, Any], chosen: str, primary: str) -> Figure:
    """Return the picture of all scores."""
    everyone = _everyone(content, primary)
    errors = [content["standard_errors"][name][primary] for name in everyone]
    return draw.scoreboard(list(everyone), [scores[primary] for scores in everyone.values()], errors, chosen)


def _everyone(content: Mapping[str, Any], primary: str) -> dict[str, Mapping[str, Any]]:
    """Return candidates and defined baselines, best first."""
    both = {**content["candidates"], **{name: each for name, each in content["baselines"].items() if each}}
    return dict(sorted(both.items(), key=lambda item: float(item[1][primary])))


def _board(content: Mapping[str, Any], chosen: str, primary: str) -> list[dict[str, Any]]:
    """Return the rows of the table of scores."""
    return [
        {
            "name": name,
            "chosen": name == chosen,
            "strongest": name == content["strongest"][primary],
            "cells": [_with_error(scores[loss], content["standard_errors"][name][loss]) for loss in LOSSES],
            "coverage": f"{scores['coverage']:.1%}",
            "bias": _percent(scores["nmbe"]),
        }
        for name, scores in _everyone(content, primary).items()
    ]


def _with_error(value: float, error: float | None) -> dict[str, str]:
    """Return a score and its standard error as they are shown."""
    return {"value": f"{value:.4f}", "error": "" if error is None else f"{error:.4f}"}


def _skill_row(content: Mapping[str, Any], score: str) -> dict[str, str]:
    """Return one row of the table of skills."""
    bounds = content["skill_bounds"][score]
    return {
        "score": draw.WORDS[score],
        "over": content["strongest"][score] or "-",
        "value": _percent(content["skill"][score]),
        "bounds": "under two weeks" if bounds is None else f"{_percent(bounds['low'])} to {_percent(bounds['high'])}",
    }


def _row(each: Slice, primary: str) -> dict[str, Any]:
    """Return one row of a table of slices."""
    theirs = "-" if each.baseline is None else f"{each.baseline[primary]:.4f}"
    bounds = "-" if each.low is None else f"{_percent(each.low)} to {_percent(each.high)}"
    scores = [f"{each.scores[loss]:.4f}" for loss in LOSSES]
    cells = [f"{each.rows:,}", *scores, f"{each.scores['coverage']:.1%}", theirs, _percent(each.skill), bounds]
    return {"name": each.name, "cells": cells}


def _total(total: Mapping[str, Any]) -> str:
    """Return the scores of the meters' sum in words, nothing where there are none."""
    if not total.get("rows"):
        return ""
    words = f"CV(RMSE) {total['cv_rmse']:.3f}, bias {_percent(total['nmbe'])} on {total['rows']:,} intervals"
    covered = f"; its 80 % range from joint paths covers {total['coverage']:.1%}" if "paths" in total else ""
    return f"{words}{covered}."


def _fact(value: Any) -> str:
    """Return a value of the protocol as people read it: instants without their letters."""
    said = str(value)
    return f"{said[:10]} {said[11:16]} UTC" if said.endswith(":00Z") else said


def _percent(share: float | None) -> str:
    """Return a share with its sign."""
    return "-" if share is None else f"{share:+.1%}"


def _markup(figure: Figure) -> Markup:
    """Return a picture as it goes into the page."""
    return Markup(draw.svg(figure))  # noqa: S704 - drawn here; matplotlib escapes the names in it
