"""A person's decision about a version that passed the gate: on record, whichever way it goes."""

from collections.abc import Mapping
from typing import Any, Final

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.embedded.connections import Connections
from meter_core.jobs.models import ModelsResult, decline, list_models, promote
from meter_core.jobs.registered import store_of
from meter_core.settings import Settings

NOBODY_DECIDED: Final = "nobody"
"""Who is on record for a version that was waited for in vain."""


def decided(
    version: str, task: str, approve: bool, by: str, because: str, settings: Settings, connections: Connections
) -> dict[str, Any]:
    """Promote the version that waits or leave it, and record who decided so and why.

    The same again changes nothing and returns the same: a try that broke off after its record may not have told of it.

    Returns:
        `model`, `version`, `decision` (`promoted`, `declined`, or `already champion`), `by` and `why`.

    Raises:
        UsageError: there is no such version.
        RefusedError: it is not the one that waits now, or carries no predictor that could be verified.
        UnavailableError: MLflow or the database cannot be reached.
    """
    known = list_models(settings, connections, task)
    if all(each.version != version for each in known.versions):
        raise UsageError(f"{known.model} has no version {version}; `meter models` lists them")
    said = {"model": known.model, "version": version, "by": by, "why": because}
    own = _is_on_record(said, "promoted" if approve else "refused", settings, connections)
    if known.champion == version:
        return {**said, "decision": "promoted" if approve and own else "already champion"}
    if not approve and known.awaits_approval != version and own:
        return {**said, "decision": "declined"}
    _require_waiting(known, version, task)
    (promote if approve else decline)(version, by, because, settings, connections, task)
    return {**said, "decision": "promoted" if approve else "declined"}


def lapsed(version: str, task: str, why: str, settings: Settings, connections: Connections) -> dict[str, Any]:
    """Let a version wait no more that nobody decided about, on record. One that waits no more is left as it is.

    The same again changes nothing and returns the same.

    Returns:
        `model`, `version`, `decision` (`declined`, or `waits no more`), `by` and `why`.

    Raises:
        UnavailableError: MLflow or the database cannot be reached.
    """
    known = list_models(settings, connections, task)
    said = {"model": known.model, "version": version, "by": NOBODY_DECIDED, "why": why}
    if known.awaits_approval != version:
        own = _is_on_record(said, "refused", settings, connections)
        return {**said, "decision": "declined" if own else "waits no more"}
    decline(version, NOBODY_DECIDED, why, settings, connections, task)
    return {**said, "decision": "declined"}


def _is_on_record(said: Mapping[str, str], action: str, settings: Settings, connections: Connections) -> bool:
    """Say whether this very decision is the newest about the model."""
    newest = next(iter(store_of(connections, settings).promotions(said["model"])), {})
    same = {"model_version": said["version"], "action": action, "who": said["by"], "why": said["why"]}
    return same.items() <= newest.items()


def _require_waiting(known: ModelsResult, version: str, task: str) -> None:
    """Refuse a decision about a version that was refused or decided on, or that another was promoted over."""
    if known.awaits_approval != version:
        waits = f"version {known.awaits_approval} does" if known.awaits_approval else "none does"
        raise RefusedError(
            f"{known.model} version {version} does not wait for approval ({waits}): it was refused, or the champion is "
            f"{known.champion or 'none'} since. `meter promote {version} --task {task} --why ...` overrules that"
        )
