"""Run proofs by subject, all by default, and keep what they found in docs/proofs. About an hour.

Run: .venv/bin/python -m benchmarks.proofs [SUBJECT...]
Exit status 1 where one did not hold.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.proofs import flow_kills, flows, ingestion, ingestion_faults, serving
from benchmarks.proofs.report import Section, write
from benchmarks.serving.closed_loop import find_wrk
from benchmarks.serving.machine import MissingError, take_the_load_core
from benchmarks.serving.rpc import find_h2load

SUBJECTS: Final[dict[str, Callable[[Path], Iterator[Section]]]] = {
    "flows": flows.prove,
    "flow-kills": flow_kills.prove,
    "ingestion": ingestion.prove,
    "ingestion-faults": ingestion_faults.prove,
    "serving": serving.prove,
}


def main() -> int:
    """Prove, tell, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], default=[], metavar="SUBJECT")
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    try:
        if "serving" in chosen:
            find_wrk()
            find_h2load()
            take_the_load_core()
        held = {subject: _prove(subject) for subject in chosen}
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 3
    return 0 if all(held.values()) else 1


def _prove(subject: str) -> bool:
    """Run one subject's proofs; return whether all held."""
    sections = []
    with tempfile.TemporaryDirectory() as home:
        for section in SUBJECTS[subject](Path(home)):
            print(f"{section.title}: {'held' if section.held else 'NOT HELD'}", file=sys.stderr)
            sections.append(section)
    print(write(subject, sections))
    return all(section.held for section in sections)


if __name__ == "__main__":
    sys.exit(main())
