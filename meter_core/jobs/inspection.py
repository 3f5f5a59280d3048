"""The checks of a delivery that is read in parts: rules at once, the Great Expectations suite beside the loading."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Final, Self

import pandas as pd

from meter_core.quality import (
    Found,
    Judgement,
    LateConflict,
    Limits,
    PartReport,
    Suite,
    judge,
    judgement_of,
    overview_of,
)
from meter_core.sources import DeliveryReader

WAITING_PARTS: Final = 3
"""How many parts may wait for the suite, which at first is still being imported: each holds some 50 MB."""


class Inspection:
    """The inspection of one delivery.

    Args:
        limits: What the rules compare with.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reports: list[Future[PartReport]] = []
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
            if len(self._reports) >= WAITING_PARTS:
                self._reports[-WAITING_PARTS].result()
            self._reports.append(self._beside.submit(self._report, part.frame, judged, found))
            yield judged, part.raw_line

    def judgement(self, late: Sequence[LateConflict], file_name: str) -> Judgement:
        """Return what is said of the delivery, when its last part has been read.

        Args:
            late: Values in conflict with one of another part.
            file_name: For the messages.
        """
        return judgement_of([report.result() for report in self._reports], late, self._limits, file_name)

    def _report(self, delivered: pd.DataFrame, judged: pd.DataFrame, found: Found) -> PartReport:
        """Return what is left of a part."""
        return PartReport(found, overview_of(judged), self._suite.run(delivered, judged))

    @cached_property
    def _suite(self) -> Suite:
        return Suite(self._limits)
