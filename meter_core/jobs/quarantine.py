"""What waits in quarantine: listed, shown with its rule, and released where a person judges it good."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pydantic import SecretStr

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.jobs.kept_deliveries import restored
from meter_core.jobs.raw_line import parse_place
from meter_core.jobs.recorded_profiles import profile_of
from meter_core.quality import RULES, Limits, judge
from meter_core.settings import Settings
from meter_core.sources import DeliveryReader
from meter_core.sources.installed import MeterFacts
from meter_core.store import COUNTS, RecordedDelivery, Store

WHOLE: Final = {
    "delivery_stopped": "too many of its values broke rules, so nothing of it was loaded; once the profile is right, "
    "replay the delivery",
    "zone_conflict": "it says another zone for a meter that is known; replay it with --zone",
    "unreadable_delivery": "the file is broken as a whole; ask the sender for it again",
}
"""Codes of deliveries of which nothing was loaded, and what to do."""
SENTENCES: Final = {
    **{rule.code: rule.sentence for rule in RULES},
    **WHOLE,
    "interval_conflict": "a value of another interval length stands at this meter and time; correct interval_minutes "
    "of the profile and replay the delivery",
}


@dataclass(frozen=True, slots=True)
class Released:
    """What became of released rows.

    Attributes:
        rows: How many.
        loaded: New keys, and missing values that were filled.
        superseded: Values that displaced one, and words that took one back.
        outranked: Values that did not displace the one that stands.
        duplicates: Equal key and value.
        who: Released them.
        why: In their words.
    """

    rows: int
    loaded: int
    superseded: int
    outranked: int
    duplicates: int
    who: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def listed(file: str | None, rule: str | None, database_url: SecretStr | str) -> list[dict[str, Any]]:
    """Return what waits, by delivery and rule: how many values, the first of them as an example, and what to do.

    Args:
        file: Only of this delivery: number, file name or beginning of its digest.
        rule: Only of this rule.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: no such delivery or rule.
    """
    store = Store(database_url)
    if rule is not None and rule not in SENTENCES:
        raise UsageError(f"there is no rule {rule!r}; the rules are {', '.join(sorted(SENTENCES))}")
    groups = store.quarantine_groups(None if file is None else store.delivery(file).id, rule)
    return [{**group, "explanation": explanation(group["rule"])} for group in groups]


def shown(what: str, database_url: SecretStr | str) -> list[dict[str, Any]]:
    """Return rows of the quarantine as delivered, those that left it too, each with its rule's sentence.

    Args:
        what: A row's number, or FILE:LINE.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: there is none.
    """
    store = Store(database_url)
    if what.isascii() and what.isdigit():
        rows = store.quarantined_rows(ids=[int(what)], all_=True)
    else:
        file, line = parse_place(what)
        rows = store.quarantined_rows(delivery=store.delivery(file).id, line=line, all_=True)
    if not rows:
        raise UsageError(f"{what} is not in quarantine and never was; `meter quarantine list` says what is")
    return [{**row, "explanation": explanation(row["rule"])} for row in rows]


def explanation(rule: str) -> str:
    """Return a rule's sentence."""
    return SENTENCES.get(rule, "a rule of another version of this product")


def release(
    ids: Sequence[int],
    file: str | None,
    rule: str | None,
    who: str,
    why: str,
    settings: Settings,
    database_url: SecretStr | str,
) -> Released:
    """Load rows that a person judged good: each delivery's with precedence, its accounting exact, in one transaction.

    Args:
        ids: Numbers of the rows; or
        file: all that wait of this delivery,
        rule: and of this rule.
        who: Judges them good.
        why: In their words.
        settings: Where files are kept.
        database_url: Of PostgreSQL.

    Raises:
        UsageError: nothing to release was named, or a file is not kept.
        RefusedError: a row has no value that could be loaded, or another interval length stands under its key.
    """
    if not why.strip():
        raise UsageError("say why these rows are good: --why TEXT; it is kept with them")
    store = Store(database_url)
    rows = _wanted(store, ids, file, rule)
    total: Counter[str] = Counter()
    for number in sorted({row["delivery"] for row in rows}):
        own = [row for row in rows if row["delivery"] == number]
        total.update(_release(store, store.delivery(str(number)), own, who, why, settings))
    parts = {name: total[name] for name in COUNTS[2:-1]}
    return Released(len(rows), **parts, who=who, why=why)


