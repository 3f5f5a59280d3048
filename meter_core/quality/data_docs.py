"""Data docs: a page for each delivery, and one that lists them. They open from a folder without any network.

Great Expectations' own pages take styles, scripts and pictures from a dozen servers. Here its renderer makes the
sections with the results, and the page around them brings everything it needs in itself.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_core.calendar import zone_of
from meter_core.contracts.errors import UnavailableError
from meter_core.quality import page
from meter_core.quality.judgement import Judgement
from meter_core.quality.rules import Limits
from meter_core.quality.subject import Subject
from meter_core.settings import DATA_DOCS

SUMMARY: Final = "summary.json"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be written of a delivery.

    Attributes:
        folder: In the data docs.
        texts: Name of a file -> its text.
    """

    folder: str
    texts: Mapping[str, str]


def draw(judgement: Judgement, subject: Subject, limits: Limits) -> Drawn:
    """Return the page of a delivery, and what stands beside it.

    Args:
        judgement: What is said of the delivery.
        subject: Which delivery it is.
        limits: What the delivery was compared with.
    """
    summary = _summary(judgement, subject)
    texts = {
        "index.html": page.delivery_page(judgement, subject, limits, summary),
        "validation.json": json.dumps(judgement.suite.raw.to_json_dict(), indent=1),
        SUMMARY: json.dumps(summary),
    }
    return Drawn(f"{subject.file_digest[:12]}-{subject.profile}", texts)


def document(drawn: Drawn, files_root: str) -> str:
    """Write the page of a delivery, and the list anew; return where the page is.

    Args:
        drawn: What is to be written.
        files_root: fsspec URL or path; pages go to `data_docs/` in it.

    Raises:
        UnavailableError: where the pages cannot be written.
    """
    place = f"{files_root.rstrip('/')}/{DATA_DOCS}"
    try:
        for name, text in drawn.texts.items():
            _write(f"{place}/{drawn.folder}/{name}", text)
        _write_list(place)
    except OSError as error:
        raise _not_written(place, error) from error
    return f"{place}/{drawn.folder}/index.html"


def publish(folder: str, pages: Iterable[tuple[str, str]], files_root: str) -> str:
    """Write pages beside those of deliveries, in place of what the folder held; return where its index is.

    Args:
        folder: In the data docs.
        pages: Name and HTML of each, `index.html` among them.
        files_root: fsspec URL or path.

    Raises:
        UnavailableError: where they cannot be written.
    """
    place = f"{files_root.rstrip('/')}/{DATA_DOCS}"
    system, root = fsspec.core.url_to_fs(place)
    try:
        names = set()
        for name, text in pages:
            _write(f"{place}/{folder}/{name}", text)
            names.add(name)
        for path in system.glob(f"{root}/{folder}/*.html"):
            if path.rpartition("/")[2] not in names:
                system.rm_file(path)
        _write_list(place)
    except OSError as error:
        raise _not_written(place, error) from error
    return f"{place}/{folder}/index.html"


def _write_list(place: str) -> None:
    """Write the page that lists deliveries, and what lies beside them."""
    system, root = fsspec.core.url_to_fs(place)
    summaries = _summaries(place)
    of_deliveries = {entry["folder"] for entry in summaries}
    folders = sorted(path.rsplit("/", 2)[-2] for path in system.glob(f"{root}/*/index.html"))
    _write(f"{place}/index.html", page.list_page(summaries, [name for name in folders if name not in of_deliveries]))


def _not_written(place: str, error: OSError) -> UnavailableError:
    """Return the error of a full or read-only place."""
    return UnavailableError(
        f"the data docs cannot be written to {place}: {error.strerror or error}; "
        "make room there, or set METER_FILES_URL"
    )


def _summary(judgement: Judgement, subject: Subject) -> dict[str, Any]:
    """Return what the list of deliveries shows, as JSON types."""
    found, overview = judgement.found, judgement.overview
    return {
        "file_name": subject.file_name,
        "profile": subject.profile,
        "rows": found.rows,
        "quarantined": found.quarantined,
        "missing": found.counts["missing_energy"],
        "timeless": overview.timeless,
        "meters": len(overview.meters),
        "since": _local(overview.first_s, subject.zone),
        "until": _local(overview.last_s, subject.zone),
        "stopped": judgement.stopped_reason is not None,
        "suite_success": judgement.suite.success,
        "checked_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _local(instant_s: int | None, zone: str) -> str | None:
    """Return an instant on the meters' clock."""
    if instant_s is None:
        return None
    return datetime.fromtimestamp(instant_s, zone_of(zone)).strftime("%Y-%m-%d %H:%M %Z")


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
