"""What a command prints is what was delivered, whatever brackets it has."""

import io

from rich.console import Console

from meter_core.cli.output import Speaker


def test_brackets_of_delivered_text_are_printed_as_they_are():
    written = io.StringIO()
    speaker = Speaker(False, out=Console(file=written, width=100))
    speaker.table("Values", ["as delivered"], [("M-1,[red]2024[/red],5",), ("M-1,[/b],2024",)], numeric_from=2)
    assert "M-1,[red]2024[/red],5" in written.getvalue()
    assert "M-1,[/b],2024" in written.getvalue()
