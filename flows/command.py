"""How the commands of this package end: progress on stderr, one JSON object on stdout, an exit status."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from meter_core.contracts.errors import MeterError

INTERRUPTED: Final = 130

Say = Callable[[str], None]


def carry_out(work: Callable[[Say], dict[str, Any]], **without: Any) -> int:
    """Do a command's work and print what came of it; return its exit status.

    Args:
        work: is given what says progress; returns the JSON object, with `exit_status`.
        without: what the JSON object holds beside the message where the work failed.
    """

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is a command

    try:
        ended = work(say)
    except MeterError as error:
        ended = {"message": str(error), "exit_status": error.exit_status, **without}
        say(f"error: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    print(json.dumps(ended), flush=True)  # noqa: T201 - this is a command
    return int(ended["exit_status"])
