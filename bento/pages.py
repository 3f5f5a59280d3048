"""What GET answers: the page and its files, the API's documentation, the model card."""

import hashlib
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bento.champion import ChampionSource
from bento.data_docs import document_at
from bento.openapi import openapi
from bento.private import api_page_assets
from bento.wire import RefusedRequestError, encode
from meter_core.contracts import features

PAGE_FOLDER: Final = Path(__file__).parent / "page"

_ONLY_OURS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WITH_OWN_STYLE: Final = _ONLY_OURS.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI styles its elements while it runs; a page of the data docs brings its style sheet inside."""

API_PAGE_FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css")


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is sent."""

    body: bytes
    content_type: bytes
    etag: bytes
    headers: Sequence[tuple[bytes, bytes]]


class Pages:
    """All GET routes of the lean application, read once.

    Args:
        source: whose model card `/model` shows.
        data_docs: folder of the data docs, where it is on this machine.
    """

    def __init__(self, source: ChampionSource, data_docs: Path | None = None) -> None:
        self._source, self._data_docs = source, data_docs
        self._fixed: dict[str, Page] = {
            "/docs.json": as_page(encode(openapi()), "application/json"),
            "/page/rules.json": as_page(encode(rules()), "application/json"),
        }
        for file in sorted(PAGE_FOLDER.iterdir()):
            self._fixed[_route(file)] = file_page(file, WITH_OWN_STYLE if file.name == "docs.html" else _ONLY_OURS)
        for name in API_PAGE_FILES:
            self._fixed[f"/page/{name}"] = file_page(api_page_assets() / name)

    def find(self, path: str) -> Callable[[], Page] | None:
        """Return what makes a route's page, None where there is no such route."""
        if path == "/model":
            return self._model
        if self._data_docs is not None and (document := document_at(self._data_docs, path)) is not None:
            return partial(file_page, document, WITH_OWN_STYLE)
        page = self._fixed.get(path)
        return partial(_same, page) if page else None

    def _model(self) -> Page:
        """Return the model card.

        Raises:
            RefusedRequestError: 503 where there is no model.
        """
        champion = self._source.champion
        if champion is None:
            raise RefusedRequestError(503, self._source.reason)
        trained_on = {"model_version": champion.version, "stale": self._source.stale, "notice": self._source.reason}
        return as_page(encode(champion.card | trained_on), "application/json")


def rules() -> dict[str, Any]:
    """Return the constants of the derived features and the ranges, for the page: they stand in contracts once."""
    return {
        "usual": features.USUAL_RANGE,
        "possible": features.POSSIBLE_RANGE,
        "voltage_low_v": features.VOLTAGE_LOW_V,
        "voltage_high_v": features.VOLTAGE_HIGH_V,
        "pf_issue_below": features.PF_ISSUE_BELOW,
        "high_temp_above_c": features.HIGH_TEMP_ABOVE_C,
        "full_load_kw": features.FULL_LOAD_KW,
        "weekend_from": features.WEEKEND_FROM,
        "recent_values": features.RECENT_VALUES,
    }


def file_page(file: Path, policy: str = _ONLY_OURS) -> Page:
    """Return a file as it is sent."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return as_page(file.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, policy)


def as_page(body: bytes, content_type: str, policy: str = _ONLY_OURS) -> Page:
    """Return a body with the headers of every page."""
    headers = (
        (b"cache-control", b"no-cache"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    )
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    return Page(body, content_type.encode(), etag, headers)


def _route(file: Path) -> str:
    """Return where a file of the page is found."""
    return {"index.html": "/", "docs.html": "/docs", "favicon.svg": "/favicon.svg"}.get(file.name, f"/page/{file.name}")


def _same(page: Page) -> Page:
    return page
