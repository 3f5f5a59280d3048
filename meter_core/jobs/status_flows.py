"""What the status says of the flows: what failed last, what is late, what the server does by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from meter_core.contracts.finding import Finding, Severity
from meter_core.embedded.prefect_api import Deployment, PrefectApi

LATE_AFTER: Final = timedelta(minutes=5)
"""A worker looks for runs every few seconds; one that waits so long has none."""

BAD: Final = frozenset({"FAILED", "CRASHED"})


def flow_findings(api: PrefectApi, now: datetime | None = None) -> Iterator[Finding]:
    """Say of each deployment how its last run ended, and of the server what it does by itself.

    Args:
        api: Of the Prefect server.
        now: The present; None: by the clock.
    """
    deployments = api.deployments()
    if not deployments:
        yield Finding("not_deployed", "flows", Severity.WARNING, "none is deployed; `meter deploy` does it")
        return
    for key, incident in sorted(api.incidents().items()):
        message = f"{key} fails since {incident['since']}, {incident['failures']} times: {incident['cause']}"
        evidence = {"flow_run": incident["flow_run"]}
        yield Finding("flow_fails", "flows", Severity.ERROR, message, evidence)
    for each in deployments:
        yield _finding(each, now or datetime.now(UTC))
    yield _automations(api.automations())


def _finding(deployment: Deployment, now: datetime) -> Finding:
    """Return what is to be said of one deployment."""
    last = deployment.runs[0] if deployment.runs else None
    said = f"{deployment.name}: " + ("never ran" if last is None else f"{last.state} {_minute(last.began_at)}")
    if last is not None:
        said += f" in {last.seconds:.0f} s"
    evidence = {"version": deployment.version, "url": last.url if last else None}
    if deployment.paused:
        return Finding("paused", "flows", Severity.WARNING, f"{said}; its schedule is switched off", evidence)
    if deployment.next_at is not None and now - deployment.next_at > LATE_AFTER:
        message = f"{said}; a run is late since {_minute(deployment.next_at)}: is a worker running?"
        return Finding("late", "flows", Severity.WARNING, message, evidence)
    if deployment.next_at is not None:
        said += f"; next {_minute(deployment.next_at)}"
    if last is not None and last.kind in BAD:
        return Finding("run_failed", "flows", Severity.WARNING, f"{said}: {last.message}", evidence)
    return Finding("state", "flows", Severity.INFO, said, evidence)


def _automations(found: dict[str, bool]) -> Finding:
    """Return what is to be said of what the server does by itself."""
    if not found:
        return Finding("not_deployed", "automations", Severity.WARNING, "there are none; `meter deploy` installs them")
    off = sorted(name for name, enabled in found.items() if not enabled)
    evidence = {"automations": found}
    if off:
        return Finding("switched_off", "automations", Severity.WARNING, f"switched off: {', '.join(off)}", evidence)
    names = ", ".join(sorted(name.partition(": ")[2] for name in found))
    return Finding("state", "automations", Severity.INFO, f"{len(found)} active: {names}", evidence)


def _minute(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
