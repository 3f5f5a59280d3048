"""How fast the service answers beside what else one could have used. About ten minutes, or one with --quick.

Run: .venv/bin/python -m benchmarks.serving [--quick] [--out FOLDER]
Prints tables and what was reached; writes serving.json and serving.png. Exit status 1 where a bar was missed.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.serving.bars import bars
from benchmarks.serving.closed_loop import find_wrk
from benchmarks.serving.machine import MissingError, describe, take_the_load_core
from benchmarks.serving.measured import keep_model
from benchmarks.serving.picture import draw
from benchmarks.serving.report import as_markdown
from benchmarks.serving.rpc import find_h2load
from benchmarks.serving.run import FULL, QUICK, run

FIGURES = Path(__file__).parents[2] / "docs/figures"


def measure(home: Path, *, quick: bool, out: Path = FIGURES) -> tuple[str, bool]:
    """Measure everything with the model in `home`, and write serving.json and serving.png.

    Returns:
        The tables, and whether every bar was reached.
    """
    results = {"machine": describe(), **run(QUICK if quick else FULL, home)}
    reached = bars(results)
    results["bars"] = [asdict(bar) for bar in reached]
    out.mkdir(parents=True, exist_ok=True)
    (out / "serving.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, out / "serving.png")
    return as_markdown(results, reached), all(bar.reached for bar in reached)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or two in place of ten: figures are rougher")
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder for serving.json and serving.png")
    chosen = parser.parse_args()
    try:
        find_wrk()
        find_h2load()
        take_the_load_core()
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as home:
        keep_model(Path(home))
        text, reached = measure(Path(home), quick=chosen.quick, out=chosen.out)
    print(text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
