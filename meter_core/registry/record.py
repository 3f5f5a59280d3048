"""The promotion record among a version's tags: who made it champion, when, why, and which files they meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.models import (
    PROMOTED_AT_TAG,
    PROMOTED_BY_TAG,
    PROMOTED_DIGEST_TAG,
    PROMOTED_WHY_TAG,
    REGISTERED_MODELS,
)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A decision that a version may be champion.

    Attributes:
        by: Person or job.
        why: In words, with figures.
        at: When, ISO 8601 in UTC.
        digest: Of the predictor that was meant.
    """

    by: str
    why: str
    at: str
    digest: str

    def as_tags(self) -> dict[str, str]:
        """Return the tags in the order they are to be written: with the last one the record is whole."""
        return {
            PROMOTED_BY_TAG: self.by,
            PROMOTED_WHY_TAG: self.why,
            PROMOTED_AT_TAG: self.at,
            PROMOTED_DIGEST_TAG: self.digest,
        }

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """Return the record among a version's tags; None where it is not whole."""
        names = (PROMOTED_BY_TAG, PROMOTED_WHY_TAG, PROMOTED_AT_TAG, PROMOTED_DIGEST_TAG)
        values = [tags.get(name, "") for name in names]
        return cls(*values) if all(values) else None


def no_record(name: str, version: str) -> RefusedError:
    """Return the error of a champion, by registered model and version, that nobody is on record for."""
    return RefusedError(
        f"{name} version {version} has no promotion record (who, why, digest), so it does not count as champion; "
        f"{_promote(name, version)} writes one"
    )


def require_promotion(promotion: Promotion | None, digest: str | None, name: str, version: str) -> None:
    """Hold a version's record against the predictor it carries.

    Args:
        promotion: among its tags, None without one.
        digest: of its predictor.
        name: registered model.
        version: of it.

    Raises:
        RefusedError: where there is no record, or it means other files.
    """
    if promotion is None:
        raise no_record(name, version)
    if promotion.digest != digest:
        raise RefusedError(
            f"{name} version {version} was promoted with predictor digest {promotion.digest} and carries {digest}: it "
            f"was changed after its promotion. Say {_promote(name, version)} if that is right, or roll back"
        )


def _promote(name: str, version: str) -> str:
    """Return the command that puts a version on record."""
    task = next((task for task, model in REGISTERED_MODELS.items() if model == name), "reading")
    return f"`meter promote {version} --task {task} --why ...`"
