"""From a run on disk to a registered version that the gate has judged: delivered once, decided once, recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meter_core.contracts.finding import Finding
from meter_core.contracts.models import CHAMPION, DIGEST_TAG
from meter_core.embedded.connections import Connections
from meter_core.evaluation.gate_evidence import Champion, Evidence, Policy
from meter_core.evaluation.promotion import Verdict, decide
from meter_core.jobs.promotions import last_promotion, record_once, recording
from meter_core.jobs.registered import store_of, tracking_uri
from meter_core.registry.delivery import Retries, deliver
from meter_core.registry.models import Models, VersionInfo
from meter_core.registry.runs import TrainingRun, read_run
from meter_core.registry.undelivered import Undelivered
from meter_core.settings import Settings
from meter_core.store import PromotionRecord, Store

RECIPE_TAG: Final = "recipe"
IDENTITY_TAG: Final = "recipe_identity"
UNTIL_TAG: Final = "trained_until"
VERDICT_TAG: Final = "promoted"
YES, NO, WAITING = "yes", "no", "awaits_approval"
"""What the tag says."""

WHY_TAG: Final = "why"
AGAINST_TAG: Final = "judged_against"
"""Version of the champion that the gate compared with, or this:"""

NOBODY: Final = "none"


Progress = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Settled:
    """A training run that reached the registry.

    Attributes:
        name: Of the run.
        model: Registered model.
        run_id: In MLflow.
        version: Of the registered model.
        promoted: Whether it is champion now.
        why: The gate's words.
        findings: The gate's.
        waiting: Whether it passed and a person is to promote it.
    """

    name: str
    model: str
    run_id: str
    version: str
    promoted: bool
    why: str
    findings: Sequence[Finding] = field(default_factory=tuple)
    waiting: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        content = {name: getattr(self, name) for name in self.__slots__}
        return {**content, "findings": [finding.as_dict() for finding in self.findings]}


@dataclass(frozen=True)
class Desk:
    """Where runs that wait are handed to the registry.

    Attributes:
        waiting: The runs.
        settings: Of this process.
        connections: With PostgreSQL and MLflow.
        who: Is recorded with the gate's decision.
        retries: For an MLflow that is away.
    """

    waiting: Undelivered
    settings: Settings
    connections: Connections
    who: str
    retries: Retries

    def settle(self, name: str, progress: Progress = lambda *_: None) -> Settled | None:
        """Deliver one run, let the gate decide, record it, move the alias, and forget the run.

        Each step can be repeated: whatever breaks off here is finished by the next delivery. Returns None where another
        process was first.

        Raises:
            UnavailableError: where MLflow or the database cannot be reached.
            RefusedError: where MLflow refuses the run.
        """
        uri = tracking_uri(self.connections)
        with self.waiting.opened(name) as folder:
            if folder is None:
                return None
            run = read_run(folder)
            done = deliver(folder, uri, self.retries, progress)
            verdict = self._judge(Models(uri, run.model, self.retries), done.version, run)
            self.waiting.remove(name)
        said = (verdict.promoted, verdict.why, verdict.findings, verdict.waiting)
        return Settled(name, run.model, done.run_id, done.version, *said)

    def _judge(self, models: Models, version: str, run: TrainingRun) -> Verdict:
        """Let the gate decide on a version once, and act on what it says."""
        versions = {found.version: found for found in models.versions()}
        judged = versions[version].tags.get(VERDICT_TAG)
        if judged is not None:
            return Verdict(judged == YES, versions[version].tags.get(WHY_TAG, ""), waiting=judged == WAITING)
        store = store_of(self.connections, self.settings)
        last = last_promotion(store.promotions(models.name), versions)
        if last is not None and last["model_version"] == version:  # broke off after the record: not asked again
            verdict = Verdict(True, last["why"])
            models.promote(version, last["who"], last["why"], lambda _: None)
        else:
            champion = _standing(versions, version, last)
            given = Evidence.from_dict(run.evidence)
            policy = Policy(**run.policy).also(self.settings.approval)
            verdict = decide(given, standing_champion(champion), run.data.until, policy)
            models.tag(version, {AGAINST_TAG: champion.version if champion else NOBODY})
            self._act(verdict, models, versions[version], champion, store)
        said = YES if verdict.promoted else WAITING if verdict.waiting else NO
        models.tag(version, {WHY_TAG: verdict.why, VERDICT_TAG: said})
        return verdict

    def _act(
        self, verdict: Verdict, models: Models, version: VersionInfo, champion: VersionInfo | None, store: Store
    ) -> None:
        """Make the version what the gate says."""
        if verdict.promoted:
            models.promote(version.version, self.who, verdict.why, recording(store, "promoted"))
            return
        models.challenge(version.version)
        if verdict.waiting:  # nothing is decided yet: whoever promotes it will be on record
            return
        record_once(
            store,
            PromotionRecord(
                model_name=models.name,
                model_version=version.version,
                action="refused",
                who=self.who,
                why=verdict.why,
                predictor_digest=version.tags.get(DIGEST_TAG),
                previous_version=champion.version if champion else None,
            ),
        )


def _standing(versions: Mapping[str, VersionInfo], judged: str, last: Mapping[str, Any] | None) -> VersionInfo | None:
    """Return the champion that a version is judged against: the one on record, else the alias's."""
    if last is not None:
        return versions[last["model_version"]]
    return next((found for found in versions.values() if CHAMPION in found.aliases and found.version != judged), None)


def standing_champion(found: VersionInfo | None) -> Champion | None:
    """Return what the gate needs to know of the champion."""
    if found is None:
        return None
    tags = found.tags
    return Champion(found.version, tags.get(RECIPE_TAG, "unknown"), tags.get(UNTIL_TAG, ""), tags.get(IDENTITY_TAG, ""))
