"""What stands after the question mark: named values, checked like fields of a body."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from bento.notes import shortened
from bento.schemas import Note
from bento.wire import wrong_values

_OFFSET: Final = re.compile(r" (?=\d\d:?\d\d$)")


def parameters(query: bytes, names: Collection[str]) -> dict[str, str]:
    """Return the parameters of a request.

    Args:
        query: as sent.
        names: those that there are.

    Raises:
        RefusedRequestError: 422 for others, and for one that is given twice.
    """
    given: dict[str, str] = {}
    notes = []
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in names:
            message = f"{shortened(name)} is none of the parameters here"
            notes.append(Note(shortened(name), shortened(value), message, f"leave it out; give {', '.join(names)}"))
        elif name in given:
            notes.append(Note(name, shortened(value), f"{name} is given twice", "give it once"))
        given[name] = value
    if notes:
        raise wrong_values(notes)
    return given


def stamp_of(text: str) -> str:
    """Return a stamp as it was meant: an unescaped `+` of its offset arrives as a space."""
    return _OFFSET.sub("+", text)
