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
    dead = [run for run in api.under_way() if is_dead(run.process, run.began_at)]
    for run in dead:
        api.crashed(run.id, "Its process died together with its worker.")
    return [run.name for run in dead]


def is_dead(process: str, began_at: datetime | None) -> bool:
    """Say whether a run's process is gone.

    Args:
        process: Its number as the worker wrote it; empty where it has none yet.
        began_at: When the run began; a process of that number that is younger is another one.
    """
    if not process.isdigit():
        return False
    try:
        created = psutil.Process(int(process)).create_time()
    except psutil.NoSuchProcess:
        return True
    return began_at is not None and created > (began_at + CLOCKS).timestamp()
