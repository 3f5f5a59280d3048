"""What the descriptions of all routes are made of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

REF: Final = "#/components/schemas/{name}"

PROBLEMS: Final = {
    400: "Not JSON",
    401: "No key, or none that is known, where keys are asked for",
    403: "A key that may not see this",
    404: "No such meter is known here, or none that the key may see",
    408: "The body did not arrive in time",
    413: "Too many readings or bytes",
    422: "Wrong values, each with path, value and remedy",
    429: "Overload; Retry-After says when",
    503: "No model yet, or no database that answers",
}
X_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The client's own where it sent a plain one, else a fresh one; the log has it too.",
        "required": True,
        "schema": {"type": "string"},
    }
}
X_MODEL_STALE: Final = {
    "X-Model-Stale": {
        "description": "true while the registry has not confirmed the model, so that there may be a newer one.",
        "schema": {"type": "string", "const": "true"},
    }
}
RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
REFUSED: Final = tuple(status for status in PROBLEMS if status != 404)
"""What a route with a body may refuse."""


def post(name: str, tag: str, summary: str, asked: Any, given: Any, examples: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a POST route."""
    named = {title: {"value": value} for title, value in examples.items()}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked, "examples": named}}},
        "responses": {"200": answer("Predicted", given, X_MODEL_STALE), **problems(*REFUSED)},
    }


def answer(description: str, schema: Any, headers: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the description of an answer in JSON."""
    content = {"application/json": {"schema": schema}}
    return {"description": description, "headers": X_REQUEST_ID | dict(headers), "content": content}


def problems(*statuses: int) -> dict[str, Any]:
    """Return the descriptions of problems, by status."""
    content = {"application/problem+json": {"schema": {"$ref": ref("Problem")}}}
    return {
        str(status): {
            "description": PROBLEMS[status],
            "headers": X_REQUEST_ID | (RETRY_AFTER if status in (429, 503) else {}),
            "content": content,
        }
        for status in statuses
    }


def ref(name: str) -> str:
    """Return the reference to a schema."""
    return REF.format(name=name)
