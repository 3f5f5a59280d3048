"""Rules over a delivery: one declaration each, for quarantine, the Great Expectations suite and the documentation."""

from meter_core.quality.check import Found, Verdict, check, judge
from meter_core.quality.data_docs import Drawn, document, draw
from meter_core.quality.inspector import Close, Inspected, Inspector
from meter_core.quality.judgement import Judgement, LateConflict, PartReport, judgement_of
from meter_core.quality.overview import overview_of
from meter_core.quality.rules import RULES, Action, Expectation, Limits, Rule
from meter_core.quality.subject import Subject
from meter_core.quality.suite import Suite, SuiteResult, suite_frame, warm_up

__all__ = [
    "RULES",
    "Action",
    "Close",
    "Drawn",
    "Expectation",
    "Found",
    "Inspected",
    "Inspector",
    "Judgement",
    "LateConflict",
    "Limits",
    "PartReport",
    "Rule",
    "Subject",
    "Suite",
    "SuiteResult",
    "Verdict",
    "check",
    "document",
    "draw",
    "judge",
    "judgement_of",
    "overview_of",
    "suite_frame",
    "warm_up",
]
