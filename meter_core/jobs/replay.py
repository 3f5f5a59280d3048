"""A delivery read again after its profile or a rule was fixed: the result is as if it had been read so at first."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.finding import Finding
from meter_core.contracts.readings import PARTS
from meter_core.jobs.inspection import Inspection
from meter_core.jobs.kept_deliveries import restored
from meter_core.jobs.quarantine import reader_of
from meter_core.jobs.recorded_profiles import profile_of
from meter_core.quality import Inspector, LateConflict, Limits, Subject, judge
from meter_core.settings import Settings
from meter_core.sources import DeliveryReader, Profile, load_profile, profile_names, raw_lines
from meter_core.sources.installed import MeterFacts
from meter_core.store import DeliveryKey, LoadCounts, Outcome, RecordedDelivery, Rewriting, Span, Store
from meter_core.store.landing import CONFLICTING

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replayed delivery.

    Attributes:
        delivery: Its number.
        file: Its file's name.
        before: Its accounting until now.
        counts: Its accounting now.
        withdrawn: Values it had stored and stores no more; history keeps them.
        others: Other deliveries whose values were delivered again beside it, in their order.
        findings: What was found.
        data_docs: Its page.
    """

    delivery: int
    file: str
    before: Mapping[str, int]
    counts: LoadCounts
    withdrawn: int
    others: Sequence[int]
    findings: tuple[Finding, ...]
    data_docs: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "delivery": self.delivery,
            "file": self.file,
            **self.counts.as_dict(),
            "before": dict(self.before),
            "withdrawn": self.withdrawn,
            "others": list(self.others),
            "findings": [finding.as_dict() for finding in self.findings],
            "data_docs": self.data_docs,
        }


@dataclass(frozen=True, slots=True)
class Fix:
    """How a delivery is to be read now.

    Attributes:
        source: Profile, built in or a YAML file; None: the one it was read by.
        zone: IANA zone of its meters, in place of the profile's; None: as it was said.
        stop_above: Share of quarantined values above which nothing is loaded; None: as set.
        who: Replays it.
        why: In their words.
    """

    source: str | None
    zone: str | None
    stop_above: float | None
    who: str
    why: str

    def profile(self, delivery: RecordedDelivery) -> Profile:
        """Return the profile to read it by.

        Raises:
            UsageError: nobody said it, and the one it was read by is not known any more.
        """
        if self.source is not None:
            return load_profile(self.source)
        if delivery.profile not in profile_names():
            return profile_of(delivery)
        built_in = load_profile(delivery.profile)
        if built_in.digest != delivery.profile_digest:
            raise UsageError(
                f"{delivery.file_name} was read by a profile {delivery.profile} that is not the built-in one of today; "
                f"say by which to read it: --source {delivery.profile} for the built-in one, or --source FILE.yaml"
            )
        return built_in

    def said_zone(self, delivery: RecordedDelivery) -> str | None:
        """Return the zone that was said, now or then, beside the profile's; None where none was."""
        if self.zone is not None:
            return self.zone
        recorded = (delivery.declared or {}).get("zone")
        return None if delivery.zone_assumed or delivery.zone == recorded else delivery.zone


def replay(
    name: str, fix: Fix, settings: Settings, database_url: SecretStr | str, progress: Progress = lambda _: None
) -> Replayed:
    """Read a kept delivery again and let it take the place it has among the deliveries of its meters.

    Readings, quarantine and the accounting of every delivery are then as if it had been read so at first. What it had
    stored and stores no more stays in history as `withdrawn`, known until now. Nothing else is loaded meanwhile.

    Args:
        name: The delivery: number, file name, or beginning of its digest.
        fix: How to read it now.
        settings: Where files are kept, and the stop threshold.
        database_url: Of PostgreSQL.
        progress: Is told what is being done.

    Raises:
        UsageError: no such delivery, profile or zone, or a file is not kept.
        RefusedError: too many values would be quarantined, zones disagree, or something else changed the delivery
            meanwhile; nothing was changed.
    """
    if not fix.why.strip():
        raise UsageError("say why it is replayed: --why TEXT; it is kept with the delivery")
    store = Store(database_url)
    delivery = store.delivery(name)
    limits = Limits(stop_above_share=settings.stop_above_share if fix.stop_above is None else fix.stop_above)
    profile, zone = fix.profile(delivery), fix.said_zone(delivery)
    with ExitStack() as open_files, Inspector(limits) as inspector:
        inspector.start()
        path = open_files.enter_context(restored(delivery, settings.files_root))
        make_reader = partial(DeliveryReader, path, profile, zone)
        progress(f"{delivery.file_name}: finding its meters and hours")
        span = Span.of(part.frame for part in make_reader(store).parts())
        if delivery.status == "loaded":
            earlier = Span.of(part.frame for part in reader_of(path, delivery, store).parts())
            span = earlier.with_(span) if earlier else span
        with store.rewriting() as rewriting:
            run = _Replay(
                rewriting, delivery, path, make_reader, limits, inspector, fix, settings, open_files, progress
            )
            return run.replay(span)


