"""Months made before they are needed; old ones written to files and taken out of the database."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import fsspec
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.jobs.kept_deliveries import LEVEL
from meter_core.jobs.on_disk import flush, move
from meter_core.settings import Settings
from meter_core.store import Store
from meter_core.store.retention import Old, month_of

FOLDER: Final = "archive"
FEWEST_MONTHS: Final = 4
"""A training looks back 84 days, and the month that runs is not whole."""


@dataclass(frozen=True, slots=True)
class Archived:
    """One file of the archive.

    Attributes:
        table: Partition, or table, out of which the rows were taken.
        rows: How many.
        file: Under the files root; None where nothing was done.
    """

    table: str
    rows: int
    file: str | None


@dataclass(frozen=True, slots=True)
class Retained:
    """What was archived.

    Attributes:
        before: First instant that stays.
        archived: What went.
        deliveries: Kept files that were moved to the archive: all their values lie before it.
    """

    before: datetime
    archived: Sequence[Archived]
    deliveries: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        archived = [asdict(each) for each in self.archived]
        return {"before": self.before.isoformat(), "archived": archived, "deliveries": self.deliveries}


def make_months(ahead: int, database_url: SecretStr | str, now: datetime | None = None) -> list[str]:
    """Make the partitions of this month and so many after it; return the names of those that were not there.

    Raises:
        UsageError: the number cannot be.
    """
    if not 0 <= ahead <= 120:
        raise UsageError(f"{ahead} months ahead cannot be; say 0 to 120")
    return Store(database_url).make_months(month_of(now or datetime.now(UTC)), ahead + 1)


def retain(
    keep_months: int,
    who: str,
    why: str,
    settings: Settings,
    database_url: SecretStr | str,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    now: datetime | None = None,
) -> Retained:
    """Archive what is older than so many months: a CSV a month and table under `archive/`, then out of the database.

    Each month is a transaction of its own, and its file is whole before the month goes. Run again, it goes on.

    Args:
        keep_months: How many whole months stay beside the one that runs.
        who: Archives it.
        why: In their words.
        settings: Where files are.
        database_url: Of PostgreSQL.
        dry_run: Only say what would go.
        progress: Is told what is being done.
        now: Until when months are counted; None: now.

    Raises:
        UsageError: so few months that training would lack them.
        UnavailableError: PostgreSQL or the files cannot be reached, or somebody reads a month for long.
    """
    if keep_months < FEWEST_MONTHS:
        raise UsageError(f"--keep-months {keep_months} would take what training needs; say {FEWEST_MONTHS} or more")
    cutoff = month_of(now or datetime.now(UTC)) - keep_months
    before = datetime(cutoff // 12, cutoff % 12 + 1, 1, tzinfo=UTC)
    store = Store(database_url)
    due = store.old_months(cutoff)
    if dry_run:
        return Retained(before, [Archived(each.table, each.rows, None) for each in due], 0)
    archived = []
    for old in due:
        progress(f"archiving {old.table}: {old.rows:,} rows")
        archived.append(_archive(store, old, cutoff, before, who, why, settings.files_root))
    return Retained(before, archived, _move_deliveries(store, before, settings.files_root))


def _archive(store: Store, old: Old, cutoff: int, before: datetime, who: str, why: str, files_root: str) -> Archived:
    """Archive one month of a table; a file that is not on record was left by a run that broke off."""
    files, root = fsspec.core.url_to_fs(files_root)
    stem = old.table if old.parent else f"{old.table}_before_{before:%Y_%m}"
    recorded = store.archived_files()
    names = (f"{FOLDER}/{stem}{f'-{number}' if number > 1 else ''}.csv.gz" for number in range(1, 10_000))
    name = next(each for each in names if each not in recorded)
    target, part = f"{str(root).rstrip('/')}/{name}", f"{str(root).rstrip('/')}/{FOLDER}/.{uuid4().hex}.part"
    try:
        files.makedirs(f"{str(root).rstrip('/')}/{FOLDER}", exist_ok=True)
        with store.archiving(old, cutoff, who, why, name) as write:
            with files.open(part, "wb") as sink:
                with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=LEVEL, mtime=0) as packed:
                    rows = write(packed.write)
                flush(files, sink)
            move(files, part, target)
    except OSError as error:
        raise UnavailableError(
            f"{old.table} cannot be archived under {files_root}/{FOLDER}: {error.strerror or error}; nothing of it was "
            "taken out of the database. Make room there and run the same again"
        ) from error
    finally:
        if files.exists(part):
            files.rm_file(part)
    return Archived(old.table, rows, name)


def _move_deliveries(store: Store, before: datetime, files_root: str) -> int:
    """Move kept files all of whose values were archived; they are still found there."""
    files, root = fsspec.core.url_to_fs(files_root)
    base, moved = str(root).rstrip("/"), 0
    for place in sorted({each.kept_as for each in store.deliveries_before(before) if each.kept_as}):
        target = f"{FOLDER}/{place}"
        if files.exists(f"{base}/{place}"):
            files.makedirs(f"{base}/{target.rpartition('/')[0]}", exist_ok=True)
            files.mv(f"{base}/{place}", f"{base}/{target}")
        if files.exists(f"{base}/{target}"):
            store.moved_delivery(place, target)
            moved += 1
    return moved
