"""The rule about skips: a test says why it skips, and CI allows only the skips that are listed here."""

import os

import pytest

ALLOWED_SKIPS: dict[str, str] = {}
"""Test id (or its beginning) -> the reason why CI may skip it."""

_refused: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and not report.nodeid.startswith(tuple(ALLOWED_SKIPS) or "\0")
    ):
        _refused.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped and not report.nodeid.startswith(tuple(ALLOWED_SKIPS) or "\0"):
        _refused.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") and _refused and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and _refused:
        terminalreporter.section("skips that CI does not allow (tests/conftest.py lists those it does)")
        for nodeid in _refused:
            terminalreporter.line(nodeid)
