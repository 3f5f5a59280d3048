"""Versions and aliases of a registered model: list, promote, roll back.

The registered model's tag `champions` is a stack of the versions that were champion, newest last; rolling back pops it.
A change is recorded before the alias moves, so that no champion is without record: first by whoever asks for it (the
jobs write a row in PostgreSQL), then in the version's tags. Alias and stack are two requests, ordered so that one that
breaks off in between leaves a stack whose top is what a rollback should return to. Run again, a change that broke off
is finished.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meter_core.calendar import iso_utc
from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.models import CHALLENGER, CHAMPION, DIGEST_TAG
from meter_core.registry.delivery import Retries, patience, retried
from meter_core.registry.digest import require_digest
from meter_core.registry.record import Promotion

STACK_TAG = "champions"
STACK_KEPT = 50
ONCE = Retries(tries=1)


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One registered version.

    Attributes:
        version: As MLflow counts.
        run_id: Training run.
        created_ms: Milliseconds since 1970-01-01 UTC.
        aliases: `champion`, `challenger` or whatever was set by hand.
        tags: What training and promotion wrote: recipe, digests, window, why.
    """

    version: str
    run_id: str
    created_ms: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the version as plain JSON types."""
        return {
            "version": self.version,
            "run_id": self.run_id,
            "created_ms": self.created_ms,
            "aliases": list(self.aliases),
            "tags": dict(self.tags),
        }


@dataclass(frozen=True, slots=True)
class AliasChange:
    """A champion to be set: what was, what is to be, who wants it and why, and which files that means."""

    model: str
    version: str
    previous: str | None
    digest: str
    by: str
    why: str


Record = Callable[[AliasChange], None]
"""Keeps a change on record; called before the alias moves."""


class Models:
    """The versions of one registered model.

    Args:
        tracking_uri: Of the MLflow server.
        name: Registered model.
        retries: For a registry that is away.
    """

    def __init__(self, tracking_uri: str, name: str, retries: Retries = ONCE) -> None:
        from mlflow import MlflowClient

        self.name = name
        self._client = MlflowClient(tracking_uri, tracking_uri)
        self._retries = retries

    def versions(self) -> list[VersionInfo]:
        """Return all versions, newest first; empty where nothing was registered yet.

        Raises:
            UnavailableError: where MLflow does not answer.
        """
        return list(self._ask(self._versions))

    def by_alias(self, alias: str = CHAMPION) -> VersionInfo | None:
        """Return the version of an alias, None where there is none."""
        return next((found for found in self.versions() if alias in found.aliases), None)

    def promote(self, version: str, by: str, why: str, record: Record) -> AliasChange:
        """Record that a version is to be the champion, then make it so; one that is champion already is recorded anew.

        Args:
            version: Of this model.
            by: Person or job.
            why: In words.
            record: Keeps it outside the registry.

        Raises:
            UsageError: where there is no such version, or nobody or no reason is named.
            RefusedError: where it carries no predictor that could be verified.
            UnavailableError: where MLflow does not answer.
        """
        known = {found.version: found for found in self.versions()}
        if version not in known:
            raise UsageError(
                f"{self.name} has no version {version}; it has {', '.join(known) or 'none'} (`meter models`)"
            )
        digest = require_digest(known[version].tags.get(DIGEST_TAG), f"{self.name} version {version}")
        previous = next((found.version for found in known.values() if CHAMPION in found.aliases), None)
        change = self._recorded(AliasChange(self.name, version, previous, digest, by, why), record)
        if previous != version:
            self._ask(lambda: self._set_champion(known[version], previous))
        return change

    def rollback(self, by: str, why: str, record: Record) -> AliasChange:
        """Record that the champion before this one is to be the champion again, then make it so.

        Args:
            by: Person or job.
            why: In words.
            record: Keeps it outside the registry.

        Raises:
            UsageError: where nobody or no reason is named.
            RefusedError: where there was none before.
            UnavailableError: where MLflow does not answer.
        """
        versions = {found.version: found for found in self.versions()}
        champion = next((found.version for found in versions.values() if CHAMPION in found.aliases), None)
        stack = [version for version in self._ask(self._stack) if version in versions]
        while stack and stack[-1] == champion:
            stack.pop()
        if champion is None or not stack:
            raise RefusedError(
                f"{self.name} has no champion before {champion or 'the first one'} to return to; "
                "`meter promote V` sets one"
            )
        target = versions[stack[-1]]
        digest = require_digest(target.tags.get(DIGEST_TAG), f"{self.name} version {target.version}")
        change = self._recorded(AliasChange(self.name, target.version, champion, digest, by, why), record)
        self._ask(lambda: self._client.set_registered_model_tag(self.name, STACK_TAG, json.dumps(stack)))
        self._ask(lambda: self._client.set_registered_model_alias(self.name, CHAMPION, target.version))
        return change

    def challenge(self, version: str) -> None:
        """Make a version the challenger: the newest that was not promoted."""
        self._ask(lambda: self._client.set_registered_model_alias(self.name, CHALLENGER, version))

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Write tags on a version."""
        for key, value in tags.items():
            self._ask(lambda key=key, value=value: self._client.set_model_version_tag(self.name, version, key, value))

    def _recorded(self, change: AliasChange, record: Record) -> AliasChange:
        """Put a change on record outside the registry and in the version's tags."""
        if not change.by.strip() or not change.why.strip():
            raise UsageError(f"{self.name} version {change.version} is promoted by someone for a reason; name both")
        record(change)
        promotion = Promotion(change.by, change.why, iso_utc(int(time.time())), change.digest)
        self.tag(change.version, promotion.as_tags())
        return change

    def _set_champion(self, target: VersionInfo, previous: str | None) -> None:
        """Alias first, stack second: broken off in between, the stack's top is the champion before."""
        stack = self._stack()
        if previous is not None and stack[-1:] != [previous]:  # someone set the alias by hand
            stack.append(previous)
        self._client.set_registered_model_alias(self.name, CHAMPION, target.version)
        self._client.set_registered_model_tag(self.name, STACK_TAG, json.dumps([*stack, target.version][-STACK_KEPT:]))
        if CHALLENGER in target.aliases:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def _versions(self) -> list[VersionInfo]:
        from mlflow.exceptions import RestException

        try:
            aliases = self._client.get_registered_model(self.name).aliases
        except RestException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return []
            raise
        found = self._client.search_model_versions(f"name = '{self.name}'")
        infos = [_info(version, aliases) for version in found]
        return sorted(infos, key=lambda info: int(info.version), reverse=True)

    def _stack(self) -> list[str]:
        return list(json.loads(self._client.get_registered_model(self.name).tags.get(STACK_TAG, "[]")))

    def _ask(self, action: Any) -> Any:
        with patience(self._retries):
            return retried(action, self._retries)


def _info(version: Any, aliases: Mapping[str, str]) -> VersionInfo:
    """Return a version of MLflow's client as ours; a search leaves its aliases out, the registered model knows them."""
    own = tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(version.version)))
    return VersionInfo(str(version.version), version.run_id or "", version.creation_timestamp, own, dict(version.tags))
