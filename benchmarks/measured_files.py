"""What becomes of every measured file: docs/measured-files.md, written anew.

    python -m benchmarks.measured_files

The files lie in `data/` or in `../shared/data`; each is loaded by its built-in profile into one fresh database, in the
order of the table.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from meter_core.embedded import Need, services
from meter_core.jobs.ingest import FileResult, ingest
from meter_core.settings import Settings

ROOT = Path(__file__).parents[1]
SHIPPED, DEVELOPMENT = ROOT / "data", ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "measured-files.md"
FILES = (
    (SHIPPED / "uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux"),
    (DEVELOPMENT / "uci_sceaux_hourly_2006-2009.csv.gz", "uci_sceaux"),
    (DEVELOPMENT / "uci_sceaux_sample_2007-2009.csv", "uci_sceaux"),
    (SHIPPED / "fontana_10_homes_hourly_2016-17.csv.gz", "fontana"),
    (DEVELOPMENT / "ceew_bareilly_daily.csv", "ceew_daily"),
    (DEVELOPMENT / "ceew_mathura_fleet_hourly_2020-01.csv", "ceew_fleet"),
    (DEVELOPMENT / "ceew_br29_outage_2020-07-01.csv", "ceew_minutes"),
    (DEVELOPMENT / "vic_elec_30min_2012-2013.csv.gz", "vic_elec"),
)
COUNTED = ("rows", "loaded", "superseded", "outranked", "duplicates", "quarantined")
SUCH = re.compile(r" \([\d,]+ such (lines|values)[^)]*\)$")
"""How a message ends that stands for several."""
HEAD = """# What becomes of the measured files

Every measured file, loaded by its built-in profile into one fresh database, in the order of the table. Made by
`python -m benchmarks.measured_files`; a test compares this page with what the files give. Files that are not shipped in
`data/` are for development and lie beside the repository.
"""
WHY = """## By rule, and why

Quarantined values are not loaded and kept with their line; a blanked quantity is loaded as missing and kept with its
code; flagged values are loaded as they are; notes concern the delivery.
"""


def main() -> None:
    """Load the files and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=None)
        with services(settings, {Need.POSTGRES}) as connections:
            assert connections.database_url is not None
            results = loaded(settings, connections.database_url)
    PAGE.write_text(page(results))
    print(f"wrote {PAGE.relative_to(ROOT)}")


def loaded(settings: Settings, database_url: SecretStr | str) -> list[tuple[str, FileResult]]:
    """Load all files, and return where each lies and what became of it."""
    return [
        (
            path.parent.name if path.parent == SHIPPED else "",
            ingest([path], profile, None, settings, database_url).files[0],
        )
        for path, profile in FILES
    ]


def page(results: Sequence[tuple[str, FileResult]]) -> str:
    """Return the page in Markdown."""
    rules = [[_name(folder, result), *row] for folder, result in results for row in _rules(result)]
    names = ["file", "rule", "what follows", "values", "first line", "why"]
    return "\n".join((HEAD, accounts(results), WHY, _table(names, rules)))


def accounts(results: Sequence[tuple[str, FileResult]]) -> str:
    """Return the table of the accounting."""
    rows = [
        [_name(folder, result), *(f"{result.counts.as_dict()[name]:,}" for name in COUNTED), f"{_blanked(result):,}"]
        for folder, result in results
    ]
    return _table(["file", *COUNTED, "blanked quantities"], rows, figures_from=1)


def _name(folder: str, result: FileResult) -> str:
    """Return a file's name, shipped ones with their folder."""
    return f"`{folder}/{result.file}`" if folder else f"`{result.file}`"


def _blanked(result: FileResult) -> int:
    """Return how many quantities beside the energy were loaded as missing because of a rule."""
    return sum(each.evidence["count"] for each in result.findings if each.evidence.get("action") == "blank")


def _rules(result: FileResult) -> Iterator[list[str]]:
    """Yield rule, what follows, values, first line and why of each finding."""
    for finding in result.findings:
        evidence: dict[str, Any] = dict(finding.evidence)
        count = evidence.get("count", evidence.get("values", ""))
        line = finding.where.rpartition(" line ")[2] if " line " in finding.where else ""
        why = SUCH.sub("", finding.message.removeprefix(f"{finding.where}: "))
        yield [f"`{finding.what}`", evidence.get("action", "note"), f"{count:,}" if count else "", line, why]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], figures_from: int | None = None) -> str:
    """Return a table in Markdown, its columns of figures aligned to the right."""
    rule = ["---:" if figures_from is not None and place >= figures_from else "---" for place in range(len(names))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, rule, *rows)) + "\n"


if __name__ == "__main__":
    main()