@dataclass(frozen=True)
class _Event:
    """Rows that were loaded at one instant.

    Attributes:
        at: When.
        delivery: Whose.
        path: The file as delivered.
        rows: Which; None: all that its rules did not refuse.
    """

    at: datetime
    delivery: RecordedDelivery
    path: Path
    rows: set[Any] | None = None


@dataclass
class _Replay:
    """One replay, in its transaction."""

    rewriting: Rewriting
    delivery: RecordedDelivery
    path: Path
    make_reader: Callable[[MeterFacts], DeliveryReader]
    limits: Limits
    inspector: Inspector
    fix: Fix
    settings: Settings
    open_files: ExitStack
    progress: Progress

    def replay(self, span: Span | None) -> Replayed:
        """Deliver the span again, as it was and as it is to be; what differs changes the accounting."""
        rewriting, delivery = self.rewriting, self.delivery
        self._refuse_changed()
        reader = self.make_reader(self.rewriting)
        key = DeliveryKey(delivery.file_digest, reader.profile.digest, reader.zone)
        self._refuse_archived(span)
        twin = rewriting.same(delivery, key)
        own = [delivery.id, *([twin.id] if twin else [])]
        others = rewriting.others(own, span) if span else []
        events = sorted((event for each in others for event in self._events(each)), key=lambda event: event.at)
        before: dict[int, Counter[str]] = {}
        if span:
            rewriting.remember(own, span)
            if others:
                before = self._as_it_was(events, twin, span)
            rewriting.forget(span)
        rewriting.empty_quarantine(delivery.id, self.fix.who, self.fix.why)
        if twin:
            rewriting.drop(twin.id)
        after = self._deliver([event for event in events if event.at < delivery.recorded_at], span)
        result, outcome = self._judged(reader, key)
        _add(after, self._deliver([event for event in events if event.at >= delivery.recorded_at], span))
        for each in others:
            rewriting.recount(each.id, {part: after[each.id][part] - before[each.id][part] for part in PARTS})
        withdrawn = rewriting.finish(delivery, key, reader, result.counts, outcome, span)
        result = replace(result, withdrawn=withdrawn, others=[each.id for each in others])
        evidence = {**result.counts.as_dict(), "before": dict(result.before), "withdrawn": withdrawn}
        profiles = {"profile_digest_before": delivery.profile_digest, "profile_digest": key.profile_digest}
        rewriting.record("replayed", self.fix.who, self.fix.why, delivery.id, evidence | profiles)
        return result

    def _refuse_changed(self) -> None:
        """Raise where the delivery is no longer what it was when its file was read."""
        if self.rewriting.is_changed(self.delivery):
            raise RefusedError(
                f"{self.delivery.file_name} (delivery {self.delivery.id}) changed meanwhile: it was delivered, "
                "replayed or archived, or a meter was erased from it. This replay changed nothing; run it again"
            )

    def _refuse_archived(self, span: Span | None) -> None:
        """Raise where the delivery reaches into months that are no longer in the database."""
        archived = self.rewriting.archived_before()
        if span and archived and span.first_ts < archived:
            raise RefusedError(
                f"{self.delivery.file_name} begins before {archived:%Y-%m-%d}, until when months were archived: what "
                "else stood there is not in the database, so nothing was changed. Restore those months first "
                "(docs/ingestion.md)"
            )

    def _as_it_was(self, events: list[_Event], twin: RecordedDelivery | None, span: Span) -> dict[int, Counter[str]]:
        """Deliver the span as it was delivered: what of each other delivery's accounting comes from it."""
        own = [each for each in (self.delivery, twin) if each is not None and each.status == "loaded"]
        all_events = sorted([*events, *(e for each in own for e in self._events(each))], key=lambda event: event.at)
        self.rewriting.forget(span)
        return self._deliver(all_events, span)

    def _events(self, delivery: RecordedDelivery) -> Iterator[_Event]:
        """Yield when rows of a delivery were loaded: at first, and whenever a person released some."""
        path = self.open_files.enter_context(restored(delivery, self.settings.files_root))
        yield _Event(delivery.recorded_at, delivery, path)
        for at, rows in self.rewriting.releases(delivery.id).items():
            yield _Event(at, delivery, path, rows)

    def _deliver(self, events: list[_Event], span: Span | None) -> dict[int, Counter[str]]:
        """Deliver rows again in their order; return what became of those of each delivery."""
        counts: dict[int, Counter[str]] = {}
        for event in events:
            self.progress(f"{event.delivery.file_name}: delivering again what it shares with the replayed one")
            assert span is not None  # noqa: S101 - without a span there are no events
            _add(counts, {event.delivery.id: self._deliver_one(event, span)})
        return counts

    def _deliver_one(self, event: _Event, span: Span) -> Counter[str]:
        """Deliver the rows of one event that lie in the span."""
        delivery, reader = event.delivery, reader_of(event.path, event.delivery, self.rewriting)
        refused = self.rewriting.refused(delivery.id)
        contest = self.rewriting.contest(delivery.id, reader)
        limits = Limits(now=delivery.recorded_at)
        for part in reader.parts():
            some = part.frame[part.frame["code"].isna().to_numpy() & span.holds(part.frame)]
            some = some[_among(some, refused if event.rows is None else event.rows) == (event.rows is not None)]
            if len(some):
                contest.add(judge(some, limits)[0].assign(code=None))
        raw = partial(raw_lines, event.path, reader.profile.encoding)
        return self.rewriting.settle(contest, delivery.id, event.at, raw).counts

    def _judged(self, reader: DeliveryReader, key: DeliveryKey) -> tuple[Replayed, Outcome]:
        """Read, judge and load the replayed delivery at its place.

        Raises:
            RefusedError: too much of it would be quarantined.
        """
        rewriting, delivery = self.rewriting, self.delivery
        contest = rewriting.contest(delivery.id, reader)
        raw = partial(raw_lines, self.path, reader.profile.encoding)
        rows = quarantined = 0
        inspection = Inspection(self.limits, self.inspector)
        for judged, delivered_lines in inspection.judged(reader):
            bad = judged[judged["code"].notna()]
            if len(bad):
                rewriting.refuse(bad, delivered_lines)
            if (bad["code"] == CONFLICTING).any():
                contest.landing.add_conflicting(bad[bad["code"] == CONFLICTING])
            if len(bad) < len(judged):
                contest.add(judged[judged["code"].isna()])
            rows, quarantined = rows + len(judged), quarantined + len(bad)
        found = contest.landing.take_conflicts()
        late = [LateConflict(line, pd.Timestamp(stamp)) for line, _, stamp in found]
        stop = inspection.stop_reason(late, reader.file_name)
        if stop is not None:
            raise RefusedError(f"nothing was changed: {stop}")
        if found:
            rewriting.refuse_later(found, CONFLICTING, raw)
        outcome = rewriting.settle(contest, delivery.id, rewriting.now, raw)
        quarantined += len(found) + outcome.counts["quarantined"]
        loaded, superseded, outranked, duplicates = (outcome.counts[part] for part in PARTS[:-1])
        counts = LoadCounts(reader.lines, rows, loaded, superseded, outranked, duplicates, quarantined)
        subject = Subject(reader.file_name, key.file_digest, reader.profile.name, reader.zone, reader.lines)
        inspection.close(late, subject)
        said, page = inspection.documented(self.settings.files_root)
        before = {part: getattr(delivery, part) for part in ("rows", *PARTS)}
        findings = (*reader.findings, *said)
        return Replayed(delivery.id, reader.file_name, before, counts, 0, (), findings, page), outcome


def _among(frame: pd.DataFrame, rows: set[Any]) -> Any:
    """Return (n,) which rows of a frame are among these (line, meter, time)."""
    if not rows:
        return np.zeros(len(frame), dtype=bool)
    keys = zip(frame["line"].tolist(), frame["meter_id"].tolist(), frame["reading_ts"].dt.to_pydatetime(), strict=True)
    return pd.Series([key in rows for key in keys], index=frame.index, dtype=bool).to_numpy()


def _add(total: dict[int, Counter[str]], more: Mapping[int, Counter[str]]) -> None:
    """Add counts of deliveries."""
    for number, counts in more.items():
        total.setdefault(number, Counter()).update(counts)
