"""The table of values in helm/meter/README.md, made from values.yaml and its comments: `make chart-docs`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

CHART: Final = Path(__file__).parent / "meter"
README: Final = CHART / "README.md"
BEGIN: Final = "<!-- values: made by `make chart-docs` -->\n"


def rows(node: yaml.MappingNode, lines: list[str], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield name, default and comment of every value that has a comment above it.

    Raises:
        ValueError: a value has none.
    """
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        above = comment_above(lines, key.start_mark.line)
        if above and prefix:
            yield name, lines_of(value), above
        elif isinstance(value, yaml.MappingNode):
            yield from rows(value, lines, f"{name}.")
        else:
            raise ValueError(
                f"values.yaml line {key.start_mark.line + 1}: {name} has no comment above it; say what it does"
            )


def comment_above(lines: list[str], at: int) -> str:
    """Return the comment that ends just above a line, as one sentence."""
    begin = at
    while begin and lines[begin - 1].lstrip().startswith("#"):
        begin -= 1
    return " ".join(line.strip().lstrip("# ") for line in lines[begin:at])


def lines_of(value: yaml.Node) -> str:
    """Return a default as it stands in the file."""
    return str(value.start_mark.buffer)[value.start_mark.pointer : value.end_mark.pointer].strip("\0\n ")


def table() -> str:
    """Return the table as Markdown."""
    text = (CHART / "values.yaml").read_text()
    found = rows(yaml.compose(text), text.splitlines())  # type: ignore[arg-type]
    body = "".join(f"| `{name}` | `{default}` | {said} |\n" for name, default, said in found)
    return f"{BEGIN}| value | default | says |\n|---|---|---|\n{body}"


def main() -> int:
    """Write the table into the README."""
    before, _, _ = README.read_text().partition(BEGIN)
    README.write_text(before + table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
