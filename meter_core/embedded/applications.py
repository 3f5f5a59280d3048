"""The applications beside meter_core, `flows/` and `bento/`: found by path, started as processes, never imported."""

from pathlib import Path

import meter_core
from meter_core.contracts.errors import UnavailableError


def repository() -> Path:
    """The folder that holds `meter_core/`, `flows/` and `bento/`."""
    return Path(meter_core.__file__).resolve().parent.parent


def repository_with(part: str) -> Path:
    """The repository's folder, once it is sure that `part` is in it.

    Raises:
        UnavailableError: meter_core was installed without the applications.
    """
    root = repository()
    if not (root / part).exists():
        raise UnavailableError(
            f"{part} is not in {root}: the package alone does not bring it. Clone the repository, run `make install` "
            "in it and start meter from there, as `.venv/bin/meter`"
        )
    return root
