"""Flow: deliveries of readings through validation into Postgres, each night at two."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from prefect.states import State

from flows import notices, reports
from flows.chain import readings_loaded
from flows.outcome import Result, conclude, done, failed, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.contracts.errors import RefusedError
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings

STOPPED_REMEDY: Final = (
    "Nothing of it was loaded. The file lies in inbox_stopped with the reason beside it, or where it was named; the "
    "data docs show each rule. Have it corrected, or say so in the source profile, and put it into the inbox again."
)


def what_goes_in() -> str:
    """Name a run by what goes in."""
    given = flow_run.parameters
    count = len(given.get("files") or [])
    return f"ingest {count} {'file' if count == 1 else 'files'} of {given['source']}" if count else "ingest the inbox"


@flow(name="ingest_readings", flow_run_name=what_goes_in, timeout_seconds=TIMEOUT_SECONDS, **SHOWN)
def ingest_readings(
    files: list[str] | None = None, source: str = "canonical", zone: str | None = None, clock: datetime | None = None
) -> State[Any]:
    """Bring deliveries through validation into Postgres.

    Every delivered value is accounted for: rows = loaded + superseded + outranked + duplicates + quarantined. The same
    delivery again changes nothing. Without files it takes what lies in the inbox, `inbox/PROFILE/FILE` under
    METER_FILES_URL: a file that was loaded leaves it, one that was stopped goes to `inbox_stopped` with the reason.
    New values lead to predictions, and to a training where the last one began seven days ago.

    Args:
        files: Paths of the files to read, as the worker sees them. Empty: everything in the inbox.
        source: Source profile of these files: a built-in name (canonical, uci_sceaux, ceew_daily, ...) or the path of a
            YAML file. Not used for the inbox, whose folders name the profile.
        zone: IANA zone of naive stamps where the profile leaves it open, for example Europe/Paris.
        clock: Moment, with offset, that counts as now when it is asked whether a training is due. Empty: the present.
    """
    job = partial(ingest_files, files, source, zone) if files else ingest_inbox
    return conclude("ingest", job, partial(report, clock=clock))


@retried("ingest files")
def ingest_files(files: list[str], source: str, zone: str | None) -> Result:
    """Call the job with the files that were named."""
    from meter_core.jobs.ingest import ingest

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES}, progress=tell) as connections:
        paths = [Path(file) for file in files]
        return ingest(paths, source, zone, settings, connections.database_url or "", tell).as_dict()


@retried("ingest the inbox")
def ingest_inbox() -> Result:
    """Call the job with whatever lies in the inbox."""
    from meter_core.jobs import inbox

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES}, progress=tell) as connections:
        return inbox.ingest_inbox(settings, connections.database_url or "", tell).as_dict()


def report(result: Result, clock: datetime | None) -> State[Any]:
    """Publish the accounting and the findings; let what was loaded lead on, and tell what was stopped."""
    rows, said = reports.accounting(result), reports.ingestion_sentence(result)
    create_table_artifact(rows, key="ingest-accounting", description=said)
    shown = {**result, "data_docs": Settings().in_browser(result["data_docs"])}
    create_markdown_artifact(reports.ingestion(shown, rows), key="ingest-report", description=said)
    readings_loaded(result["loaded"] + result["superseded"], clock)
    if result["stopped"]:
        notices.news("a delivery was stopped", reports.stops(result), STOPPED_REMEDY)
        return failed(RefusedError(result["stopped"]))
    return done(said)
