"""Ingestion: delivered files through validation into PostgreSQL, every value accounted for."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pydantic import SecretStr

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.finding import Finding, Severity
from meter_core.jobs.ahead import ahead
from meter_core.jobs.inspection import Inspection
from meter_core.jobs.kept_deliveries import digest_of, keep
from meter_core.quality import Inspector, LateConflict, Limits, Subject
from meter_core.settings import Settings
from meter_core.sources import DeliveryReader, Profile, UnreadableDeliveryError, load_profile, raw_lines
from meter_core.store import COUNTS, DeliveryKey, LoadCounts, StoppedDelivery, Store, ZoneConflictError
from meter_core.store.loading import Loading

Progress = Callable[[str], None]

ASSUMED_ZONE: Final = "UTC"
"""By what a delivery is known whose zone nobody said."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        file: Its name, without folder.
        counts: The accounting.
        findings: What was found.
        stopped: Why nothing of it was loaded; None where it was.
        data_docs: Its page; None where it was not read.
        kept_as: Where the file is kept, under the files root; None where it was kept before.
    """

    file: str
    counts: LoadCounts
    findings: tuple[Finding, ...] = ()
    stopped: str | None = None
    data_docs: str | None = None
    kept_as: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "file": self.file,
            **self.counts.as_dict(),
            "known": self.counts.known,
            "stopped": self.stopped,
            "findings": [finding.as_dict() for finding in self.findings],
            "data_docs": self.data_docs,
            "kept_as": self.kept_as,
        }


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of the files.

    Attributes:
        files: Of each, in the order given.
        seconds: Taken in all.
        data_docs: The page of the only file that was judged, else the page that lists all; None where none was.
    """

    files: tuple[FileResult, ...]
    seconds: float
    data_docs: str | None

    @property
    def stopped(self) -> bool:
        """Whether any file was stopped: exit status 1."""
        return any(each.stopped for each in self.files)

    @property
    def stopped_reason(self) -> str | None:
        """Why files were stopped; None where all were loaded."""
        return "; ".join(each.stopped for each in self.files if each.stopped) or None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types: the accounting summed over the files, and each file."""
        total = {name: sum(getattr(each.counts, name) for each in self.files) for name in COUNTS}
        about = {"seconds": self.seconds, "data_docs": self.data_docs, "stopped": self.stopped_reason}
        return {**total, **about, "files": [each.as_dict() for each in self.files]}


def ingest(
    files: Sequence[Path],
    profile: str,
    zone: str | None,
    settings: Settings,
    database_url: SecretStr | str,
    progress: Progress | None = None,
) -> IngestResult:
    """Bring deliveries through validation into PostgreSQL. The same again is harmless.

    Each file is a delivery and a transaction of its own: kept under `deliveries/`, read, judged, then loaded as a
    whole or not at all. A stopped one does not keep the others out.

    Args:
        files: Delivered files, plain or compressed.
        profile: Built-in name or YAML file of their source.
        zone: IANA zone of the meters, in place of the profile's.
        settings: Where files are kept, and the stop threshold.
        database_url: Of PostgreSQL.
        progress: Is told, in words for a person, what is being done.

    Raises:
        UsageError: no such file, profile or zone, or the file of another source.
        UnavailableError: PostgreSQL cannot be reached or went away, or a disk is full. What was loaded before stays
            loaded; run the same again.
    """
    begun = time.monotonic()
    limits = Limits(stop_above_share=settings.stop_above_share)
    with Inspector(limits) as inspector:
        job = _Job(load_profile(profile), zone, settings, Store(database_url), progress or _quiet, limits, inspector)
        _refuse_missing(files)
        if settings.database_url is None or not job.store.has_schema():
            job.store.upgrade()
        results = tuple(job.ingest(path) for path in files)
    return IngestResult(results, time.monotonic() - begun, _page(results, settings.data_docs_root))


def _page(results: Sequence[FileResult], data_docs_root: str) -> str | None:
    """Return the page of the only file that was judged, else of the list of all; None where none was judged."""
    pages = [each.data_docs for each in results if each.data_docs]
    if len(pages) == 1:
        return pages[0]
    judged = pages or any(each.counts.known for each in results)
    return f"{data_docs_root}/index.html" if judged else None


def _quiet(_: str) -> None:
    """Tell nobody."""


def _refuse_missing(files: Sequence[Path]) -> None:
    """Raise before anything is loaded where one of the files is not there."""
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise UsageError(f"no such file: {', '.join(missing)}; nothing was loaded. Correct the path")


class _Stopped(Exception):  # noqa: N818 - nothing went wrong with the program
    """A delivery is not to be loaded: what was written of it is undone on the way out."""

    def __init__(self, result: FileResult, code: str) -> None:
        super().__init__(code)
        self.result = result
        self.code = code


@dataclass(frozen=True)
class _Job:
    """What is the same for all files of one call."""

    profile: Profile
    zone: str | None
    settings: Settings
    store: Store
    progress: Progress
    limits: Limits
    inspector: Inspector

    def ingest(self, path: Path) -> FileResult:
        """Ingest one file."""
        digest = digest_of(path)
        key = DeliveryKey(digest, self.profile.digest, self.zone or self.profile.zone or ASSUMED_ZONE)
        known = self.store.known_delivery(key)
        if known:
            self.progress(f"{path.name}: loaded before, nothing to do")
            return FileResult(path.name, known, (_known(path.name, known),))
        self.inspector.start()
        self.progress(f"{path.name}: keeping the file")
        kept_as = keep(path, digest, self.settings.files_root)
        self.progress(f"{path.name}: reading")
        reader = DeliveryReader(path, self.profile, self.zone, self.store)
        try:
            return self._load(reader, path, key, kept_as)
        except UnreadableDeliveryError as error:
            return self._unreadable(path.name, key, kept_as, str(error))
        except _Stopped as stop:
            return self._stopped(stop.result, reader, key, stop.code)

    def _load(self, reader: DeliveryReader, path: Path, key: DeliveryKey, kept_as: str) -> FileResult:
        """Read, judge and load a delivery part by part, in one transaction.

        Raises:
            _Stopped: it is not to be loaded.
        """
        name = path.name

        def raw(lines: Collection[int]) -> Mapping[int, str]:
            return raw_lines(path, self.profile.encoding, lines)

        with self.store.loading(key, reader, kept_as, raw) as loading:
            if loading.known:
                return FileResult(name, loading.known, (_known(name, loading.known),))
            inspection = Inspection(self.limits, self.inspector)
            with ahead(inspection.judged(reader)) as parts:
                for judged, delivered_lines in parts:
                    loading.add(judged, delivered_lines)
                    self.progress(f"{name}: {reader.lines:,} lines read")
            self._refuse_changed(reader, key)
            self.progress(f"{name}: comparing {reader.lines:,} lines with what is stored")
            return self._concluded(loading, inspection, reader, key, kept_as)

    def _concluded(
        self, loading: Loading, inspection: Inspection, reader: DeliveryReader, key: DeliveryKey, kept_as: str
    ) -> FileResult:
        """Let the rows compete while the delivery's page is drawn.

        Raises:
            _Stopped: it is not to be loaded.
        """
        name, counts, code = reader.file_name, LoadCounts(0, 0), "delivery_stopped"
        late = [LateConflict(line, pd.Timestamp(stamp)) for line, stamp in loading.take_conflicts()]
        subject = Subject(name, key.file_digest, self.profile.name, reader.zone, reader.lines)
        inspection.close(late, subject)
        stop = inspection.stop_reason(late, name)
        if stop is None:
            try:
                counts = loading.finish(reader.lines)
            except ZoneConflictError as error:
                stop, code = str(error), "zone_conflict"
        said, page = inspection.documented(self.settings.files_root)
        findings = (*reader.findings, *said, *_interval_conflicts(name, counts))
        result = FileResult(name, counts, findings, stop, page, kept_as)
        if stop is not None:
            raise _Stopped(result, code)
        return result

    def _refuse_changed(self, reader: DeliveryReader, key: DeliveryKey) -> None:
        """Raise where the file is not the one that was kept."""
        if reader.file_digest != key.file_digest:
            raise RefusedError(
                f"{reader.file_name} changed while it was read; nothing of it was loaded. Run the same again"
            )

    def _stopped(self, result: FileResult, reader: DeliveryReader, key: DeliveryKey, code: str) -> FileResult:
        """Record that nothing of a delivery is loaded."""
        reason = result.stopped or ""
        span = (reader.first_line, reader.last_line)
        stopped = StoppedDelivery(
            key,
            result.file,
            self.profile,
            reader.lines,
            reader.rows,
            *span,
            code=code,
            reason=reason,
            kept_as=result.kept_as,
        )
        counts = self.store.record_stopped(stopped)
        return replace(
            result, counts=counts, findings=(Finding(code, result.file, Severity.ERROR, reason), *result.findings)
        )

    def _unreadable(self, file: str, key: DeliveryKey, kept_as: str, reason: str) -> FileResult:
        """Record a delivery that is broken as a whole: it has no values that could be counted."""
        stopped = StoppedDelivery(key, file, self.profile, 0, 0, 0, 0, "unreadable_delivery", reason, kept_as)
        counts = self.store.record_stopped(stopped)
        finding = Finding("unreadable_delivery", file, Severity.ERROR, reason)
        return FileResult(file, counts, (finding,), reason, None, kept_as)


def _known(file: str, counts: LoadCounts) -> Finding:
    """Return the finding that a delivery was loaded before."""
    message = f"{file} was loaded before, read the same way: its {counts.rows:,} values are duplicates; nothing changed"
    return Finding("known_delivery", file, Severity.INFO, message, {"rows": counts.rows})


def _interval_conflicts(file: str, counts: LoadCounts) -> tuple[Finding, ...]:
    """Return the finding that values stand under the same key with another interval length."""
    if not counts.interval_conflicts:
        return ()
    message = (
        f"{file}: {counts.interval_conflicts:,} values were quarantined because values of another interval length "
        "stand at the same time: an hour's energy cannot displace a day's. "
        "Correct interval_minutes of the profile, or ask the sender"
    )
    evidence = {"count": counts.interval_conflicts}
    return (Finding("interval_conflict", file, Severity.ERROR, message, evidence),)
