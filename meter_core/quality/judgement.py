"""What is said of a delivery that was checked in parts: one judgement, whatever the parts were."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from meter_core.contracts.finding import Finding
from meter_core.quality.check import Found, findings, found_later, merged, stop_reason
from meter_core.quality.overview import Overview, refused_later, together
from meter_core.quality.rules import Limits
from meter_core.quality.suite import SuiteResult, broken_findings, merged_results

CONFLICTING: Final = "conflicting_in_file"
"""Code of the rule that may need the whole delivery."""


@dataclass(frozen=True, eq=False)
class PartReport:
    """What is left of a part, or of all until then, when its values have gone on their way.

    Attributes:
        found: What the rules caught.
        overview: What arrived when.
    """

    found: Found
    overview: Overview

    def with_(self, other: "PartReport") -> "PartReport":
        """Return what is left of both."""
        return PartReport(merged([self.found, other.found]), together([self.overview, other.overview]))

    def with_late(self, late: Sequence["LateConflict"]) -> "PartReport":
        """Return the same, some values having turned out to be in conflict with one of another part."""
        found = found_later(CONFLICTING, [each.line for each in late])
        return self.with_(PartReport(found, refused_later([each.reading_ts for each in late])))

    def stop_reason(self, late: Sequence["LateConflict"], limits: Limits, file_name: str) -> str | None:
        """Return why the delivery is to be stopped, all its parts being in this report; None: it is not."""
        return stop_reason(self.with_late(late).found, limits, file_name)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is said of a delivery.

    Attributes:
        found: What the rules caught.
        overview: What arrived when.
        suite: What the Great Expectations suite says.
        findings: One for each rule that caught anything, and for each check that broke.
        stopped_reason: Why the delivery is not to be loaded at all; None where it is.
    """

    found: Found
    overview: Overview
    suite: SuiteResult
    findings: tuple[Finding, ...]
    stopped_reason: str | None


@dataclass(frozen=True, slots=True)
class LateConflict:
    """A value that only the whole delivery shows to be in conflict with another of its key.

    Attributes:
        line: In the file.
        reading_ts: UTC.
    """

    line: int
    reading_ts: pd.Timestamp


def judgement_of(
    report: PartReport,
    suites: Sequence[SuiteResult],
    late: Sequence[LateConflict],
    limits: Limits,
    file_name: str,
) -> Judgement:
    """Return what is said of a delivery.

    Args:
        report: Of all its parts.
        suites: What the suite says, which may have been run over several parts at once.
        late: Values in conflict with one of another part.
        limits: What the rules compared with.
        file_name: For the messages.
    """
    whole = report.with_late(late)
    suite = merged_results(suites, {CONFLICTING: len(late)}, limits)
    said = (*findings(whole.found, file_name), *broken_findings(suite))
    return Judgement(whole.found, whole.overview, suite, said, stop_reason(whole.found, limits, file_name))
