"""One meter's data out of the product: tables, kept files, predictions, keys and models; recorded without its id."""

import csv
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import fsspec

from meter_core.contracts.api_keys import write_keys
from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.contracts.naming import names
from meter_core.embedded.connections import Connections
from meter_core.jobs.api_keys import keys_file, known_keys
from meter_core.jobs.erase_models import erase_from_models
from meter_core.jobs.erase_unnamed import drop_unnamed
from meter_core.jobs.inbox import REASON_END, STOPPED
from meter_core.jobs.kept_deliveries import put, restored
from meter_core.jobs.kept_lines import holds, lines_of, without_lines
from meter_core.jobs.quarantine import reader_of
from meter_core.jobs.recorded_profiles import profile_of
from meter_core.jobs.registered import store_of
from meter_core.jobs.retention import FOLDER as ARCHIVE
from meter_core.quality.completeness import FOLDER as COMPLETENESS
from meter_core.settings import Settings
from meter_core.sources import Profile
from meter_core.store import RecordedDelivery, Store

Progress = Callable[[str], None]
PREDICTIONS: Final = "predictions"
ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of a meter.

    Attributes:
        tables: Rows by table.
        files: Kept files out of which its lines were taken.
        dropped: Kept files that cannot be written without them and are kept no more: they cannot be replayed.
            Those that no delivery names, of a run that was killed or refused, are among them.
        predictions: Lines of CSV files under `predictions/`.
        archive: Lines of CSV files under `archive/`.
        keys: API keys that listed it.
        models: Registered versions that knew it, and what became of each.
    """

    tables: Mapping[str, int]
    files: int
    dropped: int
    predictions: int
    archive: int
    keys: int
    models: Sequence[str] = field(default_factory=tuple)

    @property
    def nothing(self) -> bool:
        """Whether nothing named it."""
        counts = (
            *self.tables.values(),
            self.files,
            self.dropped,
            self.predictions,
            self.archive,
            self.keys,
            len(self.models),
        )
        return not any(counts)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        figures = {name: getattr(self, name) for name in ("files", "dropped", "predictions", "archive", "keys")}
        return {"tables": dict(self.tables), **figures, "models": list(self.models), "nothing": self.nothing}


def erase(
    meter_id: str,
    who: str,
    why: str,
    settings: Settings,
    connections: Connections,
    progress: Progress = lambda _: None,
) -> Erased:
    """Erase a meter from tables, kept files, predictions, keys and models. Run again, it finishes what broke off.

    Its lines in kept files become empty: a replay of those deliveries leaves it out. The files are written before the
    tables, so that one that broke off between finds the meter again. What is delivered or replayed meanwhile is looked
    at too, until nothing new is found.

    Args:
        meter_id: Whose data.
        who: Erases it.
        why: In their words, without the id.
        settings: Where files and keys are.
        connections: With PostgreSQL and MLflow.
        progress: Is told what is being done.

    Raises:
        UsageError: no reason is given, or it names the meter.
        UnavailableError: PostgreSQL, MLflow or the files cannot be reached; run the same again.
    """
    if not why.strip() or names(meter_id).search(why):
        raise UsageError("say why it is erased, without the meter's id: --why TEXT; it is kept as the record")
    store = store_of(connections, settings)
    with _reachable(settings):
        rows, kept = _out_of_store(meter_id, who, why, settings, store, progress)
        erased = Erased(
            rows,
            sum(digest is not None for digest in kept.values()),
            sum(digest is None for digest in kept.values()),
            _out_of_files(meter_id, f"{PREDICTIONS}/**/*.csv", settings),
            _out_of_files(meter_id, f"{ARCHIVE}/*.csv.gz", settings),
            _out_of_keys(meter_id, settings),
            erase_from_models(meter_id, who, settings, connections, progress),
        )
        return replace(erased, dropped=erased.dropped + drop_unnamed(meter_id, store, settings))


@contextmanager
def _reachable(settings: Settings) -> Iterator[None]:
    """Say what to do where files cannot be read or written."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"the meter is not erased yet: files under {settings.files_root} cannot be read or written "
            f"({error.strerror or error}). Make room or give the rights there, and run the same again"
        ) from error