def _wanted(store: Store, ids: Sequence[int], file: str | None, rule: str | None) -> list[dict[str, Any]]:
    """Return the rows that are meant, all of which wait and have a value."""
    if bool(ids) == (file is not None):
        raise UsageError("say which rows: their numbers (meter quarantine show FILE:LINE), or --file and --rule")
    rows = store.quarantined_rows(ids=list(ids) or None, delivery=store.delivery(file).id if file else None, rule=rule)
    gone = set(ids) - {row["id"] for row in rows}
    if gone or not rows:
        which = ", ".join(map(str, sorted(gone))) or f"of {file}" + (f" by {rule}" if rule else "")
        raise UsageError(f"rows {which} do not wait in quarantine; `meter quarantine list` says what does")
    for row in rows:
        if row["rule"] in WHOLE:
            raise UsageError(
                f"{row['file']} was stopped as a whole: no single row can be released. "
                f"Replay it: meter quarantine replay {row['delivery']} --help"
            )
    return rows


def _release(
    store: Store, delivery: RecordedDelivery, rows: list[dict[str, Any]], who: str, why: str, settings: Settings
) -> dict[str, int]:
    """Release rows of one delivery."""
    with restored(delivery, settings.files_root) as path:
        reader = reader_of(path, delivery, store)
        frame = _values(reader, rows)
    return store.release(delivery.id, reader, frame, [row["id"] for row in rows], who, why)


def reader_of(path: Path, delivery: RecordedDelivery, facts: MeterFacts | None) -> DeliveryReader:
    """Return what reads a delivery as it was read.

    Args:
        path: Its file.
        delivery: Which it is.
        facts: What is known of the meters; None: nothing, which is enough to find their lines.
    """
    return DeliveryReader(path, profile_of(delivery), None if delivery.zone_assumed else delivery.zone, facts)


def _values(reader: DeliveryReader, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as they are loaded, bad auxiliary quantities blanked, in the order of `rows`.

    Raises:
        RefusedError: one has no value, key or time; or two have one key, and nothing says which is newer.
    """
    wanted = {row["line_from"] for row in rows}
    parts = []
    for part in reader.parts():
        some = part.frame[part.frame["line"].isin(wanted)]
        if len(some):
            judged, _ = judge(some, Limits())
            parts.append(judged.assign(code=some["code"]))
    frame = pd.concat(parts)
    keys = pd.MultiIndex.from_arrays([frame["line"], frame["meter_id"], frame["reading_ts"]])
    asked = [(row["line_from"], row["meter_id"] or "", pd.Timestamp(row["reading_ts"] or "NaT")) for row in rows]
    frame = frame[keys.isin(asked)]
    unreadable = frame[frame["code"].notna()]
    if len(unreadable):
        line, code = int(unreadable["line"].iloc[0]), unreadable["code"].iloc[0]
        raise RefusedError(
            f"{reader.file_name} line {line}: {code}: there is no value to release; {explanation(code)}, then replay"
        )
    twice = frame[frame.duplicated(["meter_id", "channel", "reading_ts"], keep=False)]
    if len(twice):
        lines = ", ".join(map(str, sorted(set(twice["line"]))[:5]))
        raise RefusedError(
            f"{reader.file_name} lines {lines} are of one meter and time: release only the one that is right"
        )
    if len(frame) != len(rows):
        raise RefusedError(
            f"{reader.file_name}: the kept file gives {len(frame)} values for these {len(rows)} rows; replay it instead"
        )
    return frame
