"""A person's decision about a version that passed the gate: on record, whichever way it goes."""

from typing import Any

from meter_core.contracts.errors import UsageError
from meter_core.contracts.models import DIGEST_TAG
from meter_core.embedded.connections import Connections
from meter_core.jobs.models import list_models, promote
from meter_core.jobs.promotions import record_once
from meter_core.jobs.registered import store_of
from meter_core.settings import Settings
from meter_core.store import PromotionRecord


def decided(
    version: str, task: str, approve: bool, by: str, because: str, settings: Settings, connections: Connections
) -> dict[str, Any]:
    """Promote a version or leave it, and record who decided so and why. The same again changes nothing.

    Returns:
        `model`, `version`, `decision` (`promoted`, `declined`, or `already champion`), `by` and `why`.

    Raises:
        UsageError: there is no such version.
        RefusedError: it carries no predictor that could be verified.
        UnavailableError: MLflow or the database cannot be reached.
    """
    known = list_models(settings, connections, task)
    found = next((each for each in known.versions if each.version == version), None)
    if found is None:
        raise UsageError(f"{known.model} has no version {version}; `meter models` lists them")
    said = {"model": known.model, "version": version, "by": by, "why": because}
    if known.champion == version:
        return {**said, "decision": "already champion"}
    if approve:
        promote(version, by, because, settings, connections, task)
        return {**said, "decision": "promoted"}
    record_once(
        store_of(connections, settings),
        PromotionRecord(known.model, version, "refused", by, because, found.tags.get(DIGEST_TAG), known.champion),
    )
    return {**said, "decision": "declined"}
