"""The Great Expectations suite of a delivery, made of the rules and run over its frame.

The suite documents; it never quarantines. Quarantine comes from the rules' masks, which see every row, while an
expectation counts. A check that breaks is not bad data: it is reported as broken.
"""

import copy
import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.readings import AUXILIARY
from meter_core.quality.rules import (
    READABLE,
    REGISTER_GAP,
    RULES,
    UNREADABLE,
    Action,
    Limits,
    Rule,
    unreadable_quantities,
)

SUITE_NAME: Final = "delivery"
GX_SEVERITIES: Final = {Action.QUARANTINE: "critical", Action.BLANK: "warning", Action.FLAG: "info"}
RESULT_FORMAT: Final = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
"""Counts and no values: pages are shared, interval data is personal."""

CODES: Final = [READABLE, *(rule.code for rule in RULES)]

GAPS: Final = next(rule for rule in RULES if rule.code == REGISTER_GAP)

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


class Suite:
    """The suite, ready to be run over any number of parts of deliveries; waits for the import where it has to.

    Args:
        limits: What the rules compare with.
        rules: Those to check.
    """

    def __init__(self, limits: Limits, rules: tuple[Rule, ...] = RULES) -> None:
        gx = _great_expectations()
        from great_expectations.execution_engine import pandas_execution_engine
        from great_expectations.validator.v1_validator import Validator

        pandas_execution_engine.HASH_THRESHOLD = 0  # bytes: no fingerprint of the values, which costs as much as a rule
        self._validator = Validator
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("deliveries").add_dataframe_asset("delivery")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")
        self._suite = gx.ExpectationSuite(name=SUITE_NAME)
        applicable = [rule for rule in rules if _applies(rule, limits)]
        self._columns = {rule.expectation(limits).arguments["column"] for rule in applicable}
        for rule in applicable:
            self._suite.add_expectation(_expectation(gx, rule, limits))

    def run(self, frame: pd.DataFrame) -> SuiteResult:
        """Run the suite over a `suite_frame`."""
        unasked = [name for name in frame if name not in self._columns and name != "code"]  # each is copied
        asked = frame.drop(columns=unasked)
        # a batch that validates itself loads its data a second time
        raw = self._validator(
            batch_definition=self._batches, batch_parameters={"dataframe": asked}, result_format=RESULT_FORMAT
        ).validate_expectation_suite(self._suite)
        for result in raw.results:
            _forget_traceback(result.exception_info)
        return SuiteResult(tuple(_outcome(result) for result in raw.results), raw)


def suite_frame(delivered: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return what the suite looks at: the delivered values, the final codes, and two derived columns.

    Args:
        delivered: The frame as read, impossible quantities still in it.
        judged: The same with all codes.
    """
    frame = delivered[["reading_ts", "units_kwh", *AUXILIARY]].copy(deep=False)
    places = np.zeros(len(frame), dtype=np.int8)  # texts are slow to compare: each code by its place in CODES
    given = judged["code"].notna().to_numpy()
    places[given] = pd.Index(CODES).get_indexer(judged["code"].array[given])
    places[GAPS.mask(judged, Limits())] = CODES.index(REGISTER_GAP)
    frame["code"] = pd.Categorical.from_codes(places, pd.Index(CODES))
    frame[UNREADABLE] = unreadable_quantities(delivered).astype(np.int64)  # other widths are compared one by one
    frame["mean_kw"] = frame["units_kwh"].abs() * 60 / delivered["interval_minutes"].where(lambda minutes: minutes > 0)
    return frame.reset_index(drop=True)


def merged_results(parts: Sequence[SuiteResult], later: Mapping[str, int], limits: Limits) -> SuiteResult:
    """Return the result of a delivery from those of its parts.

    Args:
        parts: One or more, of the same suite.
        later: Values that only the whole delivery shows to be wrong, by the code of their rule.
        limits: What the parts were checked with.
    """
    raw = copy.deepcopy(parts[0].raw)
    for place, result in enumerate(raw.results):
        same = [part.raw.results[place] for part in parts]
        broken = next((each for each in same if _error_of(each.exception_info) is not None), None)
        if broken is not None:
            result.success, result.result, result.exception_info = False, broken.result, broken.exception_info
            continue
        code = str(result.expectation_config.meta["code"])
        result.result = _summed([each.result for each in same], later.get(code, 0))
        result.success = result.result["unexpected_percent"] <= 100 * limits.stop_above_share
    met = sum(bool(result.success) for result in raw.results)
    raw.success = met == len(raw.results)
    raw.statistics = {
        "evaluated_expectations": len(raw.results),
        "successful_expectations": met,
        "unsuccessful_expectations": len(raw.results) - met,
        "success_percent": 100 * met / len(raw.results),
    }
    return SuiteResult(tuple(_outcome(result) for result in raw.results), raw)


def _summed(results: Sequence[Mapping[str, Any]], later: int) -> dict[str, Any]:
    """Return the figures of one expectation, summed over parts."""
    elements, missing, unexpected = (
        sum(int(result.get(name) or 0) for result in results)
        for name in ("element_count", "missing_count", "unexpected_count")
    )
    unexpected += later
    share = 100 * unexpected / (elements - missing) if elements > missing else 0.0
    return {
        **results[0],
        "element_count": elements,
        "missing_count": missing,
        "missing_percent": 100 * missing / elements if elements else 0.0,
        "unexpected_count": unexpected,
        "unexpected_percent": share,
        "unexpected_percent_nonmissing": share,
        "unexpected_percent_total": 100 * unexpected / elements if elements else 0.0,
    }


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
        if "great_expectations" not in sys.modules:
            os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
            with _uncollected():
                import great_expectations  # noqa: F401 - below it is there
            logging.getLogger("great_expectations").setLevel(logging.WARNING)
        return sys.modules["great_expectations"]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: what a long import makes would be gone through again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
