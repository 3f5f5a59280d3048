"""Judge a delivery: apply every rule's mask, give codes, blank, count, and stop where too much is wrong."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import AUXILIARY
from meter_core.quality.rules import RULES, Action, Limits, Mask, Rule

SHOWN_LINES: Final = 10
"""How many line numbers a finding lists."""

SEVERITIES: Final = {
    Action.QUARANTINE: Severity.ERROR,
    Action.BLANK: Severity.WARNING,
    Action.FLAG: Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What the rules caught in a delivery, or in a part of one.

    Attributes:
        rows: Delivered values of energy.
        counts: Values that each rule caught, by its code; every rule is there, a row counts for its first quarantine
            rule.
        lines: The first lines of each rule that caught anything.
    """

    rows: int
    counts: Mapping[str, int]
    lines: Mapping[str, tuple[int, ...]]

    @property
    def quarantined(self) -> int:
        """Rows with a code."""
        return sum(self.counts[rule.code] for rule in RULES if rule.action is Action.QUARANTINE)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the rules say of a delivery.

    Attributes:
        frame: The delivery's frame with `code` (None: to be loaded) and `blanked` completed; blanked quantities are
            NaN.
        found: What the rules caught.
        findings: One for each rule that caught anything.
        stopped_reason: Why the delivery is not to be loaded at all; None where it is.
    """

    frame: pd.DataFrame
    found: Found
    findings: tuple[Finding, ...]
    stopped_reason: str | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """Values that each rule caught, by its code."""
        return self.found.counts

    @property
    def quarantined(self) -> int:
        """Rows with a code."""
        return self.found.quarantined

    @property
    def stopped(self) -> bool:
        """Whether the delivery is not to be loaded at all."""
        return self.stopped_reason is not None


def check(frame: pd.DataFrame, limits: Limits | None = None, file_name: str = "the delivery") -> Verdict:
    """Apply every rule to a delivery's frame, which is left as it is.

    Args:
        frame: As `meter_core.sources.read_delivery` gives it.
        limits: What the rules compare with.
        file_name: For the messages.
    """
    limits = limits or Limits()
    judged, found = judge(frame, limits)
    return Verdict(judged, found, findings(found, file_name), stop_reason(found, limits, file_name))


def judge(frame: pd.DataFrame, limits: Limits) -> tuple[pd.DataFrame, Found]:
    """Apply every rule to (a part of) a delivery's frame, which is left as it is.

    Returns:
        The frame with `code` and `blanked` completed, and what was caught.
    """
    judged = frame.copy(deep=False)
    judged["code"] = pd.Series(frame["code"].to_numpy(copy=True), index=frame.index, dtype=object)
    read = set(frame["code"].dropna())
    caught = {rule.code: _apply(rule, frame, judged, limits, read) for rule in RULES}
    _blank(judged, frame, caught)
    lines = frame["line"].to_numpy()
    counts = {code: int(mask.sum()) for code, mask in caught.items()}
    first = {code: tuple(lines[mask][:SHOWN_LINES].tolist()) for code, mask in caught.items() if counts[code]}
    return judged, Found(len(frame), counts, first)


def merged(parts: Sequence[Found]) -> Found:
    """Return what was caught in the parts of a delivery as what was caught in it."""
    lines: dict[str, list[int]] = {}
    for part in parts:
        for code, some in part.lines.items():
            lines.setdefault(code, []).extend(some)
    return Found(
        sum(part.rows for part in parts),
        {rule.code: sum(part.counts[rule.code] for part in parts) for rule in RULES},
        {code: tuple(sorted(some)[:SHOWN_LINES]) for code, some in lines.items()},
    )


def found_later(code: str, lines: Sequence[int]) -> Found:
    """Return what a rule caught that only a look at the whole delivery shows, in rows that were counted before."""
    counts = dict.fromkeys((rule.code for rule in RULES), 0) | {code: len(lines)}
    return Found(0, counts, {code: tuple(sorted(lines)[:SHOWN_LINES])} if lines else {})


def _apply(rule: Rule, frame: pd.DataFrame, judged: pd.DataFrame, limits: Limits, read: Collection[str]) -> Mask:
    """Return what a rule catches; a quarantine rule catches only rows without another code, and gives its own."""
    if rule.action is not Action.QUARANTINE:
        return rule.mask(frame, limits)
    if rule.is_read and rule.code not in read:  # comparing texts row by row is what checking costs most
        return np.zeros(len(frame), dtype=bool)
    mask = rule.mask(judged, limits)
    if mask.any():
        codes = judged["code"].to_numpy()
        mask &= pd.isna(codes) | (codes == rule.code)
        judged.loc[mask, "code"] = rule.code
    return mask


def _blank(judged: pd.DataFrame, frame: pd.DataFrame, caught: Mapping[str, Mask]) -> None:
    """Make impossible auxiliary quantities missing, and keep what was delivered."""
    blanked = frame["blanked"].to_numpy(copy=True)
    for rule in RULES:
        if rule.action is not Action.BLANK or rule.column not in AUXILIARY or not caught[rule.code].any():
            continue
        mask = caught[rule.code]
        values = frame[rule.column].to_numpy()
        for place in np.flatnonzero(mask):
            entry = {"code": rule.code, "value": repr(float(values[place]))}
            blanked[place] = {**(blanked[place] or {}), rule.column: entry}
        judged[rule.column] = np.where(mask, np.nan, values)
    judged["blanked"] = pd.Series(blanked, index=frame.index, dtype=object)


def findings(found: Found, file_name: str) -> tuple[Finding, ...]:
    """Return what each rule caught, in figures and line numbers, without a meter's id or value."""
    return tuple(_finding(rule, found, file_name) for rule in RULES if found.counts[rule.code])


def _finding(rule: Rule, found: Found, file_name: str) -> Finding:
    """Return what one rule caught."""
    count, lines = found.counts[rule.code], found.lines[rule.code]
    share = count / found.rows
    more = f" ({count:,} such lines, {share:.2%})" if count > 1 else ""
    evidence: dict[str, Any] = {
        "action": str(rule.action),
        "column": rule.column,
        "count": count,
        "share": share,
        "lines": list(lines),
    }
    where = f"{file_name} line {lines[0]}"
    return Finding(rule.code, where, SEVERITIES[rule.action], f"{where}: {rule.sentence}{more}", evidence)


def stop_reason(found: Found, limits: Limits, file_name: str) -> str | None:
    """Return why the delivery is stopped, or None."""
    share = found.quarantined / found.rows
    if share <= limits.stop_above_share:
        return None
    worst = max((rule for rule in RULES if rule.action is Action.QUARANTINE), key=lambda rule: found.counts[rule.code])
    return (
        f"{file_name} was stopped and nothing of it loaded: {found.quarantined:,} of {found.rows:,} values "
        f"({share:.1%}) would be quarantined, over the threshold of {limits.stop_above_share:.1%} "
        f"(METER_STOP_ABOVE_SHARE). Most are {worst.code}, the first in line {found.lines[worst.code][0]}: "
        f"{worst.sentence}"
    )
