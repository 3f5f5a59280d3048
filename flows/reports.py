"""What a person reads about a run in the Prefect UI: markdown and tables made of a job's JSON keys."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from meter_core.contracts.readings import COUNTS, PARTS
from meter_core.contracts.wording import figure

SCORES: Final = ("rmse", "mae", "r2", "pinball", "coverage", "seconds")
EQUATION: Final = (
    "The unit is the delivered value of energy: rows = loaded + superseded + outranked + duplicates + quarantined."
)

RULES_SHOWN: Final = 5

TRAINING_VIEW: Final = "?workflowType=machine_learning"
"""Of MLflow's two menus the one with runs and models: by default it shows that for language models."""

Values = Mapping[str, Any]
Row = dict[str, Any]


def cell(value: Any) -> str:
    """Return a value as people read it, as text that does not break a table."""
    return figure(value).replace("|", "\\|").replace("\n", " ")


def table(rows: Sequence[Values]) -> str:
    """Return rows as a markdown table, columns as in the first row; those of numbers stand right."""
    if not rows:
        return ""
    columns = list(rows[0])
    right = [any(isinstance(row.get(name), int | float) for row in rows) for name in columns]
    lines = [columns, ["--:" if each else "---" for each in right]]
    lines += [[cell(row.get(name)) for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def place(text: str, where: str | None) -> str:
    """Return a link where a browser follows it from a web page; else the path to open (it blocks `file:` there)."""
    if where and where.startswith(("http://", "https://")):
        return f"[{text}]({where})"
    return f"{text}: `{where}`" if where else f"{text}: -"


def findings(values: Iterable[Values]) -> str:
    """Return findings as a markdown table, the worst first."""
    worst = {"error": 0, "warning": 1, "info": 2}
    ordered = sorted(values, key=lambda finding: worst.get(finding["severity"], 0))
    rows = [{"severity": each["severity"], "what": each["what"], "finding": each["message"]} for each in ordered]
    return table(rows) or "None.\n"


def accounting(result: Values) -> list[Row]:
    """Return the accounting of each file, and of all where there are several."""
    rows = [{"file": each["file"], **{key: each.get(key) for key in COUNTS}} for each in result["files"]]
    if len(rows) != 1:
        rows.append({"file": "all", **{key: result.get(key) for key in COUNTS}})
    return rows


def score_rows(result: Values) -> list[Row]:
    """Return candidates and baselines in one table, best RMSE first; a baseline that is not defined comes last."""
    strongest = min(
        (scores["rmse"] for scores in result["baselines"].values() if scores and scores.get("rmse") is not None),
        default=None,
    )
    kinds = (("candidate", result["candidates"]), ("baseline", result["baselines"]))
    rows = [score_row(name, kind, scores or {}, strongest) for kind, group in kinds for name, scores in group.items()]
    return sorted(rows, key=lambda row: math.inf if row["rmse"] is None else row["rmse"])


def score_row(name: str, kind: str, scores: Values, strongest: float | None) -> Row:
    """Return one row of the table of scores.

    Args:
        name: Of the candidate or baseline.
        kind: `candidate` or `baseline`.
        scores: Its scores, kWh (r2 and coverage dimensionless, seconds of training).
        strongest: RMSE of the strongest baseline, kWh.

    Returns:
        Name, kind, scores, and the RMSE's skill over the strongest baseline: 1 - rmse / strongest.
    """
    rmse = scores.get("rmse")
    skill = 1 - rmse / strongest if rmse is not None and strongest else None
    return {"model": name, "kind": kind, **{key: scores.get(key) for key in SCORES}, "skill": skill}


def ingestion_sentence(result: Values) -> str:
    """Return the accounting of all files in words."""
    counts = [f"{figure(result[name])} {name}" for name in PARTS if result[name]]
    return f"{figure(result['rows'])} rows" + (f": {', '.join(counts)}" if counts else "")


def prediction_sentence(result: Values) -> str:
    """Return a batch inference in words."""
    return f"{figure(result['rows'])} predictions by version {result['model_version']}"


def ingestion(result: Values, rows: Sequence[Row]) -> str:
    """Return the report of an ingestion: accounting, what was stopped, findings, where the data docs are.

    Args:
        result: The job's JSON keys.
        rows: Of `accounting`.
    """
    stopped = [{"file": each["file"], "reason": each["stopped"]} for each in result["files"] if each["stopped"]]
    found = [finding for each in result["files"] for finding in each["findings"]]
    parts = [
        f"# Accounting\n\n{EQUATION}\n",
        table(rows),
        f"{result['seconds']:.1f} s. {place('Data docs', result.get('data_docs'))}\n",
        f"## Stopped\n\nNothing of these was loaded.\n\n{table(stopped)}" if stopped else "",
        f"## Findings\n\n{findings(found)}",
    ]
    return "\n".join(part for part in parts if part)


def stops(result: Values) -> str:
    """Return in one line of text each what was stopped: file, reason, and the first rules with their lines."""
    lines = []
    for each in result["files"]:
        if each["stopped"]:
            rules = [
                f"{found['what']} ({found['where']})" for found in each["findings"] if found["severity"] == "error"
            ]
            shown = f" [{', '.join(rules[:RULES_SHOWN])}]" if rules else ""
            lines.append(f"{each['file']}: {each['stopped']}{shown}")
    return "\n".join(lines)


def training(result: Values, rows: Sequence[Row], mlflow_url: str | None) -> str:
    """Return the report of a training: the decision, scores beside baselines, findings, where the model is.

    Args:
        result: The job's JSON keys.
        rows: Of `score_rows`.
        mlflow_url: Of the MLflow server.
    """
    model, version = result["model"], result["version"]
    if version:
        page = f"{mlflow_url}/#/models/{model}/versions/{version}{TRAINING_VIEW}" if mlflow_url else None
        where = f"{place(f'{model} version {version} in MLflow', page)}, run `{result['run_id']}`."
    else:
        where = "Not in MLflow yet: it was away. The run is kept under `undelivered/`; `meter models sync` delivers it."
    parts = [
        f"# {result['decision'].capitalize().replace('_', ' ')}\n\n{result['why']}\n\n{where}\n",
        "## Scores\n\nEnergy in kWh, all on the same rows. Skill is 1 - RMSE / RMSE of the strongest baseline.\n",
        table(rows),
        f"## Findings\n\n{findings(result['findings'])}",
    ]
    return "\n".join(parts)


def predictions(result: Values) -> str:
    """Return the report of a batch inference: figures and where the CSV is."""
    figures = {"rows": result["rows"], **{f"{name} kWh": result[name] for name in ("min", "mean", "max")}}
    parts = [
        f"# {figure(result['rows'])} predictions\n",
        table([{**figures, "in training": result["in_training"], "version": result["model_version"]}]),
        place("As CSV", result.get("out")) + "; in Postgres the table `prediction`.\n",
        f"## Findings\n\n{findings(result['findings'])}",
    ]
    return "\n".join(parts)


def upkeep(result: Values) -> str:
    """Return the report of the daily upkeep: months made and archived, where completeness is shown."""
    made, archived = ", ".join(result["made"]), table(result["archived"])
    parts = [
        place("Completeness of the last 90 days", result["page"]) + "\n",
        f"## Made ahead\n\n{made or 'Nothing: all months were there.'}\n",
        f"## Archived\n\n{archived or 'Nothing.'}\n\nKept deliveries that moved along: {result['deliveries']}.\n",
    ]
    return "\n".join(parts)


def chain(steps: Sequence[Values]) -> str:
    """Return the report of a chain of runs: each with its state, what came of it, and a link to its page.

    Args:
        steps: Of each run `step`, `state`, `message` and the `url` of its page.
    """
    rows = [
        {"step": f"[{each['step']}]({each['url']})", **{k: each[k] for k in ("state", "message")}} for each in steps
    ]
    return f"# Steps\n\n{table(rows)}\nEach step's page has the tables and links under *Artifacts*.\n"
