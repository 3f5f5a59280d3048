"""Data docs: a page for each delivery, and one that lists them. They open from a folder without any network.

Great Expectations' own pages take styles, scripts and pictures from a dozen servers. Here its renderer makes the
sections with the results, and the page around them brings everything it needs in itself.
"""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
import pandas as pd
from fsspec.implementations.local import LocalFileSystem

from meter_core.contracts.errors import UnavailableError
from meter_core.quality import page
from meter_core.quality.check import Verdict
from meter_core.quality.rules import Limits
from meter_core.quality.subject import Subject
from meter_core.quality.suite import SuiteResult, broken_findings, run_suite
from meter_core.settings import DATA_DOCS

SUMMARY: Final = "summary.json"


def document(
    delivered: pd.DataFrame, verdict: Verdict, subject: Subject, files_root: str, limits: Limits | None = None
) -> Verdict:
    """Run the suite over a delivery and write its page; return the verdict with the page's place and what broke.

    Args:
        delivered: The frame as read.
        verdict: Of `check` over it.
        subject: Which delivery it is.
        files_root: fsspec URL or path; pages go to `data_docs/` in it.
        limits: The same as for `check`.

    Raises:
        UnavailableError: where the pages cannot be written.
    """
    limits = limits or Limits()
    result = run_suite(delivered, verdict.frame, limits)
    verdict = replace(verdict, findings=(*verdict.findings, *broken_findings(result)))
    summary = _summary(verdict, subject, result)
    place = f"{files_root.rstrip('/')}/{DATA_DOCS}"
    name = f"{subject.file_digest[:12]}-{subject.profile}"
    try:
        _write(f"{place}/{name}/index.html", page.delivery_page(verdict, subject, result, limits, summary))
        _write(f"{place}/{name}/validation.json", json.dumps(result.raw.to_json_dict(), indent=1))
        _write(f"{place}/{name}/{SUMMARY}", json.dumps(summary))
        _write(f"{place}/index.html", page.list_page(_summaries(place)))
    except OSError as error:
        raise UnavailableError(
            f"the data docs cannot be written to {place}: {error.strerror or error}; "
            "make room there, or set METER_FILES_URL"
        ) from error
    return replace(verdict, data_docs=f"{place}/{name}/index.html")


def _summary(verdict: Verdict, subject: Subject, result: SuiteResult) -> dict[str, Any]:
    """Return what the list of deliveries shows, as JSON types."""
    frame = verdict.frame
    times = page.timed_rows(frame)["reading_ts"]
    kept = frame["code"].isna()
    return {
        "file_name": subject.file_name,
        "profile": subject.profile,
        "rows": verdict.rows,
        "quarantined": verdict.quarantined,
        "missing": verdict.counts["missing_energy"],
        "timeless": len(frame) - len(times),
        "meters": int(frame.loc[kept, "meter_id"].nunique()),
        "since": _local(times.min(), subject.zone) if len(times) else None,
        "until": _local(times.max(), subject.zone) if len(times) else None,
        "stopped": verdict.stopped,
        "suite_success": result.success,
        "checked_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _local(instant: pd.Timestamp, zone: str) -> str:
    """Return an instant on the meters' clock."""
    return str(instant.tz_convert(zone).strftime("%Y-%m-%d %H:%M %Z"))


def _summaries(place: str) -> list[dict[str, Any]]:
    """Return the summaries of all documented deliveries, with the folder of each."""
    system, root = fsspec.core.url_to_fs(place)
    found = []
    for path in system.glob(f"{root}/*/{SUMMARY}"):
        summary = json.loads(system.cat_file(path))
        found.append({**summary, "folder": path.rsplit("/", 2)[-2]})
    return found


def _write(url: str, text: str) -> None:
    """Write a text to a path or URL, whole or not at all: no page is left half written on a full disk."""
    system, path = fsspec.core.url_to_fs(url)
    if not isinstance(system, LocalFileSystem):
        system.pipe_file(path, text.encode())
        return
    whole = Path(path)
    whole.parent.mkdir(parents=True, exist_ok=True)
    part = whole.with_name(f".{whole.name}.{os.getpid()}.part")
    try:
        part.write_bytes(text.encode())
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
