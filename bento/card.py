"""The model card that `/model` answers: what training wrote into the predictor, and what the predictor itself shows."""

from typing import Any, Final

from meter_core.contracts.features import USUAL_RANGE
from meter_core.features.history import FEATURE_SETS
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import ModelRef

LIMITS: Final = (
    "Predicts the interval that starts with the reading, not later ones.",
    "Only interval lengths it was trained on; others are refused.",
    "The 80 % range comes from past errors at a similar level, not from what is odd about this day.",
    "Values outside the usual ranges are answered with a warning: the model has seen few of them.",
)


def model_card(predictor: Predictor, ref: ModelRef) -> dict[str, Any]:
    """Return the card of a loaded model as plain JSON types."""
    features = FEATURE_SETS["snapshot" if predictor.history is None else "history"]
    about = dict(predictor.about)
    facts = {
        "model": ref.name,
        "model_version": ref.version,
        "run_id": ref.run_id,
        "predictor_digest": ref.predictor_digest,
        "promotion": {"by": given.by, "why": given.why, "at": given.at} if (given := ref.promotion) else None,
        "data_window": {"since": about.get("training_from_ts"), "until": about.get("training_until_ts")},
        "feature_set": about.get("features"),
        "features": list(features),
        "empty_features": list(predictor.empty_features),
        "interval_minutes": list(predictor.intervals),
        "usual_ranges": USUAL_RANGE,
        "limits": list(LIMITS),
    }
    return about | facts
