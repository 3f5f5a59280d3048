"""Flow: start a run again that crashed. The server starts this one, once for each run that crashed."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import AwaitingRetry, State

from flows.outcome import done

AFTER: Final = timedelta(seconds=45)
"""A worker says of a process that was killed twice that it crashed, some ten seconds apart: the second word would end
the second try."""


@flow(name="restart_run", flow_run_name="start a crashed run again")
def restart_run(flow_run_id: UUID) -> State[Any]:
    """Schedule a run again, unless Kubernetes or somebody was faster.

    Args:
        flow_run_id: The run that crashed.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        if run.state is None or not run.state.is_crashed():
            return done(f"'{run.name}' is {run.state.name if run.state else 'unknown'}: nothing to do")
        said = "Its process or machine died; it is started again, once."
        client.set_flow_run_state(flow_run_id, AwaitingRetry(message=said), force=True)
    return done(f"'{run.name}' is scheduled again")
