"""The Great Expectations suite in a process of its own: it needs seconds to import and a core to run on.

The process is told of a delivery part by part, runs the suite over many parts at once, and at the end draws the
delivery's page. It ends when its standard input does, so it never outlives whoever started it.
"""

import atexit
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from signal import SIGKILL
from types import TracebackType
from typing import IO, Any, ClassVar, Final, Self

import pandas as pd

from meter_core.contracts.errors import UnavailableError
from meter_core.contracts.finding import Finding
from meter_core.quality.data_docs import Drawn, draw
from meter_core.quality.judgement import LateConflict, PartReport, judgement_of
from meter_core.quality.rules import Limits
from meter_core.quality.subject import Subject
from meter_core.quality.suite import Suite, SuiteResult, warm_up

ROWS_A_SUITE: Final = 500_000
"""Over how many values the suite runs at once: it costs a fifth of a second however few they are."""
WAITING_SUITES: Final = 1
"""How many may wait: each holds 40 MB. Then whoever sends parts has to wait too."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A delivery begins."""

    limits: Limits


@dataclass(frozen=True, slots=True)
class Close:
    """A delivery has been read: see `judgement_of` and `draw`."""

    report: PartReport
    late: Sequence[LateConflict]
    subject: Subject


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is said of a delivery.

    Attributes:
        findings: One for each rule that caught anything, and for each check that broke.
        drawn: Its page.
    """

    findings: tuple[Finding, ...]
    drawn: Drawn


class Inspector:
    """The process, as seen by the one that uses it. One that is no longer needed is kept for the next to come.

    Args:
        limits: What rules and suite compare with.
    """

    _idle: ClassVar[list["_Process"]] = []

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: _Process | None = None
        self._is_open = False

    def __enter__(self) -> Self:
        """Return the inspector; a process is started only when there is something to do for it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the process: one is kept, unless it is in the middle of something."""
        self._forget_open()
        if self._process is None:
            return
        if error is None and not self._idle:
            self._idle.append(self._process)
        else:
            self._process.end()

    def start(self) -> None:
        """Start the process, where there is none yet."""
        if self._process is None:
            with suppress(IndexError):
                idle = self._idle.pop()
                if idle.is_ours:
                    self._process = idle
                else:
                    idle.end()
            self._process = self._process or _Process()

    def begin(self) -> None:
        """Begin a delivery. One before that was given up takes its process with it: its suite may still run."""
        self._forget_open()
        self.start()
        self._is_open = True
        self.send(Begin(self._limits))

    def send(self, message: pd.DataFrame | Begin | Close) -> None:
        """Tell the process something.

        Raises:
            UnavailableError: it has ended.
        """
        assert self._process is not None  # noqa: S101 - a delivery has begun
        self._process.send(message)

    def answer(self) -> Inspected:
        """Return what the process says of the delivery that was closed.

        Raises:
            UnavailableError: it has ended.
        """
        assert self._process is not None  # noqa: S101 - a delivery has begun
        answer = self._process.answer()
        self._is_open = False
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _forget_open(self) -> None:
        """End the process that waits for the rest of a delivery, or for its answer to be taken."""
        if self._is_open and self._process is not None:
            self._process.end()
            self._process, self._is_open = None, False


class _Process:
    """A process that serves."""

    def __init__(self) -> None:
        told = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # who started it decides, from the first
        command = [sys.executable, "-P", "-c", f"{told}; from {__name__} import main; main()"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._owner = os.getpid()
        atexit.register(self.end)

    @property
    def is_ours(self) -> bool:
        """Whether it still serves this process, which may be a fork of the one that started it."""
        return self._owner == os.getpid() and self._process.poll() is None

    def send(self, message: Any) -> None:
        """Write a message."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._gone() from error

    def answer(self) -> Inspected | Exception:
        """Wait for an answer."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        try:
            answer: Inspected | Exception = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (EOFError, pickle.UnpicklingError) as error:  # gone before it said all
            raise self._gone() from error
        return answer

    def end(self) -> None:
        """End it."""
        atexit.unregister(self.end)
        if self._owner == os.getpid():
            self._process.kill()  # it holds nothing that is worth a word
            self._process.communicate()

    def _gone(self) -> UnavailableError:
        """Return what to say where it has ended."""
        status = self._process.wait()
        remedy = "Give it more memory, and" if status == -SIGKILL else "See what it said above, and"
        return UnavailableError(
            f"the process that runs the quality suite ended (status {status}); nothing was changed. {remedy} run the "
            "same again"
        )


class _Suites:
    """The suite over the parts of one delivery, run in a thread while further parts come in.

    Args:
        limits: What it compares with.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._unchecked: list[pd.DataFrame] = []
        self._runs: list[Future[SuiteResult]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="suite")

    def add(self, frame: pd.DataFrame) -> None:
        """Take a `suite_frame`."""
        self._unchecked.append(frame)
        if sum(map(len, self._unchecked)) >= ROWS_A_SUITE:
            self._start()

    def results(self) -> list[SuiteResult]:
        """Return what the suite says, when all of the delivery has been taken."""
        self._start()
        self._thread.shutdown()
        return [run.result() for run in self._runs]

    def _start(self) -> None:
        """Run the suite over what it has not seen."""
        if len(self._runs) >= WAITING_SUITES:
            self._runs[-WAITING_SUITES].exception()
        if self._unchecked:
            self._runs.append(self._thread.submit(self._run, self._unchecked))
        self._unchecked = []

    def _run(self, frames: list[pd.DataFrame]) -> SuiteResult:
        frame = pd.concat(frames, ignore_index=True)
        frames.clear()  # they are as large again
        result = self._suite.run(frame)
        del frame
        gc.collect()  # what was checked stands in circles of references, which may live for long
        return result

    @cached_property
    def _suite(self) -> Suite:
        suite = Suite(self.limits)
        if not gc.get_freeze_count():  # once: what deliveries leave behind is to be collected
            gc.freeze()  # what was imported stays, and need not be gone through
        return suite


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer for as long as anybody asks.

    Args:
        requests: Pickled: for each delivery a Begin, its `suite_frame`s, and a Close.
        answers: Pickled: to each Close an Inspected, or the exception that is to be raised.
    """
    warm_up()
    suites: _Suites | None = None
    with suppress(EOFError, pickle.UnpicklingError):  # who started this one has gone, maybe in the middle of a word
        while True:
            message: pd.DataFrame | Begin | Close = pickle.load(requests)  # noqa: S301 - from who started this process
            if isinstance(message, Begin):
                suites = _Suites(message.limits)
                continue
            assert suites is not None  # noqa: S101 - a delivery has begun
            if isinstance(message, Close):
                pickle.dump(_closed(message, suites), answers)
                answers.flush()
            else:
                suites.add(message)


def _closed(delivery: Close, suites: _Suites) -> Inspected | Exception:
    """Return what is said of a delivery, and draw it; an error is the other process's to raise."""
    try:
        subject, limits = delivery.subject, suites.limits
        judgement = judgement_of(delivery.report, suites.results(), delivery.late, limits, subject.file_name)
        return Inspected(judgement.findings, draw(judgement, subject, limits))
    except Exception as error:
        return error


def main() -> None:
    """Serve the process that started this one; what is printed by chance does not mix with the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
