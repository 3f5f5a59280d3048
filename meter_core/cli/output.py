"""How a command speaks: results on stdout as tables or one JSON object, progress and errors on stderr."""

import json
import logging
import math
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from meter_core.contracts.errors import MeterError
from meter_core.contracts.plain_json import plain
from meter_core.contracts.wording import figure

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")]

INTERRUPTED = 130
FIGURES: Final = re.compile(r"(?<!\S)[\d,.]+(?!\S)")
TELL_AGAIN_S: Final = 3.0
"""Without a terminal a step whose figures alone change is told so often."""


@dataclass
class Speaker:
    """One command's voice.

    Attributes:
        as_json: Whether stdout gets one JSON object instead of tables.
    """

    as_json: bool
    out: Console = field(default_factory=lambda: Console(file=sys.stdout, highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def say(self, text: str) -> None:
        """Print one line of progress to stderr."""
        self.err.print(text, markup=False, soft_wrap=True)

    def result(self, values: Mapping[str, Any]) -> bool:
        """Print the JSON object where it was asked for; say whether it was."""
        if self.as_json:
            self.out.file.write(json.dumps(plain(values), default=str, allow_nan=False) + "\n")
            self.out.file.flush()
        return self.as_json

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], numeric_from: int = 1) -> None:
        """Print a table; columns from `numeric_from` on are numbers and stand right."""
        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
        for n, name in enumerate(columns):
            is_number = n >= numeric_from
            table.add_column(
                name, justify="right" if is_number else "left", overflow="fold", no_wrap=n == 0 or is_number
            )
        for row in rows:
            table.add_row(*(Text(figure(value)) for value in row))
        self.out.print(table)

    def heading(self, text: str) -> None:
        """Print a line above what belongs to it."""
        self.out.print(f"\n{text}", style="bold", markup=False)

    def facts(self, pairs: Mapping[str, Any]) -> None:
        """Print name and value, one a line, aligned; a long value is not broken, so that it can be copied."""
        width = max(map(len, pairs), default=0)
        for name, value in pairs.items():
            line = Text.assemble((name.ljust(width), "dim"), "  ", figure(value))
            self.out.print(line, soft_wrap=True)

    @contextmanager
    def progress(self, text: str) -> Iterator["Bar"]:
        """Show a bar while the block runs; without a terminal, each new step once as a line."""
        if not self.err.is_terminal:
            self.say(text)
            yield Bar(self)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.err, transient=True) as shown:
            yield Bar(self, shown, shown.add_task(text, total=None))


@dataclass
class Bar:
    """What jobs report their progress to: call it with a sentence, and with a share from 0 to 1 where it is known."""

    speaker: Speaker
    shown: Progress | None = None
    task: Any = None
    last: str = ""
    told_at: float = -math.inf

    def __call__(self, text: str, share: float | None = None) -> None:
        """Show where the job is."""
        if self.shown is not None:
            self.shown.update(self.task, description=text, total=None if share is None else 1.0, completed=share or 0.0)
        elif text != self.last and not self._only_counts_on(text):
            self.speaker.say(f"  {text}")
            self.told_at = time.monotonic()
            self.last = text

    def _only_counts_on(self, text: str) -> bool:
        """Say whether a step is the one that was told just now, with other figures: a log needs no line of each."""
        is_same = FIGURES.sub("", text) == FIGURES.sub("", self.last)
        return is_same and time.monotonic() - self.told_at < TELL_AGAIN_S


@contextmanager
def speaking(as_json: bool) -> Iterator[Speaker]:
    """Give a command its voice; turn errors into a sentence on stderr and the exit status of the design.

    Raises:
        typer.Exit: with 1, 2 or 3 for an error of ours, 130 for Ctrl-C.
    """
    level = os.environ.get("METER_LOG_LEVEL", "WARNING")
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it sets INFO for itself
    _listen()
    speaker = Speaker(as_json)
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints links of its own
            yield speaker
    except MeterError as error:
        fail(speaker, str(error), error.exit_status)
    except KeyboardInterrupt:
        fail(speaker, "interrupted", INTERRUPTED)


def _listen() -> None:
    """Let SIGTERM and a closed terminal stop what was started, unless they are ignored on purpose (`nohup`).

    Where SIGINT is ignored, as in a script's `meter up &`, processes that are started would ignore it too, and by it
    Prefect's worker stops: a handler that does nothing is not handed on.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(stop) is not signal.SIG_IGN:
            signal.signal(stop, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    """Turn a signal to stop into Ctrl-C, so that every `finally` runs.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt(signal.Signals(number).name)


def fail(speaker: Speaker, message: str, exit_status: int) -> NoReturn:
    """Say the error, as JSON too where it was asked for, and leave with the status."""
    speaker.err.print(f"error: {message}", style="red", markup=False)
    speaker.result({"error": message, "exit_status": exit_status})
    raise typer.Exit(exit_status)
