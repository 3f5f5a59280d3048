"""Flow: months made ahead, old ones archived, the pages of completeness drawn, each morning."""

from datetime import datetime
from functools import partial
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import State

from flows import reports
from flows.outcome import Result, conclude, done, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings


@flow(name="upkeep", flow_run_name="upkeep", timeout_seconds=TIMEOUT_SECONDS, **SHOWN)
def upkeep(clock: datetime | None = None) -> State[Any]:
    """Make the coming months, archive old ones where METER_KEEP_MONTHS says so, and draw each meter's completeness.

    The same again does nothing twice.

    Args:
        clock: Moment, with offset, that counts as now for what is ahead and what is old. Empty: the present.
    """
    return conclude("upkeep", partial(keep_in_order, clock), report)


@retried("keep in order")
def keep_in_order(clock: datetime | None) -> Result:
    """Call the job."""
    from meter_core.jobs.upkeep import upkeep as run

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES}, progress=tell) as connections:
        return run(settings, connections.database_url or "", tell, clock).as_dict()


def report(result: Result) -> State[Any]:
    """Publish what was archived and where the pages are."""
    page = Settings().in_browser(result["page"])
    said = f"{len(result['made'])} months made, {len(result['archived'])} archived"
    create_markdown_artifact(reports.upkeep({**result, "page": page}), key="upkeep-report", description=said)
    return done(said)
