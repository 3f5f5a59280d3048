"""Which machine this is, and which of its cores does what."""

import os
import platform
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

SERVER_CORE, LOAD_CORE = 0, 1
PACKAGES: Final = ("bentoml", "uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "msgspec", "numpy", "grpcio")


class MissingError(Exception):
    """Something that the benchmark needs is not on this machine."""


def require(tool: str, remedy: str) -> None:
    """Look for a tool.

    Raises:
        MissingError: where it is not on the PATH, with how to get it.
    """
    if not shutil.which(tool):
        raise MissingError(f"{tool} is not on the PATH: {remedy}")


def take_the_load_core() -> None:
    """Keep this process, and the load generators that it starts, off the server's core.

    Raises:
        MissingError: on a machine with a single core.
    """
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        have = sorted(os.sched_getaffinity(0))
        raise MissingError(f"the cores {have} are not enough: the server gets core 0, the load generator core 1")
    os.sched_setaffinity(0, {LOAD_CORE})


def describe() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "others_load": os.getloadavg()[0],
    }


def _processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
