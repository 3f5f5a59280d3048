"""How the flows do, in Prometheus' text format: a file beside the page of runs, for whoever collects metrics."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from meter_core.embedded.prefect_api import Deployment

NAME: Final = "metrics.txt"

HELP: Final = {
    "meter_flow_failing": "Runs that have failed since the incident of this flow began; none where it works.",
    "meter_flow_last_completed_timestamp_seconds": "When the last run of this deployment that completed ended; where "
    "none ever did, when the oldest of the last eight began.",
    "meter_flows_written_timestamp_seconds": "When this was written, which is after each run.",
}


def flow_metrics(deployments: Sequence[Deployment], incidents: Mapping[str, Mapping[str, Any]], now: datetime) -> str:
    """Return the metrics. No meter and no value is a label.

    Args:
        deployments: With their last runs; of one that never ran nothing is said.
        incidents: Open ones by flow and task.
        now: The metrics' own date.
    """
    ends = [(each.name, last_completed(each)) for each in deployments]
    samples = {
        "meter_flow_failing": [f'{{flow="{key}"}} {about["failures"]}' for key, about in sorted(incidents.items())],
        "meter_flow_last_completed_timestamp_seconds": [
            f'{{deployment="{name}"}} {end.timestamp():.0f}' for name, end in ends if end is not None
        ],
        "meter_flows_written_timestamp_seconds": [f" {now.timestamp():.0f}"],
    }
    return "".join(_family(name, lines) for name, lines in samples.items())


def last_completed(deployment: Deployment) -> datetime | None:
    """Return when the newest run that completed did so; where none ever did, when the oldest that is known began."""
    if deployment.completed is not None:
        return deployment.completed.state_at
    return min((run.began_at for run in deployment.runs if run.began_at), default=None)


def _family(name: str, samples: Sequence[str]) -> str:
    lines = [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *(name + each for each in samples)]
    return "\n".join(lines) + "\n"
