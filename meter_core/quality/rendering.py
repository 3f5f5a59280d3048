"""HTML pages of one look that load nothing from elsewhere: `templates/base.html` around each, `page.css` in it."""

from functools import partial
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

HERE = "meter_core.quality"


class Render(Protocol):
    """Renders a template by its name."""

    def __call__(self, template: str, **values: Any) -> str:
        """Return the page."""


def pages_of(package: str) -> Render:
    """Return what renders the templates of a package, which extend `base.html`.

    Args:
        package: with a folder `templates`.
    """
    loader = ChoiceLoader([PackageLoader(name, "templates") for name in dict.fromkeys((package, HERE))])
    return partial(_page, Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True))


def _page(templates: Environment, template: str, **values: Any) -> str:
    css = (files(HERE) / "templates" / "page.css").read_text(encoding="utf-8")
    return templates.get_template(template).render(css=Markup(css), **values)  # noqa: S704 - our own file
