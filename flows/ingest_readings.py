"""Flow: deliveries of readings through validation into Postgres, each night at two."""

from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from prefect.states import State

from flows import reports
from flows.outcome import Result, conclude, done, failed, log
from flows.retry import retried
from meter_core.contracts.errors import RefusedError
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings


def what_goes_in() -> str:
    """Name a run by what goes in."""
    given = flow_run.parameters
    count = len(given.get("files") or [])
    return f"ingest {count} {'file' if count == 1 else 'files'} of {given['source']}" if count else "ingest the inbox"


@flow(name="ingest_readings", flow_run_name=what_goes_in)
def ingest_readings(files: list[str] | None = None, source: str = "canonical", zone: str | None = None) -> State[Any]:
    """Bring deliveries through validation into Postgres.

    Every delivered value is accounted for: rows = loaded + superseded + outranked + duplicates + quarantined. The same
    delivery again changes nothing. Without files it takes what lies in the inbox, `inbox/PROFILE/FILE` under
    METER_FILES_URL: a file that was loaded leaves it, one that was stopped goes to `inbox_stopped` with the reason.

    Args:
        files: Paths of the files to read, as the worker sees them. Empty: everything in the inbox.
        source: Source profile of these files: a built-in name (canonical, uci_sceaux, ceew_daily, ...) or the path of a
            YAML file. Not used for the inbox, whose folders name the profile.
        zone: IANA zone of naive stamps where the profile leaves it open, for example Europe/Paris.
    """
    job = partial(ingest_files, files, source, zone) if files else ingest_inbox
    return conclude("ingest", job, report)


@retried("ingest files")
def ingest_files(files: list[str], source: str, zone: str | None) -> Result:
    """Call the job with the files that were named."""
    from meter_core.jobs.ingest import ingest

    settings = Settings()
    with services(settings, {Need.POSTGRES}, progress=log) as connections:
        paths = [Path(file) for file in files]
        return ingest(paths, source, zone, settings, connections.database_url or "", log).as_dict()


@retried("ingest the inbox")
def ingest_inbox() -> Result:
    """Call the job with whatever lies in the inbox."""
    from meter_core.jobs import inbox

    settings = Settings()
    with services(settings, {Need.POSTGRES}, progress=log) as connections:
        return inbox.ingest_inbox(settings, connections.database_url or "", log).as_dict()


def report(result: Result) -> State[Any]:
    """Publish the accounting and the findings."""
    rows, said = reports.accounting(result), reports.ingestion_sentence(result)
    create_table_artifact(rows, key="ingest-accounting", description=said)
    shown = {**result, "data_docs": Settings().in_browser(result["data_docs"])}
    create_markdown_artifact(reports.ingestion(shown, rows), key="ingest-report", description=said)
    return failed(RefusedError(result["stopped"])) if result["stopped"] else done(said)