def _out_of_store(
    meter_id: str, who: str, why: str, settings: Settings, store: Store, progress: Progress
) -> tuple[Counter[str], dict[str, str | None]]:
    """Take a meter out of kept files and tables, until no delivery came or changed meanwhile.

    Returns:
        Rows by table, and of each kept file it stood in the SHA-256 of what is kept now.
    """
    rows: Counter[str] = Counter()
    kept: dict[str, str | None] = {}
    seen: set[tuple[Any, ...]] = set()
    deliveries = fresh = store.deliveries()
    while True:
        found = _out_of_kept(meter_id, fresh, deliveries, settings, progress)
        renamed = {each.id: _renamed(each, meter_id) for each in fresh if _names(each, meter_id)}
        touched = [each for each in fresh if each.kept_as in found or each.id in renamed]
        _clean_pages(touched, renamed, settings)
        _drop_stopped(touched, settings)
        _drop_completeness(settings)
        rows.update(store.erase_meter(meter_id, found, renamed, who, why))
        for place in found:
            _KeptFile.at(place, settings).settled()
        kept |= found
        seen.update(_state(each) for each in deliveries)
        deliveries = store.deliveries()
        fresh = [each for each in deliveries if _state(each) not in seen]
        if not fresh:
            return rows, kept


def _state(delivery: RecordedDelivery) -> tuple[Any, ...]:
    """Return what is another where a delivery was loaded or replayed once more."""
    return delivery.id, delivery.profile_digest, delivery.zone, delivery.recorded_at


def _out_of_kept(
    meter_id: str,
    fresh: list[RecordedDelivery],
    deliveries: list[RecordedDelivery],
    settings: Settings,
    progress: Progress,
) -> dict[str, str | None]:
    """Take a meter's lines out of the kept files of fresh deliveries; return the SHA-256 of each that it stood in."""
    found: dict[str, str | None] = {}
    for place in sorted({each.kept_as for each in fresh if each.kept_as}):
        own = [each for each in deliveries if each.kept_as == place]
        progress(f"{own[0].file_name if meter_id not in own[0].file_name else place}: looking for its lines")
        digest = _rewritten(meter_id, _KeptFile.at(place, settings), own, settings)
        if digest is not None:
            found[place] = digest or None  # empty: the file is kept no more
    return found


@dataclass(frozen=True)
class _KeptFile:
    """A kept file, and the note beside it of the SHA-256 it gets: what breaks off in between is found by it."""

    files: Any
    target: str

    @classmethod
    def at(cls, place: str, settings: Settings) -> "_KeptFile":
        files, root = fsspec.core.url_to_fs(settings.files_root)
        return cls(files, f"{str(root).rstrip('/')}/{place}")

    @property
    def note(self) -> str:
        return f"{self.target}.erasing"

    def noted(self) -> str | None:
        """Return the digest that a run which broke off gave the file."""
        return self.files.cat_file(self.note).decode() if self.files.exists(self.note) else None

    def replace(self, fresh: Path, digest: str) -> None:
        """Put another file in its place."""
        self.files.pipe_file(self.note, digest.encode())
        put(self.files, fresh, self.target)

    def settled(self) -> None:
        """Forget the note: the database says the same."""
        if self.files.exists(self.note):
            self.files.rm_file(self.note)


def _rewritten(meter_id: str, kept: _KeptFile, deliveries: list[RecordedDelivery], settings: Settings) -> str | None:
    """Take the meter's lines out of a kept file; return the SHA-256 of what is kept now.

    Empty where the file is kept no more, None where nothing changes.
    """
    if not kept.files.exists(kept.target):
        return None
    noted = kept.noted()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meter-erase-")))
        path = stack.enter_context(_restored(deliveries[0], noted, settings))
        lines = _lines(meter_id, path, deliveries)
        if lines == set():
            return noted
        fresh = folder / "fresh.gz"
        digest = None if lines is None else without_lines(path, lines, fresh)
        if digest is None:
            kept.files.rm_file(kept.target)
            return ""
        kept.replace(fresh, digest)
    return digest


@contextmanager
def _restored(delivery: RecordedDelivery, noted: str | None, settings: Settings) -> Iterator[Path]:
    """Give the kept file as the database knows it, or as a run left it that broke off before it could say so."""
    with ExitStack() as stack:
        try:
            path = stack.enter_context(restored(delivery, settings.files_root))
        except UnavailableError:
            if noted is None:
                raise
            path = stack.enter_context(restored(replace(delivery, kept_digest=noted), settings.files_root))
        yield path


