"""The Great Expectations suite and its pages: the real library, and the pages in a real browser without network."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.quality import (
    RULES,
    Action,
    Expectation,
    LateConflict,
    Limits,
    PartReport,
    Rule,
    Subject,
    Suite,
    check,
    document,
    draw,
    judge,
    judgement_of,
    overview_of,
    suite_frame,
)
from meter_core.quality.suite import broken_findings
from meter_core.sources import load_profile, read_delivery, template_csv

HEADER = template_csv().splitlines()[0]
LIMITS = Limits(now=datetime(2026, 1, 1, tzinfo=UTC), fuse_kw=50, stop_above_share=0.5)
FAULTS = (
    "M1,2025-01-01T00:00:00Z,60,0.4,230,20,0.95,0.5,50",
    "M1,2025-01-01T01:00:00Z,60,0.5,230,20,0.95,0.5",
    ",2025-01-01T01:00:00Z,60,0.5,230,20,0.95,0.5,50",
    "M1,2025-01-01 02:00,60,0.5,230,20,0.95,0.5,50",
    "M1,2025-01-01T03:00:00Z,0,0.5,230,20,0.95,0.5,50",
    "M1,2025-01-01T04:00:00Z,60,x,230,20,0.95,0.5,50",
    "M1,2090-01-01T05:00:00Z,60,0.5,230,20,0.95,0.5,50",
    "M1,2025-01-01T06:00:00Z,60,-1,230,20,0.95,0.5,50",
    "M1,2025-01-01T07:00:00Z,60,1e12,230,20,0.95,0.5,50",
    "M1,2025-01-01T08:00:00Z,60,60,230,20,0.95,0.5,50",
    "M1,2025-01-01T09:00:00Z,60,,230,20,0.95,0.5,50",
    "M1,2025-01-01T10:00:00Z,60,1,?,20,?,0.5,50",
    "M1,2025-01-01T11:00:00Z,60,1,0,99,1.18,7,80",
    "M1,2025-01-01T12:00:00Z,60,1,-1,55,0.5,-1,60",
    "M1,2025-01-01T13:00:00Z,60,1,230,20,0.95,0.5,50",
    "M1,2025-01-01T13:00:00Z,60,2,230,20,0.95,0.5,50",
    *(f"M2,2025-01-01T{hour:02}:00:00Z,60,0.4,230,20,0.95,0.5,50" for hour in range(24)),
)
"""Made up: at least one value for most rules, among good ones."""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    path = tmp_path_factory.mktemp("inbox") / "faults <b>& more.csv"
    path.write_text("\n".join((HEADER, *FAULTS)))
    return read_delivery(path, load_profile("canonical"), "Europe/Paris")


@pytest.fixture(scope="module")
def judged(faulty):
    return check(faulty.frame, LIMITS, faulty.file_name)


def subject(faulty, name=None, digest=None):
    return Subject(name or faulty.file_name, digest or faulty.file_digest, "canonical", faulty.zone, faulty.lines)


def judgement(frame, limits, file_name="f.csv", parts=1, late=()):
    suite, report, suites = Suite(limits), None, []
    for number in range(parts):
        part = frame.iloc[number * len(frame) // parts : (number + 1) * len(frame) // parts]
        judged, found = judge(part, limits)
        of_part = PartReport(found, overview_of(judged))
        report = of_part if report is None else report.with_(of_part)
        suites.append(suite.run(suite_frame(part, judged)))
    return judgement_of(report, suites, late, limits, file_name)


@pytest.fixture(scope="module")
def said(faulty):
    return judgement(faulty.frame, LIMITS, faulty.file_name)


@pytest.fixture(scope="module")
def documented(faulty, said, tmp_path_factory):
    return document(draw(said, subject(faulty), LIMITS), str(tmp_path_factory.mktemp("files with a space")))


def test_the_suite_counts_what_the_masks_catch_rule_by_rule(faulty, judged):
    """Both come from one declaration: the library's count is the independent one."""
    result = Suite(LIMITS).run(suite_frame(faulty.frame, judged.frame))
    counted = {outcome.code: outcome.unexpected for outcome in result.outcomes}
    assert counted == dict(judged.counts)
    assert sum(count > 0 for count in counted.values()) >= 20
    assert not result.broken


def test_a_check_that_breaks_is_told_from_bad_data(faulty, judged):
    declared = Expectation("ExpectColumnValuesToBeBetween", {"column": "no_such_column", "min_value": 0})
    broken = Rule("breaks", Action.FLAG, "no_such_column", "breaks", lambda *_: None, lambda _: declared)
    strict = Limits(now=LIMITS.now, stop_above_share=0)
    result = Suite(strict, (broken, RULES[0])).run(suite_frame(faulty.frame, judged.frame))
    outcomes = {outcome.code: outcome.success for outcome in result.outcomes}
    assert outcomes == {"breaks": None, "wrong_fields": False}
    (finding,) = broken_findings(result)
    assert (finding.what, finding.where) == ("check_broken", "expectation breaks")
    assert "no_such_column" in finding.message
    assert "Traceback" not in json.dumps(result.raw.to_json_dict())


