"""Deliveries as they came, kept compressed under `deliveries/` by their digest: whole, or not at all."""

import fcntl
import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_core.contracts.errors import UnavailableError, UsageError
from meter_core.jobs.on_disk import flush, move
from meter_core.store import RecordedDelivery

FOLDER: Final = "deliveries"
GZIP: Final = b"\x1f\x8b"
BLOCK: Final = 1 << 20
LEVEL: Final = 6


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as delivered.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}; correct the path or its rights") from error


def keep(path: Path, digest: str, files_root: str) -> str:
    """Keep a file as `deliveries/DIGEST.gz`: one that came as gzip as it is, any other compressed.

    Where a meter was erased from what is kept under that name, it is kept beside it: it is another file now.

    Args:
        path: The delivered file.
        digest: Of `digest_of`.
        files_root: fsspec URL or absolute path.

    Returns:
        Its name under `files_root`.

    Raises:
        UnavailableError: it cannot be written; nothing half written stays.
    """
    names = (f"{FOLDER}/{digest}{f'-{number}' if number > 1 else ''}.gz" for number in range(1, 10_000))
    try:
        files, root = fsspec.core.url_to_fs(files_root)
        for name in names:
            target = f"{str(root).rstrip('/')}/{name}"
            if not files.exists(target):
                put(files, path, target)
                break
            if _is_whole(files, target, digest):
                break
    except OSError as error:
        raise UnavailableError(
            f"{path.name} cannot be kept under {files_root}/{FOLDER}: {error.strerror or error}; "
            "nothing of it was loaded. Free space there, or set METER_FILES_URL or METER_HOME to another place, "
            "then run the same again"
        ) from error
    return name


def _is_whole(files: Any, kept: str, digest: str) -> bool:
    """Say whether a kept file is still what was delivered, which came as it is kept or unpacked."""
    with files.open(kept, "rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() == digest:
            return True
        stream.seek(0)
        try:
            with gzip.open(stream) as unpacked:
                return hashlib.file_digest(unpacked, "sha256").hexdigest() == digest
        except (EOFError, gzip.BadGzipFile, zlib.error):  # it was damaged
            return False


def put(files: Any, path: Path, target: str) -> None:
    """Write a file to where it is kept, in place of what is there: afterwards the one is there whole, or the other."""
    with _without_leftovers(files, target):
        _write(files, path, target)


@contextmanager
def restored(delivery: RecordedDelivery, files_root: str) -> Iterator[Path]:
    """Give the file of a delivery as it was delivered, under its own name, for as long as the block lasts.

    Args:
        delivery: Whose file.
        files_root: fsspec URL or absolute path.

    Raises:
        UsageError: it is not kept.
        UnavailableError: it cannot be read, or is not what was delivered.
    """
    files, root = fsspec.core.url_to_fs(files_root)
    kept = f"{str(root).rstrip('/')}/{delivery.kept_as}"
    with tempfile.TemporaryDirectory(prefix="meter-kept-") as folder:
        path = Path(folder) / delivery.file_name
        try:
            if delivery.kept_as is None or not files.exists(kept):
                raise _not_kept(delivery, files_root)
            files.get_file(kept, str(path))
            expected = delivery.kept_digest or delivery.file_digest
            if digest_of(path) != expected:
                unpack(path)
        except (OSError, EOFError) as error:
            raise UnavailableError(
                f"{delivery.file_name}: {files_root}/{delivery.kept_as} cannot be read ({error})"
            ) from error
        if digest_of(path) != expected:
            raise UnavailableError(
                f"{files_root}/{delivery.kept_as} is not what {delivery.file_name} was when it was delivered: "
                "restore it from a backup"
            )
        yield path


def _not_kept(delivery: RecordedDelivery, files_root: str) -> UsageError:
    """Return what to say of a file that is not there."""
    return UsageError(
        f"{delivery.file_name} (delivery {delivery.id}) is not kept under {files_root}/{FOLDER}: it was "
        "archived or erased, or METER_FILES_URL or METER_HOME is another than when it was loaded. Set it there, "
        f"restore {FOLDER}/{delivery.file_digest}.gz from a backup, or ask the sender for the file"
    )


def unpack(path: Path) -> None:
    """Unpack a kept file that came plain, in its place."""
    packed = path.with_name(f"{path.name}.packed")
    path.rename(packed)
    with gzip.open(packed) as source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink, BLOCK)
    packed.unlink()


def _write(files: Any, path: Path, target: str) -> None:
    """Write beside the target and move: whoever finds the target finds all of it."""
    folder, _, name = target.rpartition("/")
    part = f"{folder}/.{name}.{uuid4().hex}.part"
    files.makedirs(folder, exist_ok=True)
    try:
        with path.open("rb") as source, files.open(part, "wb") as sink:
            with _compressed(source, sink) as stream:
                shutil.copyfileobj(source, stream, BLOCK)
            flush(files, sink)
        move(files, part, target)
    finally:
        if files.exists(part):
            files.rm_file(part)


@contextmanager
def _without_leftovers(files: Any, target: str) -> Iterator[None]:
    """Remove what killed processes left half written, where nobody else is writing, and let nobody do so meanwhile."""
    if not isinstance(files, LocalFileSystem):
        yield
        return
    folder = Path(target).parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in folder.glob(".*.part"):
                part.unlink()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _compressed(source: IO[bytes], sink: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield where to write: the sink itself for a file that came as gzip, else a compressor into it."""
    begins = source.read(len(GZIP))
    source.seek(0)
    if begins == GZIP:
        yield sink
        return
    # no name and no time inside: the same delivery gives the same bytes
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=sink, mtime=0) as stream:
        yield stream  # type: ignore[misc]
