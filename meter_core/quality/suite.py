"""The Great Expectations suite of a delivery, made of the rules and run over its frame.

The suite documents; it never quarantines. Quarantine comes from the rules' masks, which see every row, while an
expectation counts. A check that breaks is not bad data: it is reported as broken.
"""

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from meter_core.contracts.finding import Finding, Severity
from meter_core.quality.rules import READABLE, RULES, UNREADABLE, Action, Limits, Rule

SUITE_NAME: Final = "delivery"
GX_SEVERITIES: Final = {Action.QUARANTINE: "critical", Action.BLANK: "warning", Action.FLAG: "info"}
RESULT_FORMAT: Final = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
"""Counts and no values: pages are shared, interval data is personal."""

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the suite says of one rule.

    Attributes:
        code: The rule's.
        success: At most the stop threshold's share was unexpected. None: the check broke.
        unexpected: How many values were; None where the check broke.
        error: Why it broke.
    """

    code: str
    success: bool | None
    unexpected: int | None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class SuiteResult:
    """The suite's result: one outcome a rule, and the result object as Great Expectations made it."""

    outcomes: tuple[Outcome, ...]
    raw: Any

    @property
    def success(self) -> bool:
        """Whether every expectation that could be checked was met."""
        return all(outcome.success is not False for outcome in self.outcomes)

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """Checks that failed themselves."""
        return tuple(outcome for outcome in self.outcomes if outcome.success is None)


def warm_up() -> threading.Thread:
    """Start to import Great Expectations in the background, which takes seconds; the suite waits for the rest."""
    thread = threading.Thread(target=_great_expectations, name="import-great-expectations", daemon=True)
    thread.start()
    return thread


def run_suite(
    delivered: pd.DataFrame, judged: pd.DataFrame, limits: Limits, rules: tuple[Rule, ...] = RULES
) -> SuiteResult:
    """Run the suite over a delivery.

    Args:
        delivered: The frame as read, impossible quantities still in it.
        judged: The verdict's frame, with all codes.
        limits: What the rules compare with.
        rules: Those to check.
    """
    gx = _great_expectations()
    applicable = tuple(rule for rule in rules if _applies(rule, limits))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("deliveries").add_dataframe_asset("delivery")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": suite_frame(delivered, judged)})
    suite = gx.ExpectationSuite(name=SUITE_NAME)
    for rule in applicable:
        suite.add_expectation(_expectation(gx, rule, limits))
    raw = batch.validate(suite, result_format=RESULT_FORMAT)
    outcomes = tuple(_outcome(result) for result in raw.results)
    for result in raw.results:
        _forget_traceback(result.exception_info)
    return SuiteResult(outcomes, raw)


def suite_frame(delivered: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return what the suite looks at: the delivered values, the final codes, and two derived columns."""
    frame = delivered.drop(columns=["blanked", "code"])
    frame["code"] = judged["code"].where(judged["code"].notna(), READABLE).astype("str")
    frame[UNREADABLE] = [len(entry) if entry else 0 for entry in delivered["blanked"]]
    frame["mean_kw"] = frame["units_kwh"].abs() * 60 / frame["interval_minutes"].where(frame["interval_minutes"] > 0)
    return frame


def broken_findings(result: SuiteResult) -> tuple[Finding, ...]:
    """Return one finding for each check that failed itself: the data may be good, the check is not."""
    return tuple(
        Finding(
            "check_broken",
            f"expectation {outcome.code}",
            Severity.WARNING,
            f"the check {outcome.code} of the Great Expectations suite broke, which says nothing about the data: "
            f"{outcome.error}; the rules decided without it, report it",
        )
        for outcome in result.broken
    )


def _applies(rule: Rule, limits: Limits) -> bool:
    """Return whether a rule has anything to compare with: a range without bounds is no expectation."""
    arguments = rule.expectation(limits).arguments
    return not ({"min_value", "max_value"} & set(arguments)) or any(
        arguments.get(bound) is not None for bound in ("min_value", "max_value")
    )


def _expectation(gx: Any, rule: Rule, limits: Limits) -> Any:
    """Return a rule as an expectation that tolerates the stop threshold's share."""
    declared = rule.expectation(limits)
    return getattr(gx.expectations, declared.kind)(
        **declared.arguments,
        mostly=1 - limits.stop_above_share,
        severity=GX_SEVERITIES[rule.action],
        meta={"code": rule.code, "sentence": rule.sentence},
    )


def _outcome(result: Any) -> Outcome:
    """Return what one expectation said."""
    code = str(result.expectation_config.meta["code"])
    error = _error_of(result.exception_info)
    if error is not None:
        return Outcome(code, None, None, error)
    return Outcome(code, bool(result.success), int(result.result.get("unexpected_count") or 0))


def _error_of(info: Mapping[str, Any] | None) -> str | None:
    """Return the message of an exception: Great Expectations reports one plainly, or one for each metric."""
    if not info:
        return None
    if "raised_exception" in info:
        return str(info["exception_message"]) if info["raised_exception"] else None
    return next((message for entry in info.values() if (message := _error_of(entry))), None)


def _forget_traceback(info: dict[str, Any] | None) -> None:
    """Blank the tracebacks: pages are for people, and paths of the machine are nobody's business there."""
    for key, entry in (info or {}).items():
        if isinstance(entry, dict):
            _forget_traceback(entry)
        elif key == "exception_traceback" and info is not None:
            info[key] = ""


def _great_expectations() -> Any:
    """Import Great Expectations once, quiet and without telemetry."""
    with _lock:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations

        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        return great_expectations
