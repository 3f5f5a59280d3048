"""Deliveries as they came, kept compressed under `deliveries/` by their digest: whole, or not at all."""

import gzip
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_core.contracts.errors import UnavailableError, UsageError

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

    Args:
        path: The delivered file.
        digest: Of `digest_of`.
        files_root: fsspec URL or absolute path.

    Returns:
        Its name under `files_root`.

    Raises:
        UnavailableError: it cannot be written; nothing half written stays.
    """
    name = f"{FOLDER}/{digest}.gz"
    try:
        files, root = fsspec.core.url_to_fs(files_root)
        target = f"{str(root).rstrip('/')}/{name}"
        if not files.exists(target):
            _write(files, path, target)
    except OSError as error:
        raise UnavailableError(
            f"{path.name} cannot be kept under {files_root}/{FOLDER}: {error.strerror or error}; "
            "nothing of it was loaded. Free space there, or set METER_FILES_URL or METER_HOME to another place, "
            "then run the same again"
        ) from error
    return name


def _write(files: Any, path: Path, target: str) -> None:
    """Write beside the target and move: whoever finds the target finds all of it."""
    folder, _, name = target.rpartition("/")
    part = f"{folder}/.{name}.{uuid4().hex}.part"
    files.makedirs(folder, exist_ok=True)
    try:
        with path.open("rb") as source, files.open(part, "wb") as sink:
            with _compressed(source, sink) as stream:
                shutil.copyfileobj(source, stream, BLOCK)
            if isinstance(files, LocalFileSystem):
                sink.flush()
                os.fsync(sink.fileno())
        files.mv(part, target)
    finally:
        if files.exists(part):
            files.rm_file(part)


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
