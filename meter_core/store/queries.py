"""The SQL of this product: every statement stands in `queries.sql`, under its name."""

import re
from functools import cache
from importlib import resources
from typing import LiteralString


@cache
def _all() -> dict[str, LiteralString]:
    """Return name -> statement."""
    text = resources.files("meter_core.store").joinpath("queries.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def query(name: str) -> LiteralString:
    """Return the statement of that name.

    Raises:
        KeyError: where `queries.sql` has none.
    """
    return _all()[name]
