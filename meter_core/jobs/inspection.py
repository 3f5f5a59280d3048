"""The checks of a delivery that is read in parts: rules at once, the Great Expectations suite in another process."""

from collections.abc import Iterator, Sequence

import pandas as pd

from meter_core.contracts.finding import Finding
from meter_core.quality import (
    Close,
    Inspector,
    LateConflict,
    Limits,
    PartReport,
    Subject,
    document,
    judge,
    overview_of,
    suite_frame,
)
from meter_core.sources import DeliveryReader
from meter_core.sources.records import RawLines


class Inspection:
    """The inspection of one delivery.

    Args:
        limits: What the rules compare with.
        inspector: Runs the suite and writes the page; it inspects one delivery at a time.
    """

    def __init__(self, limits: Limits, inspector: Inspector) -> None:
        self._limits = limits
        self._inspector = inspector
        self._report: PartReport | None = None
        inspector.begin()

    def judged(self, reader: DeliveryReader) -> Iterator[tuple[pd.DataFrame, RawLines]]:
        """Yield the parts of a delivery with their codes, and what gives their lines as delivered."""
        for part in reader.parts():
            judged, found = judge(part.frame, self._limits)
            report = PartReport(found, overview_of(judged))
            self._report = report if self._report is None else self._report.with_(report)
            self._inspector.send(suite_frame(part.frame, judged))
            yield judged, part.raw_lines

    def stop_reason(self, late: Sequence[LateConflict], file_name: str) -> str | None:
        """Return why the delivery is to be stopped, its last part having been read; None: it is not.

        Args:
            late: Values in conflict with one of another part.
            file_name: For the message.
        """
        return self._whole.stop_reason(late, self._limits, file_name)

    def close(self, late: Sequence[LateConflict], subject: Subject) -> None:
        """Let the delivery's page be drawn, its last part having been read.

        Args:
            late: Values in conflict with one of another part.
            subject: Which delivery it is.
        """
        self._inspector.send(Close(self._whole, late, subject))

    def documented(self, files_root: str) -> tuple[tuple[Finding, ...], str]:
        """Wait for the page of the closed delivery, and write it; return what is said of the delivery, and where.

        Args:
            files_root: fsspec URL or path; pages go to `data_docs/` in it.

        Raises:
            UnavailableError: it cannot be written, or the process that draws it has ended.
        """
        inspected = self._inspector.answer()
        return inspected.findings, document(inspected.drawn, files_root)

    @property
    def _whole(self) -> PartReport:
        """The report of all parts."""
        assert self._report is not None  # noqa: S101 - a delivery without a part is unreadable
        return self._report
