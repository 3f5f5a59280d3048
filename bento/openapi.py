"""The API's description, from the same declarations that decode and check."""

from typing import Any, Final

import msgspec

from bento.schemas import Predictions, PredictionTable, Problem, Reading, Readings, Table
from meter_core import __version__

EXAMPLE: Final = {
    "voltage_v": 237.5,
    "temperature_c": None,
    "power_factor": 0.998,
    "load_kw": 2.79,
    "frequency_hz": None,
    "reading_ts": "2006-12-16T18:00:00+01:00",
    "zone": "Europe/Paris",
}
TABLE_EXAMPLE: Final = {
    "columns": [
        "voltage_v",
        "temperature_c",
        "power_factor",
        "load_kw",
        "frequency_hz",
        "local_hour",
        "local_day_of_week",
    ],
    "rows": [[237.5, None, 0.998, 2.79, None, 18, 5], [232.0, None, 1.0, 4.07, None, 19, 5]],
}
REF: Final = "#/components/schemas/{name}"
EITHER_TIME: Final = [{"required": ["reading_ts", "zone"]}, {"required": ["local_hour", "local_day_of_week"]}]


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of what the service answers."""
    types = (Reading, Readings, Table, Predictions, PredictionTable, Problem)
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    schemas["Reading"] |= {"anyOf": EITHER_TIME, "example": EXAMPLE}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Meter consumption", "version": __version__, "description": _ABOUT},
        "paths": {
            "/predict": {"post": _predict()},
            "/predict_batch": {"post": _predict_batch()},
            "/model": {
                "get": _get(
                    "Model",
                    "The model card: version, data window, scores beside baselines, features, limits.",
                    card=True,
                )
            },
            "/livez": {"get": _get("Operate", "Whether the process lives.")},
            "/readyz": {
                "get": _get(
                    "Operate", "200 when a model is loaded or the registry has none yet, else 503.", unready=True
                )
            },
            "/metrics": {"get": _get("Operate", "Prometheus metrics.")},
        },
        "components": {"schemas": schemas},
    }


_ABOUT: Final = (
    "Energy in kWh of the interval that starts with a reading, its 80 % range and how it compares with what is usual. "
    "Errors are application/problem+json with one entry a field: path, value, message, remedy."
)


def _predict() -> dict[str, Any]:
    return _post(
        "predict",
        "Predict one reading",
        {"$ref": _ref("Reading")},
        {"$ref": _ref("Prediction")},
        {"one reading": EXAMPLE},
    )


def _predict_batch() -> dict[str, Any]:
    asked = {"anyOf": [{"$ref": _ref("Readings")}, {"$ref": _ref("Table")}]}
    given = {"anyOf": [{"$ref": _ref("Predictions")}, {"$ref": _ref("PredictionTable")}]}
    examples = {"as objects": {"readings": [EXAMPLE]}, "as columns": TABLE_EXAMPLE}
    return _post(
        "predict_batch", "Predict up to 10,000 readings, answered in the layout they come in", asked, given, examples
    )


def _post(name: str, summary: str, asked: Any, given: Any, examples: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a POST route."""
    named = {title: {"value": value} for title, value in examples.items()}
    problems = {str(status): _problem(text) for status, text in _PROBLEMS.items()}
    return {
        "operationId": name,
        "tags": ["Predict"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked, "examples": named}}},
        "responses": {"200": _json("Predicted", given), **problems},
    }


def _get(tag: str, summary: str, *, card: bool = False, unready: bool = False) -> dict[str, Any]:
    """Return the description of a GET route."""
    answer = _json("The card", {"type": "object"}) if card else {"description": "Yes"}
    responses: dict[str, Any] = {"200": answer}
    if card:
        responses["503"] = _problem(_PROBLEMS[503])
    if unready:
        responses["503"] = {"description": "A champion exists that is not loaded, or the registry cannot be asked"}
    return {"tags": [tag], "summary": summary, "responses": responses}


_PROBLEMS: Final = {
    400: "Not JSON",
    413: "Too many readings or bytes",
    422: "Wrong values, each with path, value and remedy",
    429: "Overload; Retry-After says when",
    503: "No model yet",
}


def _json(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": {"$ref": _ref("Problem")}}}}


def _ref(name: str) -> str:
    return REF.format(name=name)