def test_the_page_says_what_was_found_where(documented):
    text = Path(documented).read_text()
    assert "faults &lt;b&gt;&amp; more.csv" in text
    assert "Accepted, 10 of 40 values quarantined" in text
    assert "impossible_power_factor" in text
    assert "values must be greater than or equal to" in text  # the words of Great Expectations


def test_pages_hold_no_meter_no_value_and_no_address(documented):
    folder = Path(documented).parent
    assert {path.name for path in folder.iterdir()} == {"index.html", "summary.json", "validation.json"}
    for path in [*folder.iterdir(), folder.parent / "index.html"]:
        text = re.sub(r"\d{8}T\d{6}\.\d+Z", "", path.read_text())  # when it was checked: any digits
        assert not re.search(r"https?://|//cdn|src=|@import|url\(", text), path.name
        assert "M1" not in text.replace("SHA", ""), path.name
        assert "1.18" not in text, path.name


def test_a_delivery_checked_in_parts_is_told_of_like_one_checked_whole(faulty, said, tmp_path):
    """The two values in conflict stand in one part: those of different parts the store finds, see its tests."""
    parts = judgement(faulty.frame, LIMITS, faulty.file_name, parts=2)
    assert [finding.as_dict() for finding in parts.findings] == [finding.as_dict() for finding in said.findings]
    assert parts.suite.outcomes == said.suite.outcomes
    assert parts.suite.raw.statistics == said.suite.raw.statistics
    pages = [
        document(draw(each, subject(faulty), LIMITS), str(tmp_path / name))
        for name, each in (("1", said), ("2", parts))
    ]
    whole, pieced = (re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", "now", Path(page).read_text()) for page in pages)
    assert whole == pieced


def test_a_conflict_that_only_the_whole_file_shows_is_counted_everywhere(faulty, said):
    stamp = faulty.frame["reading_ts"].iloc[0]
    late = judgement(faulty.frame, LIMITS, faulty.file_name, late=[LateConflict(2, stamp)])
    assert late.found.quarantined == said.found.quarantined + 1
    assert late.found.lines["conflicting_in_file"][0] == 2
    counted = {outcome.code: outcome.unexpected for outcome in late.suite.outcomes}
    assert counted == dict(late.found.counts)
    strict = Limits(now=LIMITS.now, fuse_kw=50, stop_above_share=0.26)
    assert judgement(faulty.frame, strict).stopped_reason is None
    assert "11 of 40 values" in judgement(faulty.frame, strict, late=[LateConflict(2, stamp)]).stopped_reason


def test_the_list_shows_every_delivery_and_one_again_only_once(faulty, said, tmp_path):
    for name, digest in (("first.csv", "1" * 64), ("second.csv", "2" * 64), ("second.csv", "2" * 64)):
        document(draw(said, subject(faulty, name, digest), LIMITS), str(tmp_path))
    text = (tmp_path / "data_docs" / "index.html").read_text()
    assert (text.count(">first.csv<"), text.count(">second.csv<")) == (1, 1)
    assert text.index("second.csv") < text.index("first.csv")


def test_a_stopped_delivery_has_its_page_too(faulty, tmp_path):
    limits = Limits(now=LIMITS.now, stop_above_share=0.1)
    text = Path(document(draw(judgement(faulty.frame, limits), subject(faulty), limits), str(tmp_path))).read_text()
    assert "Stopped: nothing was loaded" in text
    assert "f.csv was stopped" in text


def test_a_place_that_cannot_be_written_is_named(faulty, said, tmp_path):
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(UnavailableError, match=r"files/data_docs: .*set METER_FILES_URL"):
        document(draw(said, subject(faulty), LIMITS), str(tmp_path / "files"))


def test_pages_go_to_any_file_system_that_a_url_names(faulty, said):
    place = document(draw(said, subject(faulty), LIMITS), "memory://bucket")
    assert place.startswith("memory://bucket/data_docs/")
    with fsspec.open("memory://bucket/data_docs/index.html", "rt") as page:
        assert "more.csv" in page.read()


def test_pages_open_in_a_browser_styled_and_without_a_request_to_anywhere(documented):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        try:
            page = browser.new_page(viewport={"width": 390, "height": 800})
            asked, complaints = [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: complaints.append(message.text))
            page.goto(Path(documented).as_uri())
            assert page.locator("rect.quarantined").count() > 0
            assert page.locator(".ge-section").count() > 5
            section = page.locator(".ge-section .alert").first
            assert section.evaluate("e => getComputedStyle(e).borderRadius") != "0px"
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            page.get_by_role("link", name="All deliveries").click()
            page.get_by_role("heading", name="Deliveries").wait_for()
            assert all(url.startswith("file://") for url in asked)
            assert complaints == []
        finally:
            browser.close()
