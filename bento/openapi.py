"""The API's description, from the same declarations that decode and check."""

from typing import Any, Final

import msgspec

from bento.openapi_forecast import FORECAST_TYPES, forecast_paths
from bento.openapi_parts import REF, answer, post, problems, ref
from bento.schemas import ExplainedPrediction, Predictions, PredictionTable, Problem, Reading, Readings, Table
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


def _given(*names: str, kind: str) -> dict[str, Any]:
    """Return the demand that fields are there and not null."""
    return {"required": list(names), "properties": {name: {"type": kind} for name in names}}


EITHER_TIME: Final = [
    _given("reading_ts", "zone", kind="string"),
    _given("local_hour", "local_day_of_week", kind="integer"),
]


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of what the service answers."""
    types = (Reading, Readings, Table, Predictions, PredictionTable, ExplainedPrediction, Problem, *FORECAST_TYPES)
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    schemas["Reading"] |= {"anyOf": EITHER_TIME, "example": EXAMPLE}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Meter consumption", "version": __version__, "description": _ABOUT},
        "paths": {
            "/predict": {"post": _predict()},
            "/predict_batch": {"post": _predict_batch()},
            "/explain": {"post": _explain()},
            **forecast_paths(),
            "/model": {"get": _card()},
            "/livez": {"get": _probe("livez", "Whether the process lives.")},
            "/readyz": {"get": _probe("readyz", _READY, s503=_UNREADY)},
            "/metrics": {"get": _probe("metrics", "Prometheus metrics.")},
        },
        "components": {"schemas": schemas, "securitySchemes": _KEY_SCHEMES},
        "security": [{}, *({name: []} for name in _KEY_SCHEMES)],
    }


_ABOUT: Final = (
    "Energy in kWh of the interval that starts with a reading, its 80 % range and how it compares with what is usual. "
    "Errors are application/problem+json with one entry a field: path, value, message, remedy. Every route but the "
    "probes and metrics also answers under /v1. A key is needed only where the service was started with a file of keys."
)

_KEY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def _predict() -> dict[str, Any]:
    return post(
        "predict",
        "Predict",
        "Predict one reading",
        {"$ref": ref("Reading")},
        {"$ref": ref("Prediction")},
        {"one reading": EXAMPLE},
    )


def _predict_batch() -> dict[str, Any]:
    asked = {"anyOf": [{"$ref": ref("Readings")}, {"$ref": ref("Table")}]}
    given = {"anyOf": [{"$ref": ref("Predictions")}, {"$ref": ref("PredictionTable")}]}
    examples = {"as objects": {"readings": [EXAMPLE]}, "as columns": TABLE_EXAMPLE}
    return post(
        "predict_batch",
        "Predict",
        "Predict up to 10,000 readings, answered in the layout they come in",
        asked,
        given,
        examples,
    )


def _explain() -> dict[str, Any]:
    summary = "Predict one reading, and say what moved the prediction away from that of a typical one"
    given = {"$ref": ref("ExplainedPrediction")}
    return post("explain", "Predict", summary, {"$ref": ref("Reading")}, given, {"one reading": EXAMPLE})


def _card() -> dict[str, Any]:
    """Return the description of the model card."""
    summary = "The model card: version, data window, scores beside baselines, features, limits."
    responses = {"200": answer("The card", {"type": "object"}), **problems(401, 403, 503)}
    return {"operationId": "model", "tags": ["Model"], "summary": summary, "responses": responses}


def _probe(name: str, summary: str, **otherwise: str) -> dict[str, Any]:
    """Return the description of what BentoML answers itself."""
    plain: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    responses = {"200": {"description": "Yes", **plain}}
    responses |= {status.removeprefix("s"): {"description": text, **plain} for status, text in otherwise.items()}
    return {"operationId": name, "tags": ["Operate"], "summary": summary, "security": [{}], "responses": responses}


_READY: Final = "200 when a model is loaded or the registry has none yet, else 503."
_UNREADY: Final = "A champion exists that is not loaded, or the registry cannot be asked"
