"""Names under which models stand in the registry. Scripts of users depend on them."""

from typing import Final

REGISTERED_MODELS: Final = {"reading": "meter_consumption_v1", "ahead": "meter_forecast_v1"}
"""Registered model of each task."""

EXPERIMENTS: Final = {"reading": "meter_units_regression", "ahead": "meter_units_forecast"}
"""MLflow experiment of each task."""

CHAMPION: Final = "champion"
"""Alias of the version that batch and service use."""

CHALLENGER: Final = "challenger"
"""Alias of the newest version that was not promoted."""

PREDICTOR_FOLDER: Final = "predictor"
"""Folder of the exported predictor among a version's artifacts."""

DIGEST_TAG: Final = "predictor_digest"
"""Tag of a version with the digest of its predictor folder."""

PROMOTED_BY_TAG: Final = "promoted_by"
"""Tag of a version that was made champion: the person or job that did it."""

PROMOTED_WHY_TAG: Final = "promoted_why"
"""Likewise: in words, with figures."""

PROMOTED_AT_TAG: Final = "promoted_at"
"""Likewise: when, ISO 8601 in UTC."""

PROMOTED_DIGEST_TAG: Final = "promoted_digest"
"""Likewise: digest of the predictor that was meant."""
