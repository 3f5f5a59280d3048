"""What a command prints is what was delivered, whatever brackets it has."""

import io

import pytest
from rich.console import Console

from meter_core.cli import output
from meter_core.cli.output import Speaker


def test_brackets_of_delivered_text_are_printed_as_they_are():
    written = io.StringIO()
    speaker = Speaker(False, out=Console(file=written, width=100))
    speaker.table("Values", ["as delivered"], [("M-1,[red]2024[/red],5",), ("M-1,[/b],2024",)], numeric_from=2)
    assert "M-1,[red]2024[/red],5" in written.getvalue()
    assert "M-1,[/b],2024" in written.getvalue()


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_step_that_only_counts_on_is_told_every_few_seconds(clock):
    written = io.StringIO()
    with Speaker(False, err=Console(file=written, width=100)).progress("starting") as bar:
        for block in range(1, 51):  # an eighth of a second each
            bar(f"day 1.csv: {70_000 * block:,} lines read")
            clock[0] += 0.125
        bar("day 1.csv: comparing 7,000,000 lines with what is stored")
        bar("day 2.csv: reading")
        bar("day 3.csv: reading")
    told = written.getvalue().splitlines()
    assert [line.split()[2] for line in told if line.endswith("lines read")] == ["70,000", "1,750,000", "3,430,000"]
    assert told[-3:] == [
        "  day 1.csv: comparing 7,000,000 lines with what is stored",
        "  day 2.csv: reading",
        "  day 3.csv: reading",
    ]
