"""What GET answers: the page and its files, the API's documentation, the model card."""

import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bento.champion import Champion, ChampionSource
from bento.data_docs import ROUTE, document_at
from bento.frame import PAGE_FOLDER, PAGES, framed
from bento.openapi import openapi
from bento.private import api_page_assets
from bento.routes import Handler, Request, Route
from bento.schemas import FIELD_TYPES, REQUIRED
from bento.wire import Answer, RefusedRequestError, encode
from meter_core.contracts import features

_ONLY_OURS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WITH_OWN_STYLE: Final = _ONLY_OURS.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI styles its elements while it runs; a page of the data docs brings its style sheet inside."""

API_PAGE_FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css")


def page_routes(source: ChampionSource[Champion], data_docs: Path | None) -> Iterator[Route]:
    """Yield the routes of the page, its files, the documentation and the model card; files are read once.

    Args:
        source: whose model card `/model` shows.
        data_docs: folder of the data docs, where it is on this machine and may be shown to anyone.
    """
    yield Route("GET", "/model", _card_of(source))
    yield _fixed("/docs.json", as_page(encode(openapi()), "application/json"))
    yield _fixed("/page/rules.json", as_page(encode(rules()), "application/json"))
    for page in PAGES:
        policy = WITH_OWN_STYLE if page.name == "docs" else _ONLY_OURS
        yield _fixed(page.path, as_page(framed(page).encode(), "text/html; charset=utf-8", policy))
    for file in sorted(PAGE_FOLDER.iterdir()):
        if file.suffix != ".html":
            yield _fixed(_route(file), file_page(file))
    for name in API_PAGE_FILES:
        yield _fixed(f"/page/{name}", file_page(api_page_assets() / name))
    if data_docs is not None:
        yield Route("GET", f"{ROUTE}{{document...}}", _documents_of(data_docs), public=True)


def _fixed(path: str, page: Answer) -> Route:
    """Return the route of a page that never changes."""

    async def answered(_: Request) -> Answer:
        return page

    return Route("GET", path, answered, public=True)


def _card_of(source: ChampionSource[Champion]) -> Handler:
    """Return what answers `/model`: 503 where there is no model."""

    async def answered(_: Request) -> Answer:
        champion = source.champion
        if champion is None:
            raise RefusedRequestError(503, source.reason)
        trained_on = {"model_version": champion.version, "stale": source.stale, "notice": source.notice}
        return as_page(encode(champion.card | trained_on), "application/json")

    return answered


def _documents_of(folder: Path) -> Handler:
    """Return what answers below `/data_docs/`."""

    async def answered(request: Request) -> Answer:
        document = document_at(folder, ROUTE + request.params["document"])
        if document is None:
            raise RefusedRequestError(
                404, "there is no such page among the data docs; /data_docs/index.html lists them"
            )
        return file_page(document, WITH_OWN_STYLE)

    return answered


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
        "batch_limit": features.BATCH_LIMIT,
        "fields": list(FIELD_TYPES),
        "required": list(REQUIRED),
    }


def file_page(file: Path, policy: str = _ONLY_OURS) -> Answer:
    """Return a file as it is sent."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return as_page(file.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, policy)


def as_page(body: bytes, content_type: str, policy: str = _ONLY_OURS) -> Answer:
    """Return a body with the headers of every page."""
    headers = (
        (b"cache-control", b"no-cache"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    )
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    return Answer(body, content_type.encode(), ((b"etag", etag), *headers))


def _route(file: Path) -> str:
    """Return where a file of the page is found."""
    return "/favicon.svg" if file.name == "favicon.svg" else f"/page/{file.name}"
