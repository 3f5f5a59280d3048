"""Where people look at a run."""

from uuid import UUID

from prefect.settings import get_current_settings


def page(flow_run_id: UUID | str | None) -> str:
    """Return the address of a run's page in the Prefect UI."""
    return f"{get_current_settings().ui_url}/v2/runs/flow-run/{flow_run_id}"
