"""What every check returns: quality, leaks, drift and the promotion gate alike. Callers decide what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    Attributes:
        what: The rule, as a stable code (`missing_file`, `load_kw_leaks`).
        where: File and line, feature, or candidate. Never a meter id or a reading's value: findings travel into notices
            and logs.
        severity: How bad it is.
        message: A sentence for a person: the thing, the value, the remedy.
        evidence: The figures behind it, JSON-serialisable.
    """

    what: str
    where: str
    severity: Severity
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain JSON types."""
        return {
            "what": self.what,
            "where": self.where,
            "severity": str(self.severity),
            "message": self.message,
            "evidence": dict(self.evidence),
        }
