"""The checks of a delivery that is read in parts: rules at once, the Great Expectations suite beside the loading."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Final, Self

import pandas as pd

from meter_core.quality import (
    Judgement,
    LateConflict,
    Limits,
    PartReport,
    Suite,
    SuiteResult,
    judge,
    judgement_of,
    overview_of,
    suite_frame,
)
from meter_core.sources import DeliveryReader

ROWS_A_SUITE: Final = 500_000
"""Over how many values the suite runs at once: it costs a quarter of a second however few they are."""
WAITING_SUITES: Final = 1
"""How many may wait, while Great Expectations is being imported: each holds 30 MB."""


class Inspection:
    """The inspection of one delivery.

    Args:
        limits: What the rules compare with.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._report: PartReport | None = None
        self._unchecked: list[pd.DataFrame] = []
        self._suites: list[Future[SuiteResult]] = []
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="suite")

    def __enter__(self) -> Self:
        """Return the inspection."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Forget what still waits."""
        self._beside.shutdown(wait=True, cancel_futures=True)

    def judged(self, reader: DeliveryReader) -> Iterator[tuple[pd.DataFrame, Callable[[int], str]]]:
        """Yield the parts of a delivery with their codes, and what gives their lines as delivered."""
        for part in reader.parts():
            judged, found = judge(part.frame, self._limits)
            report = PartReport(found, overview_of(judged))
            self._report = report if self._report is None else self._report.with_(report)
            self._unchecked.append(suite_frame(part.frame, judged))
            if sum(map(len, self._unchecked)) >= ROWS_A_SUITE:
                self._start_suite()
            yield judged, part.raw_line
        self._start_suite()

    def judgement(self, late: Sequence[LateConflict], file_name: str) -> Judgement:
        """Return what is said of the delivery, when its last part has been read.

        Args:
            late: Values in conflict with one of another part.
            file_name: For the messages.
        """
        suites = [suite.result() for suite in self._suites]
        assert self._report is not None  # noqa: S101 - a delivery without a part is unreadable
        return judgement_of(self._report, suites, late, self._limits, file_name)

    def _start_suite(self) -> None:
        """Run the suite over what it has not seen, in a thread of its own."""
        if len(self._suites) >= WAITING_SUITES:
            self._suites[-WAITING_SUITES].result()
        if self._unchecked:
            self._suites.append(self._beside.submit(self._run_suite, self._unchecked))
        self._unchecked = []

    def _run_suite(self, frames: list[pd.DataFrame]) -> SuiteResult:
        frame = pd.concat(frames, ignore_index=True)
        frames.clear()  # they are as large again
        return self._suite.run(frame)

    @cached_property
    def _suite(self) -> Suite:
        return Suite(self._limits)
