"""The description of the routes that forecast and that tell of known meters."""

from datetime import datetime, timedelta
from typing import Any, Final

from bento.consumption import MOST_DAYS
from bento.forecast_schemas import Consumption, Forecast, ForecastRequest, Meters
from bento.meters import DEFAULT_HORIZON, MOST_METERS, SHOWN_METERS
from bento.openapi_parts import X_MODEL_STALE, answer, post, problems, ref
from meter_core.contracts.forecasts import HISTORY_WORDS

FORECAST_TYPES: Final = (ForecastRequest, Forecast, Meters, Consumption)

_MEASURED_KWH: Final = (2.28, 0.85, 0.86, 0.71, 0.7, 0.73, 0.93, 1.25, 0.86, 0.69, 0.81, 0.78)
_FIRST: Final = datetime.fromisoformat("2016-08-01T00:00:00-07:00")
_ABOUT: Final = {"zone": "America/Los_Angeles", "interval_minutes": 60, "horizon": "24h"}
AS_OBJECTS: Final = _ABOUT | {
    "history": [
        {"reading_ts": (_FIRST + timedelta(hours=hour)).isoformat(), "units_kwh": kwh}
        for hour, kwh in enumerate(_MEASURED_KWH)
    ],
}
AS_COLUMN: Final = _ABOUT | {"history": {"start": _FIRST.isoformat(), "units_kwh": [*_MEASURED_KWH, None]}}
WITHOUT: Final = _ABOUT | {"history": [], "origin_ts": "2016-08-02T00:00:00-07:00", "horizon": 48}
A_METER: Final = "FONTANA-01"


def forecast_paths() -> dict[str, Any]:
    """Return the paths of these routes."""
    return {
        "/forecast": {"post": _forecast()},
        "/meters": {"get": _meters()},
        "/meters/{meter_id}/consumption": {"get": _consumption()},
        "/meters/{meter_id}/forecast": {"get": _meter_forecast()},
    }


def _forecast() -> dict[str, Any]:
    examples = {"as a column": AS_COLUMN, "as objects": AS_OBJECTS, "without a history": WITHOUT}
    asked, given = {"$ref": ref("ForecastRequest")}, {"$ref": ref("Forecast")}
    described = post("forecast", "Forecast", "Forecast up to a week from a meter's past", asked, given, examples)
    return described | {"description": HISTORY_WORDS}


def _meters() -> dict[str, Any]:
    limits = {"type": "integer", "minimum": 1, "maximum": MOST_METERS, "default": SHOWN_METERS}
    parameters = [
        _query("limit", limits, "How many to list."),
        _query(
            "after", {"type": "string", "maxLength": 200}, "The id after which to begin: `next` of the last answer."
        ),
    ]
    responses = {"200": answer("Meters", {"$ref": ref("Meters")}), **problems(401, 422, 503)}
    return _get("meters", "The meters that the key may see", parameters, responses)


def _consumption() -> dict[str, Any]:
    edge = {"type": "string"}
    parameters = [
        _METER,
        _query("from", edge, "First local day, such as 2016-08-01, or an instant with offset. Default: a week before."),
        _query("until", edge, "Day or instant before which to end. Default: where what is known ends."),
        _query("interval", {"enum": list(MOST_DAYS)}, f"Local hours ({MOST_DAYS['hour']} days at most), or days."),
        _query("format", {"enum": ["json", "csv"]}, "csv, also by `Accept: text/csv`."),
    ]
    given = answer("What is known; gaps are null", {"$ref": ref("Consumption")})
    given["content"]["text/csv"] = {"schema": {"type": "string"}}
    responses = {"200": given, **problems(401, 404, 422, 503)}
    return _get("consumption", "What a known meter used, by local hours or days", parameters, responses)


def _meter_forecast() -> dict[str, Any]:
    parameters = [_METER, _query("horizon", {"type": "string", "default": DEFAULT_HORIZON}, "Such as 24h, or 7d.")]
    responses = {
        "200": answer("Forecast", {"$ref": ref("Forecast")}, X_MODEL_STALE),
        **problems(401, 404, 422, 429, 503),
    }
    return _get("meter_forecast", "Forecast a known meter from its newest measured value", parameters, responses)


def _get(name: str, summary: str, parameters: list[dict[str, Any]], responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["Meters"],
        "summary": summary,
        "parameters": parameters,
        "responses": responses,
    }


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_METER: Final = {
    "name": "meter_id",
    "in": "path",
    "required": True,
    "description": "Pseudonym of the metering point.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "example": A_METER,
}
