"""The pages that people open: each a file of `bento/page/` in one common frame, put together once at the start."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

PAGE_FOLDER: Final = Path(__file__).parent / "page"
FRAME: Final = "frame.html"


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its own address.

    Attributes:
        path: of its address.
        name: `NAME.html` is what stands in the frame, `NAME.js` the module that brings it to life.
        label: in the navigation.
        about: one sentence for who finds the page elsewhere.
    """

    path: str
    name: str
    label: str
    about: str


PAGES: Final = (
    Page("/", "predict", "Predict", "Predicts the energy of a meter's next interval, with its range and its reasons."),
    Page("/batch", "batch", "Batch", "Predicts every reading of a CSV file, and gives the predictions as a file."),
    Page("/consumption", "consumption", "Meters", "What a meter used lately, and what it is expected to use next."),
    Page("/model-card", "model_card", "Model", "Which model answers, what it learned from, how good it is."),
    Page("/docs", "docs", "API", "The API's documentation, to read and to try."),
)


def framed(page: Page) -> str:
    """Return a page as HTML."""
    frame = (PAGE_FOLDER / FRAME).read_text()
    parts = {
        "title": f"{page.label} \N{EN DASH} Meter consumption",
        "about": escape(page.about),
        "name": page.name,
        "navigation": "\n".join(_link(one, here=one is page) for one in PAGES),
        "main": (PAGE_FOLDER / f"{page.name}.html").read_text(),
    }
    for name, value in parts.items():
        frame = frame.replace(f"{{{{{name}}}}}", value)
    return frame


def _link(page: Page, *, here: bool) -> str:
    """Return a page's place in the navigation."""
    current = ' aria-current="page"' if here else ""
    return f'<a href="{page.path}"{current}>{page.label}</a>'
