"""The registry by alias: list, promote, roll back, and deliver what was trained while it was away."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.models import CHALLENGER, CHAMPION, DIGEST_TAG, PROMOTED_BY_TAG, REGISTERED_MODELS
from meter_core.embedded.connections import Connections
from meter_core.jobs.promotions import record_once, recording
from meter_core.jobs.registered import known_task, store_of, tracking_uri
from meter_core.jobs.registration import AGAINST_TAG, NO, NOBODY, VERDICT_TAG, WAITING, WHY_TAG, Desk, Settled
from meter_core.registry.delivery import Retries
from meter_core.registry.models import AliasChange, Models, VersionInfo
from meter_core.registry.undelivered import Undelivered
from meter_core.settings import Settings
from meter_core.store import PromotionRecord

Progress = Callable[..., None]


@dataclass(frozen=True, slots=True)
class ModelsResult:
    """What the registry holds.

    Attributes:
        model: Registered model.
        champion: Its version, None before the first; so `challenger`.
        versions: Newest first.
        awaits_approval: The newest version that passed the gate and waits for `meter promote`; None where none does.
        undelivered: Names of the runs that wait for `meter models sync`.
    """

    model: str
    champion: str | None
    challenger: str | None
    awaits_approval: str | None
    versions: Sequence[VersionInfo]
    undelivered: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "model": self.model,
            "champion": self.champion,
            "challenger": self.challenger,
            "awaits_approval": self.awaits_approval,
            "versions": [version.as_dict() for version in self.versions],
            "undelivered": list(self.undelivered),
        }


@dataclass(frozen=True, slots=True)
class AliasResult:
    """A champion set by hand.

    Attributes:
        model: Registered model.
        champion: The version that is champion now.
        previous: The one before.
        digest: Of the champion's predictor.
        who: Did it.
        why: In their words.
    """

    model: str
    champion: str
    previous: str | None
    digest: str
    who: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What was delivered.

    Attributes:
        delivered: The runs, oldest first.
        undelivered: Names of those that still wait.
        findings: Why they do.
        seconds: It took.
    """

    delivered: Sequence[Settled]
    undelivered: Sequence[str]
    findings: Sequence[Finding]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "delivered": [settled.as_dict() for settled in self.delivered],
            "undelivered": list(self.undelivered),
            "findings": [finding.as_dict() for finding in self.findings],
            "seconds": self.seconds,
        }


def list_models(settings: Settings, connections: Connections, task: str = "reading") -> ModelsResult:
    """Return versions, champion and challenger, and what waits for delivery.

    Raises:
        UnavailableError: where MLflow cannot be reached.
    """
    models = _models(connections, task)
    versions = models.versions()
    by_alias = {alias: found.version for found in versions for alias in found.aliases}
    return ModelsResult(
        model=models.name,
        champion=by_alias.get(CHAMPION),
        challenger=by_alias.get(CHALLENGER),
        awaits_approval=_awaits_approval(versions),
        versions=versions,
        undelivered=Undelivered(connections.files_url).names(),
    )


def promote(
    version: str, who: str, why: str, settings: Settings, connections: Connections, task: str = "reading"
) -> AliasResult:
    """Record who makes a version the champion by hand and why, then do it.

    Raises:
        UsageError: where there is no such version, or `who` or `why` is empty.
        RefusedError: where it carries no predictor that could be verified.
        UnavailableError: where MLflow or the database cannot be reached.
    """
    record = recording(store_of(connections, settings), "promoted")
    return _result(_models(connections, task).promote(version, who, why, record))


def decline(
    version: str, who: str, why: str, settings: Settings, connections: Connections, task: str = "reading"
) -> None:
    """Record who refuses a version that waits and why, then let it wait no more.

    Raises:
        UnavailableError: where MLflow or the database cannot be reached.
    """
    models = _models(connections, task)
    versions = {found.version: found for found in models.versions()}
    champion = next((found.version for found in versions.values() if CHAMPION in found.aliases), None)
    digest = versions[version].tags.get(DIGEST_TAG)
    record_once(
        store_of(connections, settings), PromotionRecord(models.name, version, "refused", who, why, digest, champion)
    )
    models.tag(version, {WHY_TAG: f"declined by {who}: {why}", VERDICT_TAG: NO})


def rollback(who: str, why: str, settings: Settings, connections: Connections, task: str = "reading") -> AliasResult:
    """Record who makes the champion before this one the champion again and why, then do it.

    Raises:
        UsageError: where `who` or `why` is empty.
        RefusedError: where there was none before.
        UnavailableError: where MLflow or the database cannot be reached.
    """
    record = recording(store_of(connections, settings), "rolled_back")
    return _result(_models(connections, task).rollback(who, why, record))


def sync(
    settings: Settings,
    connections: Connections,
    progress: Progress = lambda *_: None,
    who: str = "meter models sync",
    retries: Retries = Retries(),  # noqa: B008 - frozen
) -> SyncResult:
    """Deliver the runs that were trained while MLflow was away, and let the gate decide on each.

    Raises:
        UnavailableError: where MLflow is still away: nothing is lost, the runs wait on.
    """
    began = time.perf_counter()
    desk = Desk(Undelivered(connections.files_url), settings, connections, who, retries)
    delivered, findings = [], []
    for name in desk.waiting.names():
        progress(f"delivering {name}")
        try:
            settled = desk.settle(name, progress)
        except RefusedError as error:  # one run that cannot be delivered must not keep the others waiting
            findings.append(Finding("not_deliverable", name, Severity.WARNING, str(error)))
            continue
        if settled is not None:
            delivered.append(settled)
    return SyncResult(delivered, desk.waiting.names(), findings, time.perf_counter() - began)


def _awaits_approval(versions: Sequence[VersionInfo]) -> str | None:
    """Return the newest version that waits, if the champion is the one it was compared with and none since was one."""
    champion = next((found.version for found in versions if CHAMPION in found.aliases), NOBODY)
    for found in versions:
        if CHAMPION in found.aliases or PROMOTED_BY_TAG in found.tags:
            return None
        if found.tags.get(VERDICT_TAG) == WAITING and found.tags.get(AGAINST_TAG, champion) == champion:
            return found.version
    return None


def _result(change: AliasChange) -> AliasResult:
    return AliasResult(change.model, change.version, change.previous, change.digest, change.by, change.why)


def _models(connections: Connections, task: str) -> Models:
    return Models(tracking_uri(connections), REGISTERED_MODELS[known_task(task)])
