"""Close an incident that was made good by hand, and tell people: `python -m flows.works_again train_model --task T`."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from flows.command import Say, carry_out
from flows.notices import Subject, close
from flows.page import write_anew
from flows.run import connected


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.works_again", description=__doc__)
    parser.add_argument("flow", metavar="FLOW", help="name of the flow whose runs failed")
    parser.add_argument("--task", default="", help="reading or ahead; none for flows that have none")
    given = parser.parse_args(argv)

    def work(_: Say) -> dict[str, Any]:
        with connected() as client:
            closed = close(client, Subject(given.flow, given.task))
        write_anew()
        return {"closed": closed, "exit_status": 0}

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
