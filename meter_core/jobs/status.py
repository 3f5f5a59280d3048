"""What runs, what is fresh, what is wrong, and the remedy: one finding a part."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from meter_core.contracts.errors import MeterError, RefusedError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded import Connections, Need, embedded_url, running, services
from meter_core.embedded.prefect_api import PrefectApi
from meter_core.jobs.inbox import Inbox
from meter_core.jobs.on_record import require_on_record
from meter_core.jobs.status_flows import flow_findings
from meter_core.jobs.weather_freshness import weather_finding
from meter_core.registry.rest import Registry
from meter_core.registry.undelivered import Undelivered
from meter_core.settings import Settings
from meter_core.store import Store

STALE_AFTER: Final = timedelta(days=2)
NEVER_USED = (
    "nothing was stored here yet: `meter demo` runs the main job on the shipped sample, `meter ingest` loads a file"
)


def status(settings: Settings) -> list[Finding]:
    """Check every part; a part that cannot be reached is a finding, not an error.

    Embedded PostgreSQL is started for the moment of the check where it does not run; nothing else is started.
    """
    checks: list[Finding] = [*_services(settings)]
    checks += _part("flows", lambda: _flows(settings))
    if settings.database_url is None and not (settings.home / "postgres").is_dir():
        return [*checks, _info("readings", NEVER_USED)]
    checks += _part("readings", lambda: _readings(settings))
    checks += _part("weather", lambda: _weather(settings))
    for task, name in REGISTERED_MODELS.items():
        checks += _part("champion", partial(_champion, settings, task, name))
    checks += _part("files", lambda: _files(settings))
    return checks


def _part(where: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Return a part's findings, or the one that it cannot be reached."""
    try:
        return list(check())
    except MeterError as error:
        return [Finding("unreachable", where, Severity.ERROR, str(error))]


def _services(settings: Settings) -> Iterator[Finding]:
    """Say of each embedded service whether it runs and answers."""
    found = {state.name: state for state in running(settings)}
    external = Connections.external(settings)
    given = {
        Need.POSTGRES: external.database_url,
        Need.MLFLOW: external.mlflow_tracking_uri,
        Need.PREFECT: external.prefect_api_url,
    }
    for need in Need:
        state = found.get(need)
        if given.get(need) is not None:
            yield _info(need, "set from outside")
        elif state is None:
            yield _info(need, "not running; `meter up` starts it")
        elif state.healthy:
            yield _info(need, "running" if need == Need.POSTGRES else f"running at {state.url}")
        else:
            message = f"process {state.pid} does not answer; its log is {state.log}"
            yield Finding("not_answering", need, Severity.ERROR, message)


def _readings(settings: Settings) -> Iterator[Finding]:
    """Say how much is stored, how fresh it is, and what was quarantined or stopped."""
    with services(settings, {Need.POSTGRES}) as urls:
        known = Store(urls.database_url or "").freshness()
    if known.newest_reading_ts is None:
        yield _info("readings", NEVER_USED)
        return
    counts = f"{known.loaded:,} values of {known.meters:,} meters, the newest of {_day(known.newest_reading_ts)}"
    age = datetime.now(UTC) - known.newest_reading_ts
    if age > STALE_AFTER:
        remedy = "put the latest delivery into the inbox"
        yield Finding("stale_readings", "readings", Severity.WARNING, f"{counts}: {age.days:,} days old; {remedy}")
    else:
        yield _info("readings", counts)
    if known.quarantined:
        page = settings.in_browser(f"{settings.data_docs_root}/index.html")
        message = f"values in quarantine: {known.quarantined:,}; `meter quarantine list` says which and why, {page} too"
        yield Finding("quarantined", "readings", Severity.WARNING, message)
    if known.stopped:
        yield Finding(
            "stopped", "readings", Severity.WARNING, f"deliveries stopped, with nothing loaded: {known.stopped:,}"
        )
    yield _info("predictions", f"{known.predictions:,}, the newest made {_day(known.newest_prediction_at)}")


def _weather(settings: Settings) -> Iterator[Finding]:
    """Say how fresh the weather is, where places are known."""
    with services(settings, {Need.POSTGRES}) as urls:
        found = weather_finding(Store(urls.database_url or ""), datetime.now(UTC))
    if found is not None:
        yield found


def _files(settings: Settings) -> Iterator[Finding]:
    """Say what waits: files in the inbox, training runs that MLflow has not got."""
    waiting = Inbox(settings.files_root).waiting()
    runs = Undelivered(settings.files_root).names()
    yield _info("inbox", f"{len(waiting)} files wait in {settings.files_root}/inbox")
    if runs:
        message = f"{len(runs)} training runs wait for MLflow; deliver them with `meter models sync`"
        yield Finding("undelivered", "models", Severity.WARNING, message)


def _flows(settings: Settings) -> Iterator[Finding]:
    """Say how the flows do, where Prefect runs."""
    url = settings.prefect_api_url or embedded_url(settings, Need.PREFECT)
    if url is not None:
        with PrefectApi(url) as api:
            yield from flow_findings(api)


def _champion(settings: Settings, task: str, name: str) -> Iterator[Finding]:
    """Say which version of a task's model is champion, where the registry runs."""
    uri = settings.mlflow_tracking_uri or embedded_url(settings, Need.MLFLOW)
    option = "" if task == "reading" else f" --task {task}"
    if uri is None:
        message = (
            f"of {name} unknown while MLflow does not run; `meter models{option}` starts it and lists the versions"
        )
        yield _info("champion", message)
        return
    with Registry(uri, name) as registry:
        champion = registry.champion()
    if champion is None:
        yield Finding(
            "no_champion", "champion", Severity.WARNING, f"{name} has none yet; `meter train{option}` makes one"
        )
        return
    yield _info("champion", f"{name} version {champion.version}")
    try:
        require_on_record(champion, settings.database_url)
    except RefusedError as error:
        yield Finding("not_on_record", "champion", Severity.ERROR, str(error))


def _info(where: str, message: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding("state", where, Severity.INFO, message)


def _day(moment: datetime | None) -> str:
    """Return an instant as people read it."""
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
