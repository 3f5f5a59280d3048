"""What turns readings into a model's columns, as a name: other features or another format are another recipe."""

import hashlib

from meter_core.features.ahead import AHEAD_FEATURES
from meter_core.features.history import FEATURE_SETS
from meter_core.models.forecaster import FORMAT as FORECASTER_FORMAT
from meter_core.models.predictor import FORMAT as PREDICTOR_FORMAT


def pipeline(features: str) -> str:
    """Return the format of a predictor's files with the digest of its features, by the feature set of a recipe."""
    ahead = features == "ahead"
    names = AHEAD_FEATURES if ahead else FEATURE_SETS[features]
    said = FORECASTER_FORMAT if ahead else f"reading {PREDICTOR_FORMAT}"
    return f"{said}-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}"
