"""Flow runs whose process died together with its worker: nobody was left to say so.

For the embedded Prefect, all of whose runs are processes of this machine. Elsewhere the server finds them by their
heartbeats, which the embedded one's database does not stand (docs/flows.md).
"""

from datetime import datetime, timedelta
from typing import Final

import psutil

from meter_core.embedded.prefect_api import PrefectApi

CLOCKS: Final = timedelta(seconds=5)
"""So exactly a process' own beginning is known."""


def end_dead_runs(api: PrefectApi) -> list[str]:
    """Mark the runs as crashed whose process is not there any more; the server starts each again, once.

    Args:
        api: Of the embedded Prefect.

    Returns:
        Their names.

    Raises:
        UnavailableError: it does not answer.
    """
    dead = [run for run in api.running() if is_dead(run.process, run.state_at)]
    for run in dead:
        api.crashed(run.id, "Its process died together with its worker.")
    return [run.name for run in dead]


def is_dead(process: str, running_since: datetime | None) -> bool:
    """Say whether a run's process is gone.

    Args:
        process: Its number as the worker wrote it; empty where it has none yet.
        running_since: When its code began, this time; a process of that number that is younger is another one.
    """
    if not process.isdigit():
        return False
    try:
        created = psutil.Process(int(process)).create_time()
    except psutil.NoSuchProcess:
        return True
    return running_since is not None and created > (running_since + CLOCKS).timestamp()
