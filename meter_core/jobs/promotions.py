"""Decisions about versions in the table `promotion`: the record without which no version counts as champion."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from meter_core.contracts.models import DIGEST_TAG
from meter_core.registry.models import AliasChange, Record, VersionInfo
from meter_core.store import PromotionRecord, Store
from meter_core.store.promotions import MAKE_CHAMPION


def recording(store: Store, action: Literal["promoted", "rolled_back"]) -> Record:
    """Return what keeps a change of champion as a row."""

    def record(change: AliasChange) -> None:
        record_once(
            store,
            PromotionRecord(
                change.model, change.version, action, change.by, change.why, change.digest, change.previous
            ),
        )

    return record


def record_once(store: Store, record: PromotionRecord) -> None:
    """Keep a decision unless it is the newest already: what broke off after its record is run again."""
    said = asdict(record)
    del said["previous_version"]  # the alias may have moved before it broke off
    newest = store.promotions(record.model_name)[:1]
    if not newest or any(newest[0][name] != value for name, value in said.items()):
        store.record_promotion(record)


def last_promotion(
    decisions: Sequence[Mapping[str, Any]], versions: Mapping[str, VersionInfo]
) -> Mapping[str, Any] | None:
    """Return the newest decision that made one of these versions the champion, None where there is none.

    Args:
        decisions: Rows of `promotion`, newest first.
        versions: By number. A version with another digest than the decision's is another version of the same number:
            the registered model was deleted and begun anew.
    """
    for decision in decisions:
        version = versions.get(decision["model_version"])
        same = version is not None and version.tags.get(DIGEST_TAG) == decision["predictor_digest"]
        if same and decision["action"] in MAKE_CHAMPION:
            return decision
    return None
