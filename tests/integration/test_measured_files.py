"""All measured files, loaded one after the other: the figures are those of their README, and docs/ says the same."""

import pytest

from benchmarks import measured_files
from meter_core.settings import Settings
from meter_core.store import COUNTS
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask

pytestmark = [
    pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True),
    pytest.mark.skipif(not measured_files.DEVELOPMENT.is_dir(), reason="the development files are not beside this"),
]

EXPECTED = [
    # rows, hours that spring skips, loaded as far as no other file had them
    ("uci_sceaux_hourly_2006-2009.csv.gz", 26_670, 3, "loaded"),
    ("uci_sceaux_hourly_2006-2009.csv.gz", 26_670, 3, "duplicates"),
    ("uci_sceaux_sample_2007-2009.csv", 3_024, 0, "duplicates"),
    ("fontana_10_homes_hourly_2016-17.csv.gz", 87_600, 10, "loaded"),
    ("ceew_bareilly_daily.csv", 28_119, 0, "loaded"),
    ("ceew_mathura_fleet_hourly_2020-01.csv", 137, 0, "loaded"),
    ("ceew_br29_outage_2020-07-01.csv", 31, 0, "loaded"),
    ("vic_elec_30min_2012-2013.csv.gz", 35_088, 0, "loaded"),
]


def test_all_measured_files_load_with_the_accounting_exact_and_as_the_page_says(tmp_path, database_url):
    results = measured_files.loaded(Settings(home=tmp_path / "home", database_url=database_url), database_url)
    figures = {}
    for (name, rows, skipped, outcome), (_, result) in zip(EXPECTED, results, strict=True):
        counts = result.counts.as_dict()
        assert (result.file, counts["lines"], counts["rows"]) == (name, rows, rows)
        expected = {**dict.fromkeys(COUNTS[2:], 0), outcome: rows - skipped, "quarantined": skipped}
        assert {part: counts[part] for part in COUNTS[2:]} == expected
        figures[name] = {each.what: each.evidence.get("count") for each in result.findings}
    quarantine = ask(database_url, "SELECT code, count(*) FROM quarantined_reading GROUP BY 1")
    assert quarantine == [("nonexistent_local_time", 3 + 3 + 10)]
    assert figures["ceew_mathura_fleet_hourly_2020-01.csv"]["impossible_power_factor"] == 20
    page = measured_files.PAGE.read_text()
    assert measured_files.accounts(results) in page
    decided = [
        row for row in measured_files.page(results).splitlines() if "| quarantine |" in row or "| blank |" in row
    ]
    assert len(decided) == 4
    assert not [row for row in decided if row not in page], "run python -m benchmarks.measured_files"
