"""Rules over a delivery: one declaration each, for quarantine, the Great Expectations suite and the documentation."""

from meter_core.quality.check import Verdict, check
from meter_core.quality.data_docs import document
from meter_core.quality.rules import RULES, Action, Expectation, Limits, Rule
from meter_core.quality.subject import Subject
from meter_core.quality.suite import warm_up

__all__ = [
    "RULES",
    "Action",
    "Expectation",
    "Limits",
    "Rule",
    "Subject",
    "Verdict",
    "check",
    "document",
    "warm_up",
]