def _lines(meter_id: str, path: Path, deliveries: list[RecordedDelivery]) -> set[int] | None:
    """Return the meter's lines, however the file was read; None where the file as a whole has to go."""
    lines: set[int] = set()
    for each in deliveries:
        profile = _known_profile(each)
        if profile is None:
            if holds(meter_id, path):
                return None
            continue
        if profile.meter_id == meter_id:
            return None
        found = lines_of(meter_id, reader_of(path, each, None))
        if found is None and holds(meter_id, path, profile.encoding):
            return None
        if found and not profile.has_text_lines:
            return None
        lines |= found or set()
    return lines


def _known_profile(delivery: RecordedDelivery) -> Profile | None:
    """Return the profile a delivery was read by; None where nobody knows it any more."""
    try:
        return profile_of(delivery)
    except UsageError:
        return None


def _names(delivery: RecordedDelivery, meter_id: str) -> bool:
    """Say whether what is recorded of a delivery names the meter: its file's name or its profile."""
    return bool(names(meter_id).search(delivery.file_name)) or (delivery.declared or {}).get("meter_id") == meter_id


def _renamed(delivery: RecordedDelivery, meter_id: str) -> str:
    """Return the file name without the id."""
    return names(meter_id).sub(ERASED, delivery.file_name)


def _clean_pages(deliveries: list[RecordedDelivery], renamed: Mapping[int, str], settings: Settings) -> None:
    """Write the data docs anew whose file's name held the id: they hold no other."""
    files, root = fsspec.core.url_to_fs(settings.data_docs_root)
    for each in deliveries:
        fresh = renamed.get(each.id, each.file_name)
        if fresh == each.file_name:
            continue
        pages = [f"{root}/index.html", *files.glob(f"{root}/{each.file_digest[:12]}-*/*")]
        for page in filter(files.exists, pages):
            files.pipe_file(page, files.cat_file(page).replace(each.file_name.encode(), fresh.encode()))


def _drop_completeness(settings: Settings) -> None:
    """Remove the pages of all meters' completeness: the next `meter data completeness` draws them without this one."""
    files, root = fsspec.core.url_to_fs(settings.data_docs_root)
    if files.exists(f"{root}/{COMPLETENESS}"):
        files.rm(f"{root}/{COMPLETENESS}", recursive=True)


def _drop_stopped(deliveries: list[RecordedDelivery], settings: Settings) -> None:
    """Remove from `inbox_stopped/` the files whose kept copy held the meter."""
    files, root = fsspec.core.url_to_fs(settings.files_root)
    digests = {each.file_digest for each in deliveries}
    for path in files.glob(f"{str(root).rstrip('/')}/{STOPPED}/*/*"):
        if not path.endswith(REASON_END) and _digest(files, path) in digests:
            files.rm_file(path)
            if files.exists(f"{path}{REASON_END}"):
                files.rm_file(f"{path}{REASON_END}")


def _digest(files: Any, path: str) -> str:
    """Return the SHA-256 of a file."""
    with files.open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _out_of_files(meter_id: str, pattern: str, settings: Settings) -> int:
    """Take the meter's lines out of CSV files under the files root, plain or gzip; return how many."""
    files, root = fsspec.core.url_to_fs(settings.files_root)
    return sum(_out_of_file(meter_id, files, path) for path in files.glob(f"{str(root).rstrip('/')}/{pattern}"))


def _out_of_file(meter_id: str, files: Any, path: str) -> int:
    """Take the meter's lines out of one CSV file; it stays as it is where it has none."""
    named = names(meter_id)
    gone, part, packed = 0, f"{path}.part", "gzip" if path.endswith(".gz") else None
    text: dict[str, Any] = {"encoding": "utf-8", "newline": "", "compression": packed}
    with files.open(path, "rt", **text) as source, files.open(part, "wt", **text) as sink:
        reader, writer = csv.reader(source), csv.writer(sink, lineterminator="\n")
        header = next(reader, [])
        writer.writerow(header)
        for row in reader:
            values = dict(zip(header, row, strict=False))
            is_meant = values.get("meter_id") == meter_id
            if is_meant or (not values.get("meter_id") and named.search(values.get("raw_line", ""))):
                gone += 1
            else:
                writer.writerow(row)
    if gone:
        files.mv(part, path)
    else:
        files.rm_file(part)
    return gone


def _out_of_keys(meter_id: str, settings: Settings) -> int:
    """Take the meter off the lists of API keys; return how many had it. A key with none left may see none."""
    keys = known_keys(settings)
    left = [
        key if key.meters is None else replace(key, meters=[each for each in key.meters if each != meter_id])
        for key in keys
    ]
    changed = sum(key.meters != other.meters for key, other in zip(keys, left, strict=True))
    if changed:
        write_keys(keys_file(settings), left)
    return changed
