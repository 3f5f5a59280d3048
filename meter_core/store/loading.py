"""One delivery, one transaction: staged, compared, accounted for. Afterwards all of it is there, or nothing."""

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd
from psycopg.types.json import Jsonb

from meter_core.store.connection import Connection
from meter_core.store.contest import Contest, lock
from meter_core.store.delivered import DeliveredFile, DeliveryKey, LoadCounts, SourceProfile, StoppedDelivery
from meter_core.store.landing import CONFLICTING
from meter_core.store.quarantine import (
    INTERVAL_CONFLICT,
    RawLines,
    quarantine_range,
    quarantine_staged,
    stage_refused,
    stage_refused_later,
)
from meter_core.store.queries import query

DELIVERY_LOCK: Final = 0x6D657464


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery's row in `source_file`.

    Attributes:
        source_file_id: Its key.
        recorded_at: When the system stored it. What competes with other deliveries is recorded at an instant after
            the meters' locks were taken, so a later delivery of a meter has a later time.
    """

    source_file_id: int
    recorded_at: datetime

    def parameters(self) -> dict[str, Any]:
        """Return both as SQL parameters."""
        return {"source_file_id": self.source_file_id, "recorded_at": self.recorded_at}


def known_delivery(connection: Connection, key: DeliveryKey) -> LoadCounts | None:
    """Return the accounting of a delivery that was loaded before, all of it duplicates now; None for a new one."""
    row = connection.execute(query("known_delivery"), key.parameters()).fetchone()
    if row is None:
        return None
    source_file_id, lines, rows = row
    return LoadCounts(lines, rows, duplicates=rows, known=True, source_file_id=source_file_id)


class Loading:
    """One delivery on its way into the connection's transaction, part by part.

    Args:
        connection: In a transaction; the caller commits it, or rolls it back.
        key: By what the delivery is known.
        delivery: Which it is.
        kept_as: Where the file itself is kept.
        raw_lines: Numbers of lines -> these lines as delivered; asked for lines whose part has gone.
    """

    def __init__(
        self,
        connection: Connection,
        key: DeliveryKey,
        delivery: DeliveredFile,
        kept_as: str | None,
        raw_lines: Callable[[Collection[int]], Mapping[int, str]],
    ) -> None:
        self.known = _locked_and_known(connection, key)
        """The accounting of the same delivery, where it was loaded before: then there is nothing to do."""
        self._connection = connection
        self._raw_lines = raw_lines
        self._rows = self._quarantined = 0
        if self.known is None:
            about = _about(delivery.file_name, kept_as, "loaded", 0) | {"zone_assumed": delivery.zone_assumed}
            self._opened = _open(connection, key, delivery.profile, about)
            self._contest = Contest(connection, self._opened.source_file_id, delivery)

    def add(self, frame: pd.DataFrame, raw_lines: RawLines) -> None:
        """Take a part of the delivery.

        Args:
            frame: (n, ...) with `code` and `blanked` completed; rows without a code are loaded.
            raw_lines: Gives lines of this part as delivered.
        """
        refused = frame["code"].notna().to_numpy()
        good, bad = frame[~refused], frame[refused]
        self._rows += len(frame)
        self._quarantined += len(bad)
        if len(bad):
            stage_refused(self._connection, bad, raw_lines)
            conflicting = bad[bad["code"] == CONFLICTING]
            if len(conflicting):
                self._contest.landing.add_conflicting(conflicting)
        if len(good):
            self._contest.add(good)

    def take_conflicts(self) -> list[tuple[int, datetime]]:
        """Quarantine the values of one key that differ though nothing orders them, in whatever parts they came.

        Returns:
            Line and time of each that was to be loaded until now.
        """
        found = self._contest.landing.take_conflicts()
        self._refuse_by_line(found, CONFLICTING)
        return [(line, reading_ts) for line, _, reading_ts in found]

    def finish(self, lines: int) -> LoadCounts:
        """Let the rows compete with what stands, and close the accounting.

        Args:
            lines: Delivered lines of data.

        Raises:
            ZoneConflictError: the delivery says another zone for a meter that is known.
        """
        contest = self._contest
        opened = Opened(self._opened.source_file_id, contest.lock())
        outcomes = contest.compete(opened.recorded_at)
        self._refuse_by_line(contest.interval_conflicts, INTERVAL_CONFLICT)
        quarantine_staged(self._connection, opened.source_file_id, self._opened.recorded_at)
        counts = LoadCounts(
            lines=lines,
            rows=self._rows,
            loaded=outcomes["loaded"],
            superseded=outcomes["superseded"],
            outranked=outcomes["outranked"],
            duplicates=outcomes["duplicates"],
            quarantined=self._quarantined,
            source_file_id=opened.source_file_id,
            interval_conflicts=outcomes["quarantined"],
        )
        span = {"first_ts": contest.first_ts, "last_ts": contest.last_ts}
        self._connection.execute(query("close_source_file"), {**opened.parameters(), **counts.as_dict(), **span})
        return counts

    def _refuse_by_line(self, rows: list[tuple[int, str, datetime]], code: str) -> None:
        """Quarantine rows of parts that have gone: their lines are read once more."""
        if rows:
            self._quarantined += len(rows)
            stage_refused_later(self._connection, rows, code, self._raw_lines)


def record_stopped(connection: Connection, stopped: StoppedDelivery) -> LoadCounts:
    """Record a delivery of which nothing is loaded, as one quarantined range. One that was loaded before stays so."""
    known = _locked_and_known(connection, stopped.key)
    if known:
        return known
    about = _about(stopped.file_name, stopped.kept_as, "stopped", stopped.lines)
    about |= {"reason": stopped.reason, "quarantined": stopped.rows}
    opened = _open(connection, stopped.key, stopped.profile, about)
    quarantine_range(connection, opened.source_file_id, opened.recorded_at, stopped)
    return LoadCounts(stopped.lines, stopped.rows, quarantined=stopped.rows, source_file_id=opened.source_file_id)


def _locked_and_known(connection: Connection, key: DeliveryKey) -> LoadCounts | None:
    """Wait until nobody else handles this delivery, then say whether it has been loaded."""
    lock(connection, DELIVERY_LOCK, [zlib.crc32(repr(key).encode())])
    return known_delivery(connection, key)


def _about(file_name: str, kept_as: str | None, status: str, lines: int) -> dict[str, Any]:
    """Return SQL parameters of a source file."""
    return {
        "file_name": file_name,
        "kept_as": kept_as,
        "status": status,
        "lines": lines,
        "reason": None,
        "quarantined": 0,
        "zone_assumed": False,
    }


def _open(connection: Connection, key: DeliveryKey, profile: SourceProfile, about: dict[str, Any]) -> Opened:
    """Write the delivery's row; what an earlier stop of the same delivery quarantined is resolved by it."""
    parameters = {
        **key.parameters(),
        **about,
        "profile": profile.name,
        "units": Jsonb(dict(profile.units)),
        "quantities": Jsonb({name: str(kind) for name, kind in profile.quantities.items()}),
        "declared": Jsonb(dict(profile.declared)),
    }
    row = connection.execute(query("open_source_file"), parameters).fetchone()
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives a row
    opened = Opened(*row)
    connection.execute(query("resolve_quarantine"), opened.parameters())
    return opened
