"""What can be asked for, what each service needs itself, and in which order they start."""

from collections.abc import Iterable
from enum import StrEnum


class Need(StrEnum):
    """A service on this machine; the value names its state, lease and log files."""

    POSTGRES = "postgres"
    MLFLOW = "mlflow"
    PREFECT = "prefect"
    WORKER = "worker"
    PAGE = "page"


PHASES: tuple[tuple[Need, ...], ...] = ((Need.POSTGRES, Need.MLFLOW, Need.PREFECT), (Need.WORKER, Need.PAGE))
"""Services of one phase start side by side; the second phase is told where the first one is."""

_REQUIRES: dict[Need, frozenset[Need]] = {
    Need.WORKER: frozenset({Need.POSTGRES, Need.MLFLOW, Need.PREFECT}),  # its flows read, train and report
    Need.PAGE: frozenset({Need.POSTGRES, Need.MLFLOW}),  # it shows known meters, and follows the registry's champions
}


def with_required(needs: Iterable[Need]) -> frozenset[Need]:
    """The given needs and everything they cannot do without."""
    asked = frozenset(needs)
    return asked.union(*(_REQUIRES.get(need, frozenset()) for need in asked))
