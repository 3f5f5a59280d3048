"""Judge a delivery: apply every rule's mask, give codes, blank, count, and stop where too much is wrong."""

from collections.abc import Mapping
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


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the rules say of a delivery.

    Attributes:
        frame: The delivery's frame with `code` (None: to be loaded) and `blanked` completed; blanked quantities are
            NaN.
        counts: Values that each rule caught, by its code; every rule is there, a row counts for its first quarantine
            rule.
        findings: One for each rule that caught anything.
        quarantined: Rows with a code.
        stopped_reason: Why the delivery is not to be loaded at all; None where it is.
        data_docs: Where its page is; None before `document`.
    """

    frame: pd.DataFrame
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    quarantined: int
    stopped_reason: str | None = None
    data_docs: str | None = None

    @property
    def rows(self) -> int:
        """Delivered values of energy."""
        return len(self.frame)

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
    judged = frame.copy(deep=False)
    judged["code"] = pd.Series(frame["code"].to_numpy(copy=True), index=frame.index, dtype=object)
    caught = {rule.code: _apply(rule, frame, judged, limits) for rule in RULES}
    _blank(judged, frame, caught)
    quarantined = int(judged["code"].notna().sum())
    findings = tuple(_finding(rule, caught[rule.code], judged, file_name) for rule in RULES if caught[rule.code].any())
    return Verdict(
        judged,
        {code: int(mask.sum()) for code, mask in caught.items()},
        findings,
        quarantined,
        _stop(quarantined, judged, limits, file_name),
    )


def _apply(rule: Rule, frame: pd.DataFrame, judged: pd.DataFrame, limits: Limits) -> Mask:
    """Return what a rule catches; a quarantine rule catches only rows without another code, and gives its own."""
    if rule.action is not Action.QUARANTINE:
        return rule.mask(frame, limits)
    codes = judged["code"].to_numpy()
    mask = rule.mask(judged, limits) & (pd.isna(codes) | (codes == rule.code))
    if mask.any():
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


def _finding(rule: Rule, mask: Mask, frame: pd.DataFrame, file_name: str) -> Finding:
    """Return what a rule caught, in figures and line numbers, without a meter's id or value."""
    count, lines = int(mask.sum()), frame["line"].to_numpy()[mask]
    share = count / len(frame)
    more = f" ({count:,} such lines, {share:.2%})" if count > 1 else ""
    evidence: dict[str, Any] = {
        "action": str(rule.action),
        "column": rule.column,
        "count": count,
        "share": share,
        "lines": [int(line) for line in lines[:SHOWN_LINES]],
    }
    where = f"{file_name} line {lines[0]}"
    return Finding(rule.code, where, SEVERITIES[rule.action], f"{where}: {rule.sentence}{more}", evidence)


def _stop(quarantined: int, judged: pd.DataFrame, limits: Limits, file_name: str) -> str | None:
    """Return why the delivery is stopped, or None."""
    share = quarantined / len(judged)
    if share <= limits.stop_above_share:
        return None
    codes = judged["code"]
    code = str(codes.value_counts().index[0])
    line = int(judged["line"].to_numpy()[(codes == code).to_numpy()][0])
    sentence = next(rule.sentence for rule in RULES if rule.code == code)
    return (
        f"{file_name} was stopped and nothing of it loaded: {quarantined:,} of {len(judged):,} values ({share:.1%}) "
        f"would be quarantined, over the threshold of {limits.stop_above_share:.1%} (METER_STOP_ABOVE_SHARE). "
        f"Most are {code}, the first in line {line}: {sentence}"
    )
