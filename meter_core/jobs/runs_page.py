"""The page of the flows for people: last runs, how long they took, what fails, how fresh data and models are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import SecretStr

from meter_core.contracts.finding import Finding
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded.prefect_api import RUNS_SHOWN, Deployment, PrefectApi, Run
from meter_core.jobs.flow_metrics import NAME as METRICS
from meter_core.jobs.flow_metrics import flow_metrics, last_completed
from meter_core.jobs.weather_freshness import weather_finding
from meter_core.jobs.whole_files import write_whole
from meter_core.quality.rendering import pages_of
from meter_core.settings import Settings
from meter_core.store import Store
from meter_core.store.delivered import Freshness
from meter_core.store.promotions import MAKE_CHAMPION

NAME: Final = "runs.html"
BAR_HEIGHT: Final = 28.0
UPKEEP: Final = "upkeep/each-morning"
"""What draws the pages of completeness that this one links."""

REFUSED: Final = "Refused"
"""State of a run that had nothing to give, as `flows.outcome` names it: no failure, and no success either."""

DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AT_A_TIME: Final = re.compile(r"(\d+) (\d+) \* \* (\*|\d) (\S+)")
EVERY_HOURS: Final = re.compile(r"(\d+) \*/(\d+) \* \* \* (\S+)")

TONES: Final = {"COMPLETED": "good", "FAILED": "bad", "CRASHED": "bad", "CANCELLED": "warn", "CANCELLING": "warn"}

_render = pages_of("meter_core.jobs")


@dataclass(frozen=True, slots=True)
class Known:
    """What the page shows beside the runs.

    Attributes:
        freshness: Of readings and predictions; None where the database is not known here.
        promotions: The last decision that made a champion, by task.
        weather: How fresh it is, as the status says; None where no place is known.
    """

    freshness: Freshness | None
    promotions: Mapping[str, Mapping[str, Any]]
    weather: Finding | None = None


def write_runs_page(api_url: str, database_url: SecretStr | None, settings: Settings) -> str:
    """Write the page and the metrics of the flows beside the data docs; return where the page is.

    Args:
        api_url: Of Prefect.
        database_url: Of PostgreSQL; None: without what it knows.
        settings: Where the data docs lie.

    Raises:
        UnavailableError: Prefect or the database does not answer, or the file cannot be written.
    """
    with PrefectApi(api_url) as api:
        deployments, incidents, now = api.deployments(), api.incidents(), datetime.now(UTC)
    metrics = flow_metrics(deployments, incidents, now)
    write_whole(f"{settings.data_docs_root}/{METRICS}", metrics.encode())
    content = runs_page(deployments, incidents, known(database_url), now)
    return write_whole(f"{settings.data_docs_root}/{NAME}", content.encode())


def known(database_url: SecretStr | None) -> Known:
    """Ask the database how fresh everything is."""
    if database_url is None:
        return Known(None, {})
    store = Store(database_url)
    if not store.has_schema():
        return Known(None, {})
    made = {
        task: [each for each in store.promotions(name) if each["action"] in MAKE_CHAMPION]
        for task, name in REGISTERED_MODELS.items()
    }
    newest = {task: decisions[0] for task, decisions in made.items() if decisions}
    return Known(store.freshness(), newest, weather_finding(store, datetime.now(UTC)))


def runs_page(
    deployments: Sequence[Deployment], incidents: Mapping[str, Mapping[str, Any]], known: Known, now: datetime
) -> str:
    """Return the page.

    Args:
        deployments: With their last runs.
        incidents: Open ones by flow and task.
        known: How fresh everything is.
        now: The page's own date.
    """
    shown = [
        {
            "name": each.name,
            "about": each,
            "bars": bars(each.runs),
            "tone": tone(each.runs),
            "when": when(each.schedule),
        }
        for each in deployments
    ]
    has_readings = known.freshness is not None and known.freshness.newest_reading_ts is not None
    shown.sort(key=lambda each: (each["when"] == "", not each["bars"]))
    return _render(
        "runs.html",
        deployments=[each for each in shown if each["when"] or each["bars"]],
        idle=[each for each in shown if not (each["when"] or each["bars"])],
        incidents=sorted(incidents.items()),
        runs_shown=RUNS_SHOWN,
        drawn=has_readings and any(each.name == UPKEEP and last_completed(each) for each in deployments),
        known=known,
        now=now,
        minute=minute,
        took=took,
    )


def bars(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the last runs as bars, oldest first: as high as they took long beside the longest."""
    longest = max((run.seconds for run in runs), default=0.0) or 1.0
    return [
        {
            "height": round(max(3.0, BAR_HEIGHT * run.seconds / longest), 1),
            "tone": tone([run]),
            "label": f"{run.state} {minute(run.began_at)}, {took(run.seconds)}",
            "url": run.url,
        }
        for run in reversed(runs)
    ]


def tone(runs: Sequence[Run]) -> str:
    """Return the colour of how the last run stands."""
    return TONES.get(runs[0].kind, "info") if runs and runs[0].state != REFUSED else "info"


def when(schedule: str) -> str:
    """Return cron expressions, each with its zone, in words; one of another form stays as it is written."""
    return ", ".join(_in_words(each) for each in schedule.split(", ")) if schedule else ""


def _in_words(schedule: str) -> str:
    if found := AT_A_TIME.fullmatch(schedule):
        minutes, hours, day, zone = found.groups()
        return f"each {'day' if day == '*' else DAYS[int(day)]} at {hours}:{minutes:0>2}, {zone}"
    if found := EVERY_HOURS.fullmatch(schedule):
        minutes, step, zone = found.groups()
        return f"every {step} hours from 0:{minutes:0>2} on, {zone}"
    return schedule


def minute(moment: datetime | None) -> str:
    """Return an instant as people read it."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def took(seconds: float) -> str:
    """Return a duration as people read it."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
