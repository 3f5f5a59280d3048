"""What is said of a delivery that was checked in parts: one judgement, whatever the parts were."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from meter_core.contracts.finding import Finding
from meter_core.quality.check import Found, findings, found_later, merged, stop_reason
from meter_core.quality.overview import Overview, refused_later, together
from meter_core.quality.rules import Limits
from meter_core.quality.suite import SuiteResult, broken_findings, merged_results


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
    later = found_later("conflicting_in_file", [each.line for each in late])
    found = merged([report.found, later])
    overview = together([report.overview, refused_later([each.reading_ts for each in late])])
    suite = merged_results(suites, later.counts, limits)
    said = (*findings(found, file_name), *broken_findings(suite))
    return Judgement(found, overview, suite, said, stop_reason(found, limits, file_name))
